//! What the provider block says of the way to AWS, and the environment beside it.

use std::time::Duration;

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::fault_proxy::AwsError;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::terraform::{Run, Terraform};
use serde_json::{Value, json};

use crate::issuers::{Issuers, SSO_TOKEN, date, in_an_hour};
use crate::scene::{Scene, says};
use crate::sts::{Asked, FORBIDDEN, Sts};
use crate::wire::{NOWHERE, TlsFront, Tunnel};

/// Everything there is, and a provider block of these arguments.
pub(crate) fn configuration(arguments: &str) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    logagg = {{ source = \"logagg/logagg\" }}\n  }}\n}}\n\
         provider \"logagg\" {{\n{arguments}\n}}\n\
         data \"logagg_log_groups\" \"all\" {{\n  select {{\n    name_regex = \".*\"\n  }}\n}}\n\
         output \"seen\" {{\n  value = {{\n    names   = data.logagg_log_groups.all.names\n    \
         account = data.logagg_log_groups.all.account_id\n    \
         region  = data.logagg_log_groups.all.region\n  }}\n}}\n"
    )
}

impl Scene {
    /// Reads through a provider block of these arguments: names, account, region.
    #[track_caller]
    fn seen_through(&self, arguments: &str) -> Value {
        self.terraform.write("main.tf", &configuration(arguments)).unwrap();
        self.run(0, Terraform::apply);
        self.terraform.state().unwrap()["values"]["outputs"]["seen"]["value"].clone()
    }

    /// Reads through a provider block of these arguments, in vain.
    #[track_caller]
    fn unseen_through(&self, arguments: &str) -> Run {
        self.terraform.write("main.tf", &configuration(arguments)).unwrap();
        self.run(1, |terraform| terraform.plan(&[]))
    }

    fn seen(&self, names: &[&str]) -> Value {
        json!({"names": names, "account": self.account.id(), "region": REGION})
    }

    /// A file beside the configuration; returns its path.
    fn file(&self, name: &str, text: &str) -> String {
        self.terraform.write(name, text).unwrap();
        self.terraform.dir().join(name).display().to_string()
    }
}

pub(crate) fn variables(scene: &mut Scene, variables: &[(&'static str, &str)]) {
    scene.terraform.set_environment(
        variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    );
}

pub(crate) fn without(scene: &mut Scene, names: &[&str]) {
    for name in names {
        scene.terraform.remove_environment(name);
    }
}

pub(crate) fn role(account: &Account, name: &str) -> String {
    format!("arn:aws:iam::{}:role/{name}", account.id())
}

#[test]
fn the_region_is_that_of_the_block_then_the_environment_then_the_profile() {
    let mut scene = Scene::with_groups(&["/a"]);
    scene.account.logs_in("us-east-1").create_group("/us").unwrap();
    let region = |scene: &Scene, arguments: &str| scene.seen_through(arguments)["region"].clone();
    assert_eq!(scene.seen_through(""), scene.seen(&["/a"]));
    let us = scene.seen_through("region = \"us-east-1\"");
    assert_eq!(us["names"], json!(["/us"]));
    // Set and empty says nothing.
    variables(&mut scene, &[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "ap-south-1")]);
    assert_eq!(region(&scene, ""), "ap-south-1");
    without(&mut scene, &["AWS_REGION", "AWS_DEFAULT_REGION"]);
    let config =
        scene.file("config", "[default]\nregion = us-east-1\n[profile far]\nregion = eu-west-2\n");
    assert_eq!(region(&scene, &format!("shared_config_files = [\"{config}\"]")), "us-east-1");
    let far = format!(
        "shared_config_files = [\"{config}\"]\nprofile = \"far\"\naccess_key = \"{0}\"\nsecret_key = \"x\"",
        scene.account.id()
    );
    let run = scene.unseen_through(&far);
    says(&run, "Error: Both profile and access_key");
    variables(&mut scene, &[("AWS_CONFIG_FILE", &config), ("AWS_PROFILE", "far")]);
    assert_eq!(region(&scene, ""), "eu-west-2");
    assert_eq!(region(&scene, "region = \"us-east-1\""), "us-east-1");
}

#[test]
fn credentials_are_those_of_the_block_then_the_environment_then_the_files() {
    let mut scene = Scene::with_groups(&["/a"]);
    let other = Account::new(Ministack::shared());
    other.logs().create_group("/other").unwrap();
    let keys = |account: &Account| {
        format!("aws_access_key_id = {}\naws_secret_access_key = x\n", account.id())
    };
    let credentials = scene.file(
        "credentials",
        &format!("[default]\n{}[named]\n{}", keys(&scene.account), keys(&other)),
    );
    let account = |scene: &Scene, arguments: &str| scene.seen_through(arguments)["account"].clone();
    let files = format!("shared_credentials_files = [\"{credentials}\"]");
    assert_eq!(account(&scene, &files), scene.account.id());
    // A profile that is written down is meant, whatever keys the environment has.
    assert_eq!(account(&scene, &format!("{files}\nprofile = \"named\"")), other.id());
    // One of the environment gives way to keys of the environment, as in every SDK.
    variables(&mut scene, &[("AWS_PROFILE", "named")]);
    assert_eq!(account(&scene, &files), scene.account.id());
    let keys = format!("access_key = \"{}\"\nsecret_key = \"x\"", other.id());
    without(&mut scene, &["AWS_PROFILE"]);
    assert_eq!(account(&scene, &keys), other.id());
    without(&mut scene, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    variables(
        &mut scene,
        &[("AWS_SHARED_CREDENTIALS_FILE", &credentials), ("AWS_PROFILE", "named")],
    );
    assert_eq!(account(&scene, ""), other.id());
    let run = scene.unseen_through("shared_credentials_files = [\"/no/such/file\"]");
    says(&run, "Error: File cannot be read");
    says(&run, "/no/such/file cannot be read: No such file or directory");
    says(&run, "shared_credentials_files = [\"/no/such/file\"]");
}

#[test]
fn endpoints_of_the_block_go_before_those_of_the_environment() {
    let mut scene = Scene::with_groups(&["/a"]);
    let nowhere = format!("http://{NOWHERE}");
    let proxy = scene.proxy.endpoint();
    variables(
        &mut scene,
        &[("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", &nowhere), ("AWS_ENDPOINT_URL_STS", &nowhere)],
    );
    let endpoints = format!("endpoints {{\n  logs = \"{proxy}\"\n  sts = \"{proxy}\"\n}}");
    assert_eq!(scene.seen_through(&endpoints), scene.seen(&["/a"]));
    // That of a service goes before that of all.
    variables(&mut scene, &[("AWS_ENDPOINT_URL", &nowhere)]);
    variables(
        &mut scene,
        &[("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", &proxy), ("AWS_ENDPOINT_URL_STS", &proxy)],
    );
    assert_eq!(scene.seen_through(""), scene.seen(&["/a"]));
}

#[test]
fn roles_are_assumed_one_after_the_other_with_all_that_is_said_of_them() {
    let scene = Scene::with_groups(&[]);
    let (first, last) = (Account::new(Ministack::shared()), Account::new(Ministack::shared()));
    last.logs().create_group("/last").unwrap();
    let sts = Sts::start();
    let policy = r#"{"Version":"2012-10-17"}"#;
    let seen = scene.seen_through(&format!(
        "sts_region = \"eu-west-1\"\n\
         endpoints {{\n  sts = \"{}\"\n}}\n\
         assume_role {{\n  role_arn = \"{}\"\n  session_name = \"ci@example\"\n  external_id = \"secret:1\"\n  \
         duration = \"1h30m\"\n  policy = {policy:?}\n  policy_arns = [\"arn:aws:iam::aws:policy/ReadOnlyAccess\"]\n  \
         source_identity = \"jane\"\n  tags = {{ team = \"logs\" }}\n  transitive_tag_keys = [\"team\"]\n}}\n\
         assume_role {{\n  role_arn = \"{}\"\n}}",
        sts.endpoint(),
        role(&first, "hub"),
        role(&last, "logs"),
    ));
    assert_eq!(seen, json!({"names": ["/last"], "account": last.id(), "region": REGION}));
    let asked = sts.asked("AssumeRole");
    let fields = |asked: &Asked| {
        let mut fields = asked.fields.clone();
        fields.retain(|name, _| !matches!(name.as_str(), "Action" | "Version"));
        json!(fields)
    };
    // Plan and apply are two processes, and the apply reads nothing again.
    let by: Vec<_> = asked.iter().map(|asked| asked.by.as_str()).collect();
    assert!(by.chunks(2).all(|pair| pair == [scene.account.id(), first.id()]), "{by:?}");
    assert!(asked.iter().all(|asked| asked.region == "eu-west-1"), "{asked:?}");
    assert_eq!(
        fields(&asked[0]),
        json!({
            "RoleArn": role(&first, "hub"),
            "RoleSessionName": "ci@example",
            "ExternalId": "secret:1",
            "DurationSeconds": "5400",
            "Policy": policy,
            "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "SourceIdentity": "jane",
            "Tags.member.1.Key": "team",
            "Tags.member.1.Value": "logs",
            "TransitiveTagKeys.member.1": "team",
        })
    );
    assert_eq!(
        fields(&asked[1]),
        json!({"RoleArn": role(&last, "logs"), "RoleSessionName": "terraform-provider-logagg"})
    );
}

#[test]
fn a_token_gives_the_credentials_of_a_role() {
    let mut scene = Scene::with_groups(&[]);
    let (first, last) = (Account::new(Ministack::shared()), Account::new(Ministack::shared()));
    let sts = Sts::start();
    let endpoints = format!("endpoints {{\n  sts = \"{}\"\n}}\n", sts.endpoint());
    without(&mut scene, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    let token = scene.file("token", "ey.from.file\n");
    let block = |rest: &str| {
        format!(
            "{endpoints}assume_role_with_web_identity {{\n  role_arn = \"{}\"\n  session_name = \"job\"\n  \
             duration = \"15m\"\n{rest}\n}}\n",
            role(&first, "ci")
        )
    };
    let check = |scene: &Scene, arguments: &str, token: &str| {
        sts.forget();
        assert_eq!(scene.seen_through(arguments)["account"], first.id());
        let asked = sts.asked("AssumeRoleWithWebIdentity");
        let Asked { by, fields, .. } = &asked[0];
        assert_eq!(by, "", "it is not signed");
        assert_eq!(fields["WebIdentityToken"], token);
        assert_eq!(fields["DurationSeconds"], "900");
        assert_eq!(fields["RoleSessionName"], "job");
    };
    check(&scene, &block("  web_identity_token = \"ey.written\""), "ey.written");
    check(&scene, &block(&format!("  web_identity_token_file = \"{token}\"")), "ey.from.file");
    let run = scene.unseen_through(&block(""));
    says(&run, "Error: No web identity token");
    variables(&mut scene, &[("AWS_WEB_IDENTITY_TOKEN_FILE", &token)]);
    check(&scene, &block(""), "ey.from.file");
    // What it gives assumes the next.
    let chained =
        format!("{}assume_role {{\n  role_arn = \"{}\"\n}}", block(""), role(&last, "logs"));
    sts.forget();
    assert_eq!(scene.seen_through(&chained)["account"], last.id());
    assert_eq!(sts.asked("AssumeRole")[0].by, first.id());
    let missing = block("  web_identity_token_file = \"/no/such/token\"");
    says(&scene.unseen_through(&missing), "its token, /no/such/token, cannot be read");
}

#[test]
fn a_role_that_cannot_be_assumed_says_what_it_takes() {
    let scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    let run = scene.unseen_through(&format!(
        "endpoints {{\n  sts = \"{}\"\n}}\nassume_role {{\n  role_arn = \"{}\"\n}}",
        sts.endpoint(),
        role(&scene.account, FORBIDDEN)
    ));
    says(&run, &format!("{} could not be assumed", role(&scene.account, FORBIDDEN)));
    says(&run, "not authorized to perform: sts:AssumeRole");
    says(&run, "the role's trust policy must allow them");
    assert_eq!(sts.asked("AssumeRole").len(), 1, "a refusal is not asked for again");
}

#[test]
fn credentials_are_renewed_before_they_expire() {
    let scene = Scene::with_groups(&[]);
    let sts = Sts::giving(Duration::from_secs(10));
    let other = Account::new(Ministack::shared());
    other.logs().create_group("/other").unwrap();
    let seen = scene.seen_through(&format!(
        "endpoints {{\n  sts = \"{}\"\n}}\nassume_role {{\n  role_arn = \"{}\"\n}}",
        sts.endpoint(),
        role(&other, "brief")
    ));
    assert_eq!(seen["names"], json!(["/other"]));
    let identities = sts.asked("GetCallerIdentity").len();
    assert!(sts.asked("AssumeRole").len() > identities, "what is about to expire is not used");
}

#[test]
fn accounts_are_kept_out_before_anything_is_read() {
    let scene = Scene::with_groups(&["/a"]);
    let id = scene.account.id();
    assert_eq!(
        scene.seen_through(&format!("allowed_account_ids = [\"{id}\"]")),
        scene.seen(&["/a"])
    );
    let others = "forbidden_account_ids = [\"999999999999\"]";
    assert_eq!(scene.seen_through(others), scene.seen(&["/a"]));
    scene.proxy.forget_calls();
    let run = scene.unseen_through("allowed_account_ids = [\"999999999999\"]");
    says(&run, "Error: Account not allowed");
    says(
        &run,
        &format!("account {id} is not among allowed_account_ids. Nothing was read or written."),
    );
    let run = scene.unseen_through(&format!("forbidden_account_ids = [\"{id}\"]"));
    says(&run, &format!("account {id} is among forbidden_account_ids."));
    // Also if the credentials are not validated.
    let run = scene.unseen_through(&format!(
        "skip_credentials_validation = true\nforbidden_account_ids = [\"{id}\"]"
    ));
    says(&run, "Error: Account not allowed");
    let calls: Vec<_> = scene.proxy.calls().into_iter().map(|call| call.operation).collect();
    assert!(calls.iter().all(|operation| operation == "GetCallerIdentity"), "{calls:?}");
}

#[test]
fn the_account_comes_from_the_configuration_without_sts() {
    let scene = Scene::with_groups(&["/a"]);
    let run = scene.unseen_through("skip_requesting_account_id = true");
    says(&run, "Error: Unknown account");
    let only = format!(
        "skip_requesting_account_id = true\nallowed_account_ids = [\"{}\"]",
        scene.account.id()
    );
    scene.proxy.forget_calls();
    assert_eq!(scene.seen_through(&only), scene.seen(&["/a"]));
    let asked = scene.proxy.calls().into_iter().any(|call| call.operation == "GetCallerIdentity");
    assert!(!asked);
}

#[test]
fn invalid_credentials_are_reported_once_before_any_other_call_unless_validation_is_skipped() {
    let scene = Scene::with_groups(&[]);
    scene.proxy.on("GetCallerIdentity").fail(AwsError::new(
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    ));
    let another =
        "\ndata \"logagg_log_groups\" \"another\" {\n  select {\n    names = [\"/a\"]\n  }\n}\n";
    let expect_warning = |arguments: &str| {
        let text = configuration(arguments) + another;
        scene.terraform.write("main.tf", &text).unwrap();
        let run = scene.run(1, |terraform| terraform.plan(&[]));
        says(&run, "InvalidClientTokenId: The security token included in the request is invalid.");
        run.text().matches("Error: Unknown AWS account").count()
    };
    assert_eq!(expect_warning(""), 1);
    assert_eq!(expect_warning("skip_credentials_validation = true"), 2);
}

#[test]
fn a_region_of_any_name_goes_where_that_is_not_to_be_looked_at() {
    let scene = Scene::with_groups(&[]);
    let run = scene.unseen_through("sts_region = \"here\"");
    says(&run, "\"here\" is not a region's name, for example eu-west-1.");
    let seen = scene.seen_through("region = \"local\"\nskip_region_validation = true");
    assert_eq!(seen["region"], "local");
}

#[test]
fn the_metadata_service_is_not_called_if_skipped() {
    let mut scene = Scene::with_groups(&[]);
    without(
        &mut scene,
        &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"],
    );
    let metadata = Sts::start();
    variables(&mut scene, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.endpoint())]);
    scene.unseen_through("skip_metadata_api_check = true");
    assert_eq!(metadata.asked("").len(), 0);
    scene.unseen_through("");
    assert!(!metadata.asked("").is_empty());
}

#[test]
fn a_certificate_authority_of_ones_own_is_trusted_in_place_of_the_systems() {
    let mut scene = Scene::with_groups(&["/a"]);
    let front = TlsFront::start(&scene.proxy.endpoint());
    variables(&mut scene, &[("AWS_ENDPOINT_URL", &front.endpoint())]);
    let run = scene.unseen_through("");
    says(&run, "invalid peer certificate");
    says(&run, "set custom_ca_bundle or AWS_CA_BUNDLE");
    assert!(scene.proxy.calls().is_empty());
    let bundle = scene.file("ca.pem", &front.authority);
    let argument = format!("custom_ca_bundle = \"{bundle}\"");
    assert_eq!(scene.seen_through(&argument), scene.seen(&["/a"]));
    assert_eq!(scene.seen_through("insecure = true"), scene.seen(&["/a"]));
    variables(&mut scene, &[("AWS_CA_BUNDLE", &bundle)]);
    assert_eq!(scene.seen_through(""), scene.seen(&["/a"]));
    without(&mut scene, &["AWS_CA_BUNDLE"]);
    let config = scene.file("config", &format!("[default]\nca_bundle = {bundle}\n"));
    let profile = format!("shared_config_files = [\"{config}\"]");
    assert_eq!(scene.seen_through(&profile), scene.seen(&["/a"]));
    // The argument goes before the variable.
    variables(&mut scene, &[("AWS_CA_BUNDLE", &bundle)]);
    let other = scene.file("other.pem", &TlsFront::start(&scene.proxy.endpoint()).authority);
    says(
        &scene.unseen_through(&format!("custom_ca_bundle = \"{other}\"")),
        "invalid peer certificate",
    );
}

#[test]
fn a_bundle_without_certificates_says_where_it_is_written() {
    let mut scene = Scene::with_groups(&[]);
    let empty = scene.file("empty.pem", "nothing\n");
    let run = scene.unseen_through(&format!("custom_ca_bundle = \"{empty}\""));
    says(&run, "Error: No certificate authority");
    says(&run, "It is set in custom_ca_bundle of the provider block");
    variables(&mut scene, &[("AWS_CA_BUNDLE", "/no/such.pem")]);
    let run = scene.unseen_through("");
    says(&run, "Error: File cannot be read");
    says(&run, "The path is set in the environment variable AWS_CA_BUNDLE");
}

#[test]
fn http_goes_through_the_proxy_of_the_block_or_the_environment() {
    let mut scene = Scene::with_groups(&["/a"]);
    let proxy = scene.proxy.endpoint();
    variables(&mut scene, &[("AWS_ENDPOINT_URL", &format!("http://{NOWHERE}"))]);
    // Only the proxy resolves this name.
    assert_eq!(scene.seen_through(&format!("http_proxy = \"{proxy}\"")), scene.seen(&["/a"]));
    variables(&mut scene, &[("HTTP_PROXY", &proxy)]);
    assert_eq!(scene.seen_through(""), scene.seen(&["/a"]));
    variables(&mut scene, &[("HTTP_PROXY", "http://127.0.0.1:9")]);
    assert_eq!(scene.seen_through(&format!("http_proxy = \"{proxy}\"")), scene.seen(&["/a"]));
    // This machine is never asked through a proxy.
    variables(&mut scene, &[("AWS_ENDPOINT_URL", &proxy)]);
    assert_eq!(scene.seen_through(""), scene.seen(&["/a"]));
}

#[test]
fn https_goes_through_the_proxy_of_the_block_or_the_environment() {
    let mut scene = Scene::with_groups(&["/a"]);
    let front = TlsFront::start(&scene.proxy.endpoint());
    let tunnel = Tunnel::to(&front);
    let bundle = scene.file("ca.pem", &front.authority);
    let endpoint = format!("https://{NOWHERE}");
    variables(&mut scene, &[("AWS_ENDPOINT_URL", &endpoint), ("AWS_CA_BUNDLE", &bundle)]);
    let proxy = format!("http://jane:s3cret@{}", tunnel.address());
    assert_eq!(scene.seen_through(&format!("https_proxy = \"{proxy}\"")), scene.seen(&["/a"]));
    let head = &tunnel.heads()[0];
    assert!(head.starts_with(&format!("CONNECT {NOWHERE}:443 ")), "{head}");
    assert!(head.to_lowercase().contains("proxy-authorization: basic amfuztpzm2nyzxq="), "{head}");
    // One for HTTP serves HTTPS too where nothing is said about that.
    assert_eq!(scene.seen_through(&format!("http_proxy = \"{proxy}\"")), scene.seen(&["/a"]));
    variables(&mut scene, &[("HTTPS_PROXY", &proxy)]);
    assert_eq!(scene.seen_through(""), scene.seen(&["/a"]));
    // Empty is none, whatever the environment says, and so is a host that needs none.
    let asked = tunnel.heads().len();
    says(&scene.unseen_through("max_retries = 0\nhttps_proxy = \"\""), "Could not connect to AWS");
    says(
        &scene.unseen_through(&format!("max_retries = 0\nno_proxy = \"example.com,{NOWHERE}\"")),
        "Could not connect to AWS",
    );
    variables(&mut scene, &[("NO_PROXY", "nowhere.test")]);
    says(&scene.unseen_through("max_retries = 0"), "Could not connect to AWS");
    assert_eq!(tunnel.heads().len(), asked);
    variables(&mut scene, &[("NO_PROXY", ""), ("HTTPS_PROXY", "::")]);
    let run = scene.unseen_through("");
    says(&run, "Error: Invalid proxy");
    says(&run, "environment variable HTTPS_PROXY");
}

#[test]
fn calls_are_tried_as_often_as_the_block_or_the_environment_say() {
    let mut scene = Scene::with_groups(&["/a"]);
    let failed = |scene: &Scene, arguments: &str, times: &str| {
        let run = scene.unseen_through(arguments);
        says(&run, &format!("DescribeLogGroups failed{times}: ThrottlingException"));
    };
    scene.proxy.on("DescribeLogGroups").fail(AwsError::throttled());
    failed(&scene, "max_retries = 0", "");
    failed(&scene, "max_retries = 1\nretry_mode = \"standard\"", " 2 times");
    variables(&mut scene, &[("AWS_MAX_ATTEMPTS", "3")]);
    failed(&scene, "", " 3 times");
    failed(&scene, "max_retries = 0", "");
    without(&mut scene, &["AWS_MAX_ATTEMPTS"]);
    let config = scene.file("config", "[default]\nmax_attempts = 2\n");
    variables(&mut scene, &[("AWS_CONFIG_FILE", &config)]);
    failed(&scene, "", " 2 times");
    variables(&mut scene, &[("AWS_MAX_ATTEMPTS", "many")]);
    let run = scene.unseen_through("");
    says(&run, "Error: Invalid number of attempts");
    says(
        &run,
        "\"many\" is not a number of attempts. It is set in the environment variable \
         AWS_MAX_ATTEMPTS; use a number of at least 1, or set max_retries in the provider block.",
    );
}

#[test]
fn a_missing_profile_is_named() {
    let mut scene = Scene::with_groups(&[]);
    let run = scene.unseen_through("profile = \"prod\"");
    says(&run, "Error: Profile not found");
    says(
        &run,
        "The profile is set in profile of the provider block, and the shared configuration files \
         have no profile \"prod\". Correct the name",
    );
    variables(&mut scene, &[("AWS_PROFILE", "prod")]);
    // Keys that are at hand go before it.
    assert_eq!(scene.seen_through(""), scene.seen(&[]));
    without(&mut scene, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    says(&scene.unseen_through(""), "set in the environment variable AWS_PROFILE");
    let broken = scene.file("config", "[default\n");
    let run = scene.unseen_through(&format!("shared_config_files = [\"{broken}\"]"));
    says(&run, "Error: Shared configuration files cannot be read");
}

#[test]
fn fips_and_dual_stack_change_the_address() {
    let mut scene = Scene::with_groups(&["/a"]);
    let proxy = scene.proxy.endpoint();
    without(&mut scene, &["AWS_ENDPOINT_URL"]);
    let front = TlsFront::start(&proxy);
    let tunnel = Tunnel::to(&front);
    let expect = |scene: &Scene, arguments: &str, hosts: [&str; 2]| {
        let before = tunnel.heads().len();
        // The certificate is for another name, so that only the address is looked at.
        let through = format!("insecure = true\nhttps_proxy = \"http://{}\"", tunnel.address());
        assert_eq!(scene.seen_through(&format!("{through}\n{arguments}")), scene.seen(&["/a"]));
        let heads = tunnel.heads().split_off(before);
        for host in hosts {
            assert!(
                heads.iter().any(|head| head.starts_with(&format!("CONNECT {host}:443"))),
                "{heads:#?}"
            );
        }
    };
    expect(&scene, "", ["logs.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com"]);
    expect(
        &scene,
        "use_dualstack_endpoint = true",
        ["logs.eu-central-1.api.aws", "sts.eu-central-1.api.aws"],
    );
    let fips = ["logs-fips.us-east-2.amazonaws.com", "sts-fips.us-east-2.amazonaws.com"];
    scene.account.logs_in("us-east-2").create_group("/us").unwrap();
    let through = format!(
        "insecure = true\nhttps_proxy = \"http://{}\"\nregion = \"us-east-2\"\n",
        tunnel.address()
    );
    for (arguments, variable) in [("use_fips_endpoint = true", ""), ("", "true")] {
        variables(&mut scene, &[("AWS_USE_FIPS_ENDPOINT", variable)]);
        let before = tunnel.heads().len();
        assert_eq!(scene.seen_through(&format!("{through}{arguments}"))["names"], json!(["/us"]));
        let heads = tunnel.heads().split_off(before);
        for host in fips {
            assert!(
                heads.iter().any(|head| head.starts_with(&format!("CONNECT {host}:443"))),
                "{heads:#?}"
            );
        }
    }
}

/// A profile in the configuration file of the home folder.
fn profile(scene: &mut Scene, text: &str) {
    let config = scene.file("config", text);
    variables(scene, &[("AWS_CONFIG_FILE", &config)]);
    without(scene, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
#[test]
fn endpoints_of_a_services_section_go_by_the_name_that_aws_documents_and_by_the_sdks() {
    let mut scene = Scene::with_groups(&["/a"]);
    let proxy = scene.proxy.endpoint();
    without(&mut scene, &["AWS_ENDPOINT_URL"]);
    for name in ["cloudwatch_logs", "cloudwatch-logs"] {
        let config = scene.file(
            "config",
            &format!(
                "[default]\nservices = local\nendpoint_url = http://127.0.0.1:9\n[services local]\n\
                 {name} =\n  endpoint_url = {proxy}\nsts =\n  endpoint_url = {proxy}\n"
            ),
        );
        variables(&mut scene, &[("AWS_CONFIG_FILE", &config)]);
        assert_eq!(scene.seen_through(""), scene.seen(&["/a"]), "{name}");
    }
}

#[test]
fn a_web_identity_of_the_environment_goes_before_a_profile_and_its_token_is_named() {
    let mut scene = Scene::with_groups(&[]);
    let (pod, other) = (Account::new(Ministack::shared()), Account::new(Ministack::shared()));
    let sts = Sts::start();
    let keys = format!("aws_access_key_id = {}\naws_secret_access_key = x\n", other.id());
    profile(&mut scene, &format!("[default]\n{keys}"));
    let (token, arn) = (scene.file("token", "ey.pod"), role(&pod, "pod"));
    variables(&mut scene, &[("AWS_ENDPOINT_URL_STS", &sts.endpoint()), ("AWS_ROLE_ARN", &arn)]);
    variables(&mut scene, &[("AWS_WEB_IDENTITY_TOKEN_FILE", &token)]);
    assert_eq!(scene.seen_through("")["account"], pod.id());
    // Set and empty says nothing.
    variables(&mut scene, &[("AWS_WEB_IDENTITY_TOKEN_FILE", "")]);
    assert_eq!(scene.seen_through("")["account"], other.id());
    variables(&mut scene, &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/no/such/token")]);
    let run = scene.unseen_through("");
    says(&run, "AWS_WEB_IDENTITY_TOKEN_FILE returned no credentials: the web identity token");
    says(&run, "/no/such/token, cannot be read: No such file or directory");
    without(&mut scene, &["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]);
    let named = format!("[default]\nrole_arn = {arn}\nweb_identity_token_file = /not/there\n");
    profile(&mut scene, &named);
    let run = scene.unseen_through("");
    says(&run, "profile \"default\" returned no credentials: the web identity token, /not/there,");
}

#[test]
fn a_profile_that_is_not_signed_in_says_how_to_sign_in() {
    let mut scene = Scene::with_groups(&[]);
    let issuers = Issuers::start(scene.account.id());
    variables(&mut scene, &[("AWS_ENDPOINT_URL_SSO", &issuers.endpoint())]);
    profile(
        &mut scene,
        "[profile dev]\nsso_account_id = 111122223333\nsso_role_name = logs\nsso_session = corp\n\
         [sso-session corp]\nsso_region = eu-central-1\nsso_start_url = https://corp.awsapps.com/start\n\
         [profile admin]\nsource_profile = dev\nrole_arn = arn:aws:iam::111122223333:role/admin\n",
    );
    let expect_warning = |scene: &Scene, name: &str, why: &str| {
        let run = scene.unseen_through(&format!("profile = \"{name}\""));
        says(&run, &format!("profile \"{name}\" returned no credentials"));
        says(&run, why);
        says(&run, "Sign in and try again: aws sso login --profile dev");
        assert!(!run.text().contains("The request was not sent"), "{run}");
    };
    expect_warning(&scene, "dev", "failed to load the cached SSO token");
    expect_warning(&scene, "admin", "failed to load the cached SSO token");
    let cached = |scene: &Scene, token: &str, until: &str| {
        let folder = scene.terraform.dir().parent().unwrap().join(".aws/sso/cache");
        std::fs::create_dir_all(&folder).unwrap();
        let text = json!({"accessToken": token, "expiresAt": until}).to_string();
        // The SHA-1 of "corp".
        std::fs::write(folder.join("ee0bfd2552fbd840c02cc48b6e823320543c450f.json"), text).unwrap();
    };
    cached(&scene, SSO_TOKEN, "2020-01-01T00:00:00Z");
    expect_warning(&scene, "dev", "the SSO token has expired");
    // It was signed out somewhere else.
    cached(&scene, "another", &date(in_an_hour()));
    expect_warning(&scene, "dev", "UnauthorizedException: Session token not found or invalid");
}

#[test]
fn a_profile_with_an_mfa_device_says_what_to_do_instead() {
    let mut scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    variables(&mut scene, &[("AWS_ENDPOINT_URL_STS", &sts.endpoint())]);
    let (role, id) = (role(&scene.account, FORBIDDEN), scene.account.id().to_owned());
    profile(
        &mut scene,
        &format!(
            "[profile dev]\nsource_profile = base\nrole_arn = {role}\n\
             mfa_serial = arn:aws:iam::111122223333:mfa/jane\n\
             [profile base]\naws_access_key_id = {id}\naws_secret_access_key = x\n"
        ),
    );
    let run = scene.unseen_through("profile = \"dev\"");
    says(&run, "profile \"dev\" returned no credentials: AccessDenied: not authorized to perform");
    says(&run, "eval \"$(aws configure export-credentials --profile dev --format env)\"");
    assert!(!run.text().contains("The request was not sent"), "{run}");
}

#[test]
fn a_role_that_cannot_be_assumed_is_pointed_at_in_aws_words() {
    let scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    let arn = role(&scene.account, FORBIDDEN);
    let block = format!("assume_role {{\n  role_arn = \"{arn}\"\n}}\n");
    let endpoints = format!("endpoints {{\n  sts = \"{}\"\n}}\n", sts.endpoint());
    let select = "select {\n  names = [\"/a\"]\n}\n";
    let provider = |arguments: &str| {
        format!(
            "terraform {{\n  required_providers {{\n    logagg = {{ source = \"logagg/logagg\" }}\n  }}\n}}\n\
             provider \"logagg\" {{\n{arguments}{endpoints}}}\n"
        )
    };
    let data = |rest: &str| format!("data \"logagg_log_groups\" \"it\" {{\n{select}{rest}}}\n");
    let policy = format!(
        "resource \"logagg_policy\" \"it\" {{\n  name = \"keep\"\n  retention_in_days = 30\n{select}{block}}}\n"
    );
    for text in [provider(&block) + &data(""), provider("") + &data(&block), provider("") + &policy]
    {
        scene.terraform.write("main.tf", &text).unwrap();
        let run = scene.run(1, |terraform| terraform.run(&["apply", "-auto-approve", "-json"]));
        let messages = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let errors: Vec<_> = messages.filter(|message| message["@level"] == "error").collect();
        let [error] = &errors[..] else { panic!("{run}") };
        let shown = error["diagnostic"]["snippet"]["code"].as_str().unwrap().trim();
        assert_eq!(shown, format!("role_arn = \"{arn}\""), "{run}");
        let detail = error["diagnostic"]["detail"].as_str().unwrap();
        let why = format!(
            "{arn} could not be assumed: AccessDenied: not authorized to perform: sts:AssumeRole."
        );
        assert!(detail.contains(&why), "{detail}");
        assert!(!detail.contains("Error {") && !detail.contains("dispatch"), "{detail}");
    }
}

#[test]
fn what_is_unknown_of_pace_and_accounts_does_not_keep_a_plan_from_reading() {
    let scene = Scene::with_groups(&["/app/a"]);
    let policy = scene.usual_policy();
    let write = |id: &str| {
        let text = format!(
            "terraform {{\n  required_providers {{\n    logagg = {{ source = \"logagg/logagg\" }}\n  }}\n}}\n\
             resource \"terraform_data\" \"later\" {{\n  input = {{ id = \"{id}\", rate = 100 }}\n}}\n\
             provider \"logagg\" {{\n  forbidden_account_ids = [terraform_data.later.output.id]\n  \
             max_retries = terraform_data.later.output.rate\n  requests_per_second = {{\n    \
             DescribeLogGroups = terraform_data.later.output.rate\n  }}\n}}\n\
             resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n"
        );
        scene.terraform.write("main.tf", &text).unwrap();
    };
    write(scene.account.id());
    let plan = scene.plan();
    says(&plan, "/app/a");
    let run = scene.run(1, Terraform::apply_plan);
    says(&run, "Error: Account not allowed");
    assert_eq!(scene.writes(), [], "what is known by then counts before the first write");
    scene.run(0, |terraform| terraform.run(&["state", "rm", "terraform_data.later"]));
    write("999999999999");
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
}
