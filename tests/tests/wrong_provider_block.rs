//! Each argument of the provider block and of the data source with invalid values, and the error
//! message on its line.

use std::fmt::Write;

use serde_json::Value;

use crate::scene::Scene;

const ROLE: &str = "arn:aws:iam::111122223333:role/logs";

/// What is written, the line that is shown, the message's summary, its detail.
type Case<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Validates them all at once and compares what is said, each on its line.
#[track_caller]
fn check(configuration: &str, cases: &[Case]) {
    let scene = Scene::with_groups(&[]);
    let head = "terraform {\n  required_providers {\n    logagg = { source = \"logagg/logagg\" }\n  }\n}\n";
    scene.terraform.write("main.tf", &format!("{head}{configuration}")).unwrap();
    let run = scene.run(1, |terraform| terraform.run(&["validate", "-json"]));
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let mut said: Vec<_> = answer["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|diagnostic| diagnostic["severity"] == "error")
        .map(|diagnostic| {
            let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
            let line = text(&diagnostic["snippet"]["code"]);
            [line, text(&diagnostic["summary"]), text(&diagnostic["detail"])]
        })
        .collect();
    let mut expected: Vec<_> = cases
        .iter()
        .map(|(_, line, summary, detail)| [*line, *summary, *detail].map(str::to_owned))
        .collect();
    said.sort();
    expected.sort();
    assert_eq!(said, expected, "{said:#?}");
}

/// Each in a provider block of its own.
#[track_caller]
fn check_provider(cases: &[Case]) {
    let mut configuration = String::new();
    for (number, (arguments, ..)) in cases.iter().enumerate() {
        writeln!(
            configuration,
            "provider \"logagg\" {{\n  alias = \"case_{number}\"\n{arguments}\n}}\n\
             data \"logagg_log_groups\" \"case_{number}\" {{\n  provider = logagg.case_{number}\n  \
             select {{\n    names = [\"/a\"]\n  }}\n}}"
        )
        .unwrap();
    }
    check(&configuration, cases);
}

#[test]
fn accounts_regions_and_calls() {
    check_provider(&[
        (
            "sts_region = \"here\"",
            "sts_region = \"here\"",
            "Invalid region",
            "\"here\" is not a region's name, for example eu-west-1.",
        ),
        (
            "region = \"\"",
            "region = \"\"",
            "Invalid region",
            "\"\" is not a region's name, for example eu-west-1.",
        ),
        (
            "allowed_account_ids = [\"1234\"]",
            "allowed_account_ids = [\"1234\"]",
            "Invalid account",
            "\"1234\" is not an AWS account ID of 12 digits.",
        ),
        (
            "forbidden_account_ids = [\"11112222333x\"]",
            "forbidden_account_ids = [\"11112222333x\"]",
            "Invalid account",
            "\"11112222333x\" is not an AWS account ID of 12 digits.",
        ),
        (
            "allowed_account_ids = []",
            "allowed_account_ids = []",
            "No account is allowed",
            "An empty allowed_account_ids allows no account. List the allowed accounts, or remove \
             it.",
        ),
        (
            "allowed_account_ids = [\"111122223333\"]\nforbidden_account_ids = [\"444455556666\"]",
            "forbidden_account_ids = [\"444455556666\"]",
            "Both allowed_account_ids and forbidden_account_ids",
            "With allowed_account_ids every other account is forbidden already. Remove one of them.",
        ),
        (
            "retry_mode = \"adaptive\"",
            "retry_mode = \"adaptive\"",
            "Unsupported retry mode",
            "The provider limits its rate to AWS's quotas from the first request on instead of \
             adapting after it was throttled, so there is no mode \"adaptive\". Remove retry_mode, \
             and lower requests_per_second if other clients use the same quotas.",
        ),
        (
            "retry_mode = \"legacy\"",
            "retry_mode = \"legacy\"",
            "Invalid retry mode",
            "\"legacy\" is not a retry mode: it must be \"standard\".",
        ),
        (
            "profile = \"p\"\naccess_key = \"a\"\nsecret_key = \"b\"",
            "profile = \"p\"",
            "Both profile and access_key",
            "Credentials come from either a profile or keys, and both are set. Remove one of them.",
        ),
    ]);
}

#[test]
fn connections() {
    let proxy = "The value is not the URL of a proxy, for example http://proxy.example.com:3128.";
    check_provider(&[
        ("http_proxy = \"proxy:3128\"", "http_proxy = \"proxy:3128\"", "Invalid proxy", proxy),
        (
            "https_proxy = \"socks5://jane:secret@proxy\"",
            "https_proxy = \"socks5://jane:secret@proxy\"",
            "Invalid proxy",
            proxy,
        ),
        (
            "insecure = true\ncustom_ca_bundle = \"ca.pem\"",
            "custom_ca_bundle = \"ca.pem\"",
            "custom_ca_bundle without effect",
            "With insecure = true certificates are not verified, so certificate authorities have \
             no effect. Remove one of them.",
        ),
        (
            "shared_config_files = [\"\"]",
            "shared_config_files = [\"\"]",
            "Empty path",
            "The path of a file cannot be empty.",
        ),
        (
            "shared_credentials_files = [\"a\", \"\"]",
            "shared_credentials_files = [\"a\", \"\"]",
            "Empty path",
            "The path of a file cannot be empty.",
        ),
        (
            "endpoints {\n  lambda = \"localhost:4566\"\n}",
            "lambda = \"localhost:4566\"",
            "Invalid URL",
            "\"localhost:4566\" is not a URL that begins with https:// or http://.",
        ),
        (
            "endpoints {\n  logs = \"\"\n}",
            "logs = \"\"",
            "Invalid URL",
            "\"\" is not a URL that begins with https:// or http://.",
        ),
    ]);
}

#[test]
fn roles() {
    let role = |rest: &str| format!("assume_role {{\n  role_arn = \"{ROLE}\"\n  {rest}\n}}");
    let by_token = |rest: &str| {
        format!("assume_role_with_web_identity {{\n  role_arn = \"{ROLE}\"\n  {rest}\n}}")
    };
    let wrong = [
        (
            "session_name = \"x\"",
            "Invalid session name",
            "A session's name has 2 to 64 characters, and this one has 1.",
        ),
        (
            "session_name = \"jane doe\"",
            "Invalid session name",
            "A session's name may contain letters, digits and _ + = , . @ -, and this one contains \
             ' '.",
        ),
        (
            "duration = \"an hour\"",
            "Invalid duration",
            "\"an hour\" is not a duration, for example \"1h\" or \"1h30m\": expected number at 0.",
        ),
        (
            "duration = \"1m\"",
            "Invalid duration",
            "The duration of a session must be from 15 minutes to 12 hours, and this is 1m.",
        ),
        (
            "duration = \"13h\"",
            "Invalid duration",
            "The duration of a session must be from 15 minutes to 12 hours, and this is 13h.",
        ),
        (
            "policy = \"allow\"",
            "Invalid policy",
            "The value is not an IAM policy in JSON: expected value at line 1 column 1.",
        ),
        (
            "policy_arns = [\"arn:aws:iam::111122223333:role/x\"]",
            "Invalid policy ARN",
            "arn:aws:iam::111122223333:role/x is not the ARN of an IAM policy, for example \
             arn:aws:iam::123456789012:policy/NAME.",
        ),
    ];
    let only_assume_role = [
        (
            "external_id = \"\"",
            "Invalid external ID",
            "An external ID has 2 to 1224 characters, and this one has 0.",
        ),
        (
            "external_id = \"a*\"",
            "Invalid external ID",
            "An external ID may contain letters, digits and _ + = , . @ : / -, and this one \
             contains '*'.",
        ),
        (
            "source_identity = \"j\"",
            "Invalid source identity",
            "A source identity has 2 to 64 characters, and this one has 1.",
        ),
        (
            "transitive_tag_keys = [\"team\"]",
            "Tag not found",
            "transitive_tag_keys has \"team\", and tags has no such key. Add it to tags.",
        ),
    ];
    let mut written: Vec<(String, Case)> = Vec::new();
    for (argument, summary, detail) in wrong.into_iter().chain(only_assume_role) {
        written.push((role(argument), ("", argument, summary, detail)));
    }
    for (argument, summary, detail) in wrong {
        written.push((by_token(argument), ("", argument, summary, detail)));
    }
    written.push((
        by_token("web_identity_token = \" \""),
        ("", "web_identity_token = \" \"", "Empty token", "A web identity token cannot be empty."),
    ));
    written.push((
        by_token("web_identity_token = \"t\"\n  web_identity_token_file = \"f\""),
        (
            "",
            "web_identity_token_file = \"f\"",
            "Two web identity tokens",
            "Set either web_identity_token or web_identity_token_file, not both.",
        ),
    ));
    written.push((
        "assume_role {\n  role_arn = \"logs\"\n}".to_owned(),
        (
            "",
            "role_arn = \"logs\"",
            "Invalid role ARN",
            "\"logs\" is not an ARN: the format is arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE.",
        ),
    ));
    let cases: Vec<_> = written
        .iter()
        .map(|(arguments, (_, line, summary, detail))| {
            (arguments.as_str(), *line, *summary, *detail)
        })
        .collect();
    check_provider(&cases);
}

#[test]
fn the_data_source() {
    let selection = "select {\n  names = [\"/a\"]\n}";
    let role =
        format!("{selection}\nassume_role {{\n  role_arn = \"{ROLE}\"\n  session_name = \"x\"\n}}");
    let region = format!("{selection}\nregion = \"Ireland\"");
    let cases: [Case; 7] = [
        (
            "",
            "data \"logagg_log_groups\" \"case_0\" {",
            "No log group is selected",
            "The data source requires a select block that selects log groups, for example:\n\n  \
             select {\n    name_prefixes = [\"/aws/lambda/\"]\n  }\n\nTo select every log group on \
             purpose, set name_regex = \".*\" in it.",
        ),
        (
            &region,
            "region = \"Ireland\"",
            "Invalid region",
            "\"Ireland\" is not a region's name, for example eu-west-1.",
        ),
        (
            &role,
            "session_name = \"x\"",
            "Invalid session name",
            "A session's name has 2 to 64 characters, and this one has 1.",
        ),
        (
            "select {\n  name_prefixes = [\"\"]\n}",
            "name_prefixes = [\"\"]",
            "Empty name prefix",
            "An empty prefix would match every log group. To match every log group on purpose, set \
             name_regex = \".*\".",
        ),
        (
            "select {\n  names = [\"my group\"]\n}",
            "names = [\"my group\"]",
            "Invalid log group name",
            "\"my group\" is not a valid log group name: it contains ' ', and names consist of \
             letters, digits and . - _ / #.",
        ),
        (
            "select {\n  name_regex = \"a(\"\n}",
            "name_regex = \"a(\"",
            "Invalid regular expression",
            "\"a(\" does not compile:\n\nregex parse error:\n    a(\n     ^\nerror: unclosed group",
        ),
        (
            "select {\n  names = [\"/a\"]\n}\ninclude_subscription_filters = \"maybe\"",
            "include_subscription_filters = \"maybe\"",
            "Incorrect attribute value type",
            "Inappropriate value for attribute \"include_subscription_filters\": a bool is required.",
        ),
    ];
    let mut configuration = String::new();
    for (number, (arguments, ..)) in cases.iter().enumerate() {
        writeln!(configuration, "data \"logagg_log_groups\" \"case_{number}\" {{\n{arguments}\n}}")
            .unwrap();
    }
    check(&configuration, &cases);
}

#[test]
fn an_empty_block_selects_nothing_by_accident() {
    for block in ["select", "exclude"] {
        let scene = Scene::with_groups(&[]);
        let other = "select {\n  names = [\"/a\"]\n}";
        scene.configuration(&format!(
            "data \"logagg_log_groups\" \"it\" {{\n{other}\n{block} {{}}\n}}"
        ));
        let run = scene.plan_fails();
        crate::scene::says(&run, &format!("Error: Empty {block} block"));
    }
}
