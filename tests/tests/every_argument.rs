//! Every argument there is, of a wrong type, empty, out of its range, and known only at apply. What
//! is listed here is held to the schema, so that no argument comes without.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use crate::scene::Scene;

const STREAM: &str = "\"arn:aws:kinesis:eu-central-1:111122223333:stream/logs\"";
const ROLE: &str = "\"arn:aws:iam::111122223333:role/logs\"";

/// What is said on the argument's line: the summary of an error, or nothing, because it is right.
type Said = Option<&'static str>;

/// Where an argument stands, its name, what is said of it empty, and a value out of its range with
/// what is said of that. A number and a flag are never empty.
type Argument = (&'static str, &'static str, Said, Option<(&'static str, &'static str)>);

const FINE: Said = None;

const POLICY: &str = "resource logagg_policy";
const GROUPS: &str = "data logagg_log_groups";
const PROVIDER: &str = "provider";

const ARGUMENTS: &[Argument] = &[
    (POLICY, "name", Some("Invalid name"), Some(("\"a:b\"", "Invalid name"))),
    (POLICY, "region", Some("Invalid region"), Some(("\"Ireland\"", "Invalid region"))),
    (
        POLICY,
        "destination_arn",
        Some("Invalid destination ARN"),
        Some(("\"arn:aws:s3:::b\"", "Unsupported destination")),
    ),
    (POLICY, "filter_name", Some("Invalid filter name"), Some(("\"a*\"", "Invalid filter name"))),
    (POLICY, "filter_pattern", FINE, Some((LONG, "Filter pattern too long"))),
    (POLICY, "role_arn", Some("Invalid role ARN"), Some(("\"logs\"", "Invalid role ARN"))),
    (
        POLICY,
        "distribution",
        Some("Invalid distribution"),
        Some(("\"random\"", "Invalid distribution")),
    ),
    (POLICY, "apply_on_transformed_logs", FINE, None),
    (
        POLICY,
        "field_selection_criteria",
        Some("Invalid field selection criteria"),
        Some((LONG, "Invalid field selection criteria")),
    ),
    (POLICY, "emit_system_fields", FINE, Some(("[\"@aws.x\"]", "Unknown system field"))),
    (POLICY, "replace_destination_arns", FINE, Some(("[\"old\"]", "Invalid destination ARN"))),
    (POLICY, "grant_invoke", FINE, Some(("true", "grant_invoke without a Lambda function"))),
    (
        POLICY,
        "on_conflict",
        Some("Invalid on_conflict"),
        Some(("\"ignore\"", "Invalid on_conflict")),
    ),
    (POLICY, "retention_in_days", FINE, Some(("2", "Invalid retention"))),
    (
        POLICY,
        "retention_mode",
        Some("Invalid retention mode"),
        Some(("\"about\"", "Invalid retention mode")),
    ),
    (
        POLICY,
        "retention_on_destroy",
        Some("Invalid retention_on_destroy"),
        Some(("\"drop\"", "Invalid retention_on_destroy")),
    ),
    (POLICY, "deletion_protection", FINE, None),
    (
        POLICY,
        "deletion_protection_on_destroy",
        Some("Invalid deletion_protection_on_destroy"),
        Some(("\"drop\"", "Invalid deletion_protection_on_destroy")),
    ),
    (POLICY, "refresh", Some("Invalid refresh"), Some(("\"never\"", "Invalid refresh"))),
    (POLICY, "full_refresh_after_hours", FINE, Some(("0", "Invalid number of hours"))),
    (POLICY, "max_changes", FINE, Some(("-1", "Invalid number"))),
    (POLICY, "min_matches", FINE, Some(("-1", "Invalid number"))),
    ("resource logagg_policy select", "names", FINE, Some(("[\"a b\"]", "Invalid log group name"))),
    ("resource logagg_policy select", "name_prefixes", FINE, Some(("[\"\"]", "Empty name prefix"))),
    (
        "resource logagg_policy select",
        "name_regex",
        FINE,
        Some(("\"(\"", "Invalid regular expression")),
    ),
    (
        "resource logagg_policy select",
        "tags",
        Some("Invalid tags"),
        Some(("{ \"a*\" = \"b\" }", "Invalid tags")),
    ),
    (
        "resource logagg_policy select",
        "log_group_classes",
        FINE,
        Some(("[\"CHEAP\"]", "Unknown log group class")),
    ),
    (
        "resource logagg_policy exclude",
        "names",
        FINE,
        Some(("[\"a b\"]", "Invalid log group name")),
    ),
    (
        "resource logagg_policy exclude",
        "name_prefixes",
        FINE,
        Some(("[\"a*\"]", "Invalid name prefix")),
    ),
    (
        "resource logagg_policy exclude",
        "name_regex",
        FINE,
        Some(("\"[\"", "Invalid regular expression")),
    ),
    (
        "resource logagg_policy exclude",
        "tags",
        Some("Invalid tags"),
        Some(("{ \"a*\" = \"b\" }", "Invalid tags")),
    ),
    (
        "resource logagg_policy exclude",
        "log_group_classes",
        FINE,
        Some(("[\"\"]", "Unknown log group class")),
    ),
    (
        "resource logagg_policy assume_role",
        "role_arn",
        Some("Invalid role ARN"),
        Some(("\"arn:aws:iam::1:user/x\"", "Invalid role ARN")),
    ),
    (
        "resource logagg_policy assume_role",
        "session_name",
        Some("Invalid session name"),
        Some(("\"a b\"", "Invalid session name")),
    ),
    (
        "resource logagg_policy assume_role",
        "external_id",
        Some("Invalid external ID"),
        Some(("\"a b\"", "Invalid external ID")),
    ),
    (GROUPS, "region", Some("Invalid region"), Some(("\"EU\"", "Invalid region"))),
    (GROUPS, "include_subscription_filters", FINE, None),
    ("data logagg_log_groups select", "names", FINE, Some(("[\"\"]", "Invalid log group name"))),
    ("data logagg_log_groups select", "name_prefixes", FINE, Some(("[\"\"]", "Empty name prefix"))),
    (
        "data logagg_log_groups select",
        "name_regex",
        FINE,
        Some(("\"*\"", "Invalid regular expression")),
    ),
    (
        "data logagg_log_groups select",
        "tags",
        Some("Invalid tags"),
        Some(("{ \"a*\" = \"b\" }", "Invalid tags")),
    ),
    (
        "data logagg_log_groups select",
        "log_group_classes",
        FINE,
        Some(("[\"standard\"]", "Unknown log group class")),
    ),
    (
        "data logagg_log_groups exclude",
        "names",
        FINE,
        Some(("[\"a b\"]", "Invalid log group name")),
    ),
    (
        "data logagg_log_groups exclude",
        "name_prefixes",
        FINE,
        Some(("[\"\"]", "Empty name prefix")),
    ),
    (
        "data logagg_log_groups exclude",
        "name_regex",
        FINE,
        Some(("\"(\"", "Invalid regular expression")),
    ),
    (
        "data logagg_log_groups exclude",
        "tags",
        Some("Invalid tags"),
        Some(("{ \"a*\" = \"b\" }", "Invalid tags")),
    ),
    (
        "data logagg_log_groups exclude",
        "log_group_classes",
        FINE,
        Some(("[\"CHEAP\"]", "Unknown log group class")),
    ),
    (
        "data logagg_log_groups assume_role",
        "role_arn",
        Some("Invalid role ARN"),
        Some(("\"logs\"", "Invalid role ARN")),
    ),
    (
        "data logagg_log_groups assume_role",
        "session_name",
        Some("Invalid session name"),
        Some(("\"a\"", "Invalid session name")),
    ),
    (
        "data logagg_log_groups assume_role",
        "external_id",
        Some("Invalid external ID"),
        Some(("\"a\"", "Invalid external ID")),
    ),
    (PROVIDER, "region", Some("Invalid region"), Some(("\"Ireland\"", "Invalid region"))),
    (PROVIDER, "sts_region", Some("Invalid region"), Some(("\"here\"", "Invalid region"))),
    (PROVIDER, "use_fips_endpoint", FINE, None),
    (PROVIDER, "use_dualstack_endpoint", FINE, None),
    (PROVIDER, "profile", Some("Empty value"), None),
    (PROVIDER, "access_key", Some("Empty value"), None),
    (PROVIDER, "secret_key", Some("Empty value"), None),
    (PROVIDER, "token", Some("Empty value"), None),
    (PROVIDER, "shared_config_files", FINE, Some(("[\"\"]", "Empty path"))),
    (PROVIDER, "shared_credentials_files", FINE, Some(("[\"\"]", "Empty path"))),
    (
        PROVIDER,
        "allowed_account_ids",
        Some("No account is allowed"),
        Some(("[\"1\"]", "Invalid account")),
    ),
    (PROVIDER, "forbidden_account_ids", FINE, Some(("[\"1\"]", "Invalid account"))),
    (PROVIDER, "max_retries", FINE, Some(("1001", "Invalid number of retries"))),
    (
        PROVIDER,
        "retry_mode",
        Some("Invalid retry mode"),
        Some(("\"adaptive\"", "Unsupported retry mode")),
    ),
    (PROVIDER, "requests_per_second", FINE, Some(("{ DescribeLogGroups = 0 }", "Invalid rate"))),
    (PROVIDER, "http_proxy", FINE, Some(("\"proxy\"", "Invalid proxy"))),
    (PROVIDER, "https_proxy", FINE, Some(("\"proxy:3128\"", "Invalid proxy"))),
    (PROVIDER, "no_proxy", FINE, None),
    (PROVIDER, "insecure", FINE, None),
    (PROVIDER, "custom_ca_bundle", Some("Empty path"), None),
    (PROVIDER, "skip_credentials_validation", FINE, None),
    (PROVIDER, "skip_region_validation", FINE, None),
    (PROVIDER, "skip_requesting_account_id", FINE, None),
    (PROVIDER, "skip_metadata_api_check", FINE, None),
    (
        "provider assume_role",
        "role_arn",
        Some("Invalid role ARN"),
        Some(("\"logs\"", "Invalid role ARN")),
    ),
    (
        "provider assume_role",
        "session_name",
        Some("Invalid session name"),
        Some(("\"a\"", "Invalid session name")),
    ),
    (
        "provider assume_role",
        "external_id",
        Some("Invalid external ID"),
        Some(("\"a\"", "Invalid external ID")),
    ),
    (
        "provider assume_role",
        "duration",
        Some("Invalid duration"),
        Some(("\"1m\"", "Invalid duration")),
    ),
    ("provider assume_role", "policy", Some("Invalid policy"), Some(("\"all\"", "Invalid policy"))),
    ("provider assume_role", "policy_arns", FINE, Some(("[\"admin\"]", "Invalid policy ARN"))),
    (
        "provider assume_role",
        "source_identity",
        Some("Invalid source identity"),
        Some(("\"a b\"", "Invalid source identity")),
    ),
    ("provider assume_role", "tags", FINE, None),
    ("provider assume_role", "transitive_tag_keys", FINE, Some(("[\"team\"]", "Tag not found"))),
    (
        "provider assume_role_with_web_identity",
        "role_arn",
        Some("Invalid role ARN"),
        Some(("\"logs\"", "Invalid role ARN")),
    ),
    (
        "provider assume_role_with_web_identity",
        "session_name",
        Some("Invalid session name"),
        Some(("\"a\"", "Invalid session name")),
    ),
    (
        "provider assume_role_with_web_identity",
        "duration",
        Some("Invalid duration"),
        Some(("\"13h\"", "Invalid duration")),
    ),
    (
        "provider assume_role_with_web_identity",
        "policy",
        Some("Invalid policy"),
        Some(("\"{\"", "Invalid policy")),
    ),
    (
        "provider assume_role_with_web_identity",
        "policy_arns",
        FINE,
        Some(("[\"\"]", "Invalid policy ARN")),
    ),
    ("provider assume_role_with_web_identity", "web_identity_token", Some("Empty token"), None),
    ("provider assume_role_with_web_identity", "web_identity_token_file", Some("Empty path"), None),
    ("provider endpoints", "cloudtrail", Some("Invalid URL"), Some(("\"here\"", "Invalid URL"))),
    ("provider endpoints", "firehose", Some("Invalid URL"), Some(("\"here\"", "Invalid URL"))),
    ("provider endpoints", "pipes", Some("Invalid URL"), Some(("\"here\"", "Invalid URL"))),
    ("provider endpoints", "kinesis", Some("Invalid URL"), Some(("\"here\"", "Invalid URL"))),
    ("provider endpoints", "lambda", Some("Invalid URL"), Some(("\"here\"", "Invalid URL"))),
    ("provider endpoints", "logs", Some("Invalid URL"), Some(("\"here\"", "Invalid URL"))),
    ("provider endpoints", "sts", Some("Invalid URL"), Some(("\"ftp://x\"", "Invalid URL"))),
];

/// Three thousand characters, more than any text may have.
const LONG: &str = "join(\"\", [for n in range(1000) : \"xxx\"])";

/// Its value and type are unknown before apply.
const LATER: &str = "jsondecode(terraform_data.later.output)";

/// What is written for each argument.
type Arguments = BTreeMap<String, String>;

/// The arguments of each block.
type Blocks = BTreeMap<String, Arguments>;

/// A configuration in which everything is right but for the cases, each on a line of its own.
#[derive(Default)]
struct Configuration {
    text: String,
    cases: usize,
}

impl Configuration {
    fn new() -> Self {
        let text = "terraform {\n  required_providers {\n    logagg = { source = \"logagg/logagg\" }\n  }\n}\n\
                    resource \"terraform_data\" \"later\" {\n  input = \"x\"\n}\n";
        Self { text: text.to_owned(), cases: 0 }
    }

    /// Adds something with this argument, and gives the argument's line.
    fn add(&mut self, place: &str, argument: &str, value: &str) -> usize {
        let (about, block) = match place.split_once(' ') {
            Some(("resource" | "data", rest)) => match rest.split_once(' ') {
                Some((_, block)) => (&place[..place.len() - block.len() - 1], block),
                None => (place, ""),
            },
            Some((about, block)) => (about, block),
            None => (place, ""),
        };
        let mut arguments = usual(about, argument);
        let mut blocks = usual_blocks(about);
        let within: &mut BTreeMap<_, _> = match block {
            "" => &mut arguments,
            block => {
                let usual = usual_block(block);
                blocks.entry(block.to_owned()).or_insert(usual)
            }
        };
        within.insert(argument.to_owned(), format!("{value} #case"));
        self.write(about, &arguments, &blocks)
    }

    /// Adds something with these arguments, and gives the line of the one that is marked.
    fn write(&mut self, about: &str, arguments: &Arguments, blocks: &Blocks) -> usize {
        let case = self.cases;
        self.cases += 1;
        let head = match about {
            PROVIDER => format!("provider \"logagg\" {{\n  alias = \"case_{case}\"\n"),
            about => {
                let (kind, of) = about.split_once(' ').unwrap();
                format!("{kind} \"{of}\" \"case_{case}\" {{\n")
            }
        };
        self.text.push_str(&head);
        write_arguments(&mut self.text, arguments);
        for (name, arguments) in blocks {
            writeln!(self.text, "  {name} {{").unwrap();
            write_arguments(&mut self.text, arguments);
            self.text.push_str("  }\n");
        }
        self.text.push_str("}\n");
        if about == PROVIDER {
            writeln!(
                self.text,
                "resource \"logagg_policy\" \"case_{case}\" {{\n  provider = logagg.case_{case}\n  \
                 name = \"ship\"\n  retention_in_days = 30\n  select {{\n    names = [\"/a\"]\n  }}\n}}"
            )
            .unwrap();
        }
        let lines: Vec<_> = self.text.lines().collect();
        lines.iter().rposition(|line| line.contains("#case")).unwrap() + 1
    }

    /// What `terraform validate` says, by line.
    fn said(&self) -> BTreeMap<usize, Vec<[String; 2]>> {
        let scene = Scene::with_groups(&[]);
        scene.terraform.write("main.tf", &self.text).unwrap();
        let run = scene.terraform.run(&["validate", "-json"]).unwrap();
        let answer: Value = serde_json::from_str(&run.stdout).unwrap();
        let mut said: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for diagnostic in answer["diagnostics"].as_array().unwrap() {
            if diagnostic["severity"] == "error" {
                let text = |field: &str| diagnostic[field].as_str().unwrap_or_default().to_owned();
                let line = diagnostic["range"]["start"]["line"].as_u64().unwrap_or_default();
                let line = usize::try_from(line).unwrap();
                said.entry(line).or_default().push([text("summary"), text("detail")]);
            }
        }
        said
    }
}

fn write_arguments(text: &mut String, arguments: &Arguments) {
    for (name, value) in arguments {
        writeln!(text, "  {name} = {value}").unwrap();
    }
}

/// Arguments of something that is right.
fn arguments(of: &[(&str, &str)]) -> Arguments {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What an argument needs beside it.
fn usual(about: &str, argument: &str) -> Arguments {
    match about {
        POLICY => arguments(&[
            ("name", "\"ship\""),
            ("destination_arn", STREAM),
            ("role_arn", ROLE),
            ("refresh", "\"incremental\""),
            ("retention_in_days", "30"),
            ("deletion_protection", "true"),
        ]),
        PROVIDER if ["access_key", "secret_key", "token"].contains(&argument) => {
            arguments(&[("access_key", "\"x\""), ("secret_key", "\"y\"")])
        }
        _ => BTreeMap::new(),
    }
}

fn usual_blocks(about: &str) -> Blocks {
    match about {
        PROVIDER => BTreeMap::new(),
        _ => BTreeMap::from([("select".to_owned(), usual_block("select"))]),
    }
}

fn usual_block(block: &str) -> Arguments {
    match block {
        "select" | "exclude" => arguments(&[("names", "[\"/a\"]")]),
        "endpoints" => BTreeMap::new(),
        _ => arguments(&[("role_arn", ROLE)]),
    }
}

/// Every argument of the provider with its type, by where it stands.
fn schema() -> BTreeMap<(String, String), Value> {
    let scene = Scene::with_groups(&[]);
    scene.terraform.write("main.tf", &Configuration::new().text).unwrap();
    let schemas = scene.terraform.json(&["providers", "schema", "-json"]).unwrap();
    let schemas = schemas["provider_schemas"].as_object().unwrap();
    let (_, ours) = schemas.iter().find(|(name, _)| name.ends_with("/logagg/logagg")).unwrap();
    let mut found = BTreeMap::new();
    collect(PROVIDER, &ours["provider"]["block"], &mut found);
    for (kind, schemas) in [("resource", "resource_schemas"), ("data", "data_source_schemas")] {
        for (name, schema) in ours[schemas].as_object().unwrap() {
            collect(&format!("{kind} {name}"), &schema["block"], &mut found);
        }
    }
    found
}

fn collect(place: &str, block: &Value, found: &mut BTreeMap<(String, String), Value>) {
    for (name, attribute) in block["attributes"].as_object().into_iter().flatten() {
        if attribute["optional"] == true || attribute["required"] == true {
            found.insert((place.to_owned(), name.clone()), attribute["type"].clone());
        }
    }
    for (name, nested) in block["block_types"].as_object().into_iter().flatten() {
        collect(&format!("{place} {name}"), &nested["block"], found);
    }
}

fn listed(place: &str, argument: &str) -> (String, String) {
    (place.to_owned(), argument.to_owned())
}

#[track_caller]
fn check(configuration: &Configuration, expected: &BTreeMap<usize, (String, String)>) {
    let said = configuration.said();
    let line = |number: usize| configuration.text.lines().nth(number.wrapping_sub(1));
    for (number, diagnostics) in &said {
        assert!(expected.contains_key(number), "{:?}: {diagnostics:#?}", line(*number));
    }
    for (number, (summary, within)) in expected {
        let diagnostics = said.get(number).map_or(&[][..], Vec::as_slice);
        let [[title, detail]] = diagnostics else {
            panic!("{:?}: {diagnostics:#?}", line(*number))
        };
        assert!(
            title == summary && detail.contains(within),
            "{:?}: {diagnostics:#?}",
            line(*number)
        );
    }
}

#[test]
fn is_listed_here() {
    let schema: BTreeSet<_> = schema().into_keys().collect();
    let listed: BTreeSet<_> =
        ARGUMENTS.iter().map(|(place, name, ..)| listed(place, name)).collect();
    assert_eq!(listed, schema);
}

#[test]
fn of_a_wrong_type_is_an_error_on_its_line() {
    let schema = schema();
    let mut configuration = Configuration::new();
    let mut expected = BTreeMap::new();
    for (place, name, ..) in ARGUMENTS {
        let wrong = match &schema[&listed(place, name)] {
            Value::String(kind) if kind == "string" => "[]",
            Value::String(_) => "\"perhaps\"",
            _ => "1",
        };
        let line = configuration.add(place, name, wrong);
        let diagnostics = format!("Inappropriate value for attribute \"{name}\"");
        expected.insert(line, ("Incorrect attribute value type".to_owned(), diagnostics));
    }
    check(&configuration, &expected);
}

#[test]
fn that_is_empty_is_an_error_on_its_line_or_means_what_it_says() {
    let schema = schema();
    let mut configuration = Configuration::new();
    let mut expected = BTreeMap::new();
    for (place, name, empty, _) in ARGUMENTS {
        let nothing = match &schema[&listed(place, name)] {
            Value::String(kind) if kind == "string" => "\"\"",
            Value::String(_) => continue,
            of if of[0] == "map" => "{}",
            _ => "[]",
        };
        let line = configuration.add(place, name, nothing);
        if let Some(summary) = empty {
            expected.insert(line, ((*summary).to_owned(), String::new()));
        }
    }
    check(&configuration, &expected);
}

#[test]
fn out_of_its_range_is_an_error_on_its_line() {
    let mut configuration = Configuration::new();
    let mut expected = BTreeMap::new();
    for (place, name, _, wrong) in ARGUMENTS {
        if let Some((value, summary)) = wrong {
            let line = configuration.add(place, name, value);
            expected.insert(line, ((*summary).to_owned(), String::new()));
        }
    }
    check(&configuration, &expected);
}

/// What is about filters where there are none, and about a retention where none is set.
#[test]
fn without_what_it_is_about_is_an_error_on_its_line() {
    let function = "\"arn:aws:lambda:eu-central-1:111122223333:function:shipper\"";
    let mut configuration = Configuration::new();
    let mut expected = BTreeMap::new();
    for (lacks, beside, all) in [
        (
            "destination_arn",
            ("retention_in_days", "30"),
            &[
                ("filter_name", "\"x\""),
                ("filter_pattern", "\"x\""),
                ("role_arn", ROLE),
                ("distribution", "\"Random\""),
                ("apply_on_transformed_logs", "true"),
                ("field_selection_criteria", "\"x\""),
                ("emit_system_fields", "[\"@aws.account\", \"@aws.region\", \"@source.log\"]"),
                ("replace_destination_arns", "[]"),
                ("grant_invoke", "true"),
                ("on_conflict", "\"skip\""),
                ("refresh", "\"full\""),
                ("full_refresh_after_hours", "24"),
            ][..],
        ),
        (
            "retention_in_days",
            ("destination_arn", function),
            &[("retention_mode", "\"exact\""), ("retention_on_destroy", "\"keep\"")][..],
        ),
        (
            "deletion_protection",
            ("destination_arn", function),
            &[("deletion_protection_on_destroy", "\"keep\"")][..],
        ),
    ] {
        for (name, value) in all {
            let mut written = arguments(&[("name", "\"ship\""), beside]);
            written.insert((*name).to_owned(), format!("{value} #case"));
            let line = configuration.write(POLICY, &written, &usual_blocks(POLICY));
            expected.insert(line, (format!("{name} without {lacks}"), String::new()));
        }
    }
    check(&configuration, &expected);
}

#[test]
fn known_only_at_apply_can_be_planned() {
    let mut configuration = Configuration::new();
    for (place, name, ..) in ARGUMENTS {
        configuration.add(place, name, LATER);
    }
    let scene = Scene::with_groups(&[]);
    let text = configuration.text.replace("111122223333", scene.account.id());
    // A filter name belongs to one policy.
    let mut parts = text.split("\"ship\"");
    let mut named = parts.next().unwrap_or_default().to_owned();
    for (number, part) in parts.enumerate() {
        named.push_str(&format!("\"ship{number}\"{part}"));
    }
    scene.terraform.write("main.tf", &named).unwrap();
    let plan = scene.terraform.plan(&["-refresh=false"]).unwrap();
    assert!(!plan.text().contains("panic"), "{plan}");
    assert!(!plan.text().contains("Error:"), "{plan}");
    assert_eq!(plan.code(), 2, "{plan}");
    assert_eq!(scene.writes(), []);
}
