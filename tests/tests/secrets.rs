//! No secret is disclosed: credentials of every source and extra content of AWS's responses are not
//! in the trace log, the output, a plan or the state.

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::ministack::Ministack;
use logagg_e2e::simulator::{Function, Simulator};

use crate::issuers::{
    CONTAINER_TOKEN, Issuers, SSO_CLIENT_SECRET, SSO_REFRESH_TOKEN, SSO_TOKEN, date, in_an_hour,
};
use crate::provider_block::{configuration, role, variables, without};
use crate::scene::{SIMULATED_ACCOUNT, Scene};
use crate::sts::{FORBIDDEN, Sts};
use crate::wire::{NOWHERE, TlsFront, Tunnel};

/// Part of every secret in these tests, and of nothing else.
const PLANTED: &str = "planted";

/// Logs as much as Terraform lets a provider log, in both forms.
const ALL_LOGS: [&str; 2] = ["TRACE", "JSON"];

/// Nothing planted is in the output of a command.
#[track_caller]
fn silent(what: &str, text: &str) {
    let leak = text.lines().find(|line| line.contains(PLANTED));
    assert_eq!(leak, None, "{what} contains a secret");
}

impl Scene {
    /// Plans and applies with all logs on; returns the account that was used.
    #[track_caller]
    fn account_set_silently(&mut self, arguments: &str) -> String {
        self.terraform.write("main.tf", &configuration(arguments)).unwrap();
        for level in ALL_LOGS {
            variables(self, &[("TF_LOG", level)]);
            for run in [self.terraform.plan(&[]).unwrap(), self.apply_plan()] {
                assert!(run.stderr.contains("GetCallerIdentity"), "the log has calls: {run}");
                silent("the log", &run.stderr);
                silent("the output", &run.stdout);
            }
        }
        without(self, &["TF_LOG"]);
        let mut plan = self.terraform.show().unwrap();
        // There Terraform repeats what is written in the configuration, literally.
        plan["configuration"].take();
        silent("the plan", &plan.to_string());
        silent("the state", &self.terraform.run(&["state", "pull"]).unwrap().stdout);
        let state = self.terraform.state().unwrap();
        state["values"]["outputs"]["seen"]["value"]["account"].as_str().unwrap().to_owned()
    }

    /// Plans in vain with all logs on.
    #[track_caller]
    fn fails_silently(&mut self, arguments: &str) {
        self.terraform.write("main.tf", &configuration(arguments)).unwrap();
        for level in ALL_LOGS {
            variables(self, &[("TF_LOG", level)]);
            let run = self.plan_fails();
            silent("the log", &run.stderr);
            silent("the output", &run.stdout);
        }
    }

    /// A file of the home folder.
    fn home_file(&self, path: &str, text: &str) {
        let path = self.terraform.dir().parent().unwrap().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// A scene whose environment has no keys, and another account.
fn without_keys() -> (Scene, Account) {
    let mut scene = Scene::with_groups(&[]);
    without(&mut scene, &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    (scene, Account::new(Ministack::shared()))
}

/// A scene that finds this in its configuration file, and STS.
fn with_profile(config: &str) -> (Scene, Sts) {
    let (mut scene, _) = without_keys();
    let sts = Sts::start();
    scene.home_file(".aws/config", config);
    variables(&mut scene, &[("AWS_ENDPOINT_URL_STS", &sts.endpoint())]);
    (scene, sts)
}

#[test]
fn of_keys_in_the_provider_block() {
    let mut scene = Scene::with_groups(&[]);
    let other = Account::new(Ministack::shared());
    let keys = format!(
        "access_key = \"{}\"\nsecret_key = \"planted-secret\"\ntoken = \"planted-token\"",
        other.id()
    );
    assert_eq!(scene.account_set_silently(&keys), other.id());
}

#[test]
fn of_keys_in_the_environment() {
    let mut scene = Scene::with_groups(&[]);
    variables(
        &mut scene,
        &[("AWS_SECRET_ACCESS_KEY", "planted-secret"), ("AWS_SESSION_TOKEN", "planted-token")],
    );
    assert_eq!(scene.account_set_silently(""), scene.account.id());
}

#[test]
fn of_keys_in_a_profile() {
    let (mut scene, other) = without_keys();
    let keys = format!(
        "[default]\naws_access_key_id = {}\naws_secret_access_key = planted-secret\n\
         aws_session_token = planted-token\n",
        other.id()
    );
    scene.home_file(".aws/credentials", &keys);
    assert_eq!(scene.account_set_silently(""), other.id());
    // A file that makes no sense is not quoted.
    scene.home_file(".aws/credentials", &keys.replace("key = planted", "key: planted"));
    scene.fails_silently("");
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
#[test]
fn of_a_process_that_gives_credentials_and_of_its_command_line() {
    let (mut scene, other) = without_keys();
    let answer = serde_json::json!({
        "Version": 1,
        "AccessKeyId": other.id(),
        "SecretAccessKey": "planted-secret",
        "SessionToken": "planted-token",
        "Expiration": date(in_an_hour()),
    });
    scene.home_file("give", &format!("echo '{answer}'\n"));
    let give = scene.terraform.dir().parent().unwrap().join("give");
    let process = format!("sh {} --password planted-argument", give.display());
    scene.home_file(".aws/config", &format!("[default]\ncredential_process = {process}\n"));
    assert_eq!(scene.account_set_silently(""), other.id());
    // It fails, and so does one that answers nonsense.
    for process in ["false planted-argument", "echo planted-argument {"] {
        scene.home_file(".aws/config", &format!("[default]\ncredential_process = {process}\n"));
        scene.fails_silently("");
    }
}

/// A profile with a sign-in that lasts until then.
fn signed_in(scene: &mut Scene, issuers: &Issuers, account: &Account, until: &str) {
    scene.home_file(
        ".aws/config",
        &format!(
            "[default]\nsso_session = corp\nsso_account_id = {}\nsso_role_name = logs\n\
             [sso-session corp]\nsso_region = eu-central-1\n\
             sso_start_url = https://corp.awsapps.com/start\n",
            account.id()
        ),
    );
    // Where it is kept is named by the SHA-1 of "corp".
    scene.home_file(
        ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json",
        &serde_json::json!({
            "accessToken": SSO_TOKEN,
            "expiresAt": until,
            "refreshToken": SSO_REFRESH_TOKEN,
            "clientId": "client",
            "clientSecret": SSO_CLIENT_SECRET,
            "registrationExpiresAt": date(in_an_hour()),
            "region": "eu-central-1",
            "startUrl": "https://corp.awsapps.com/start",
        })
        .to_string(),
    );
    let endpoint = issuers.endpoint();
    variables(
        scene,
        &[("AWS_ENDPOINT_URL_SSO", &endpoint), ("AWS_ENDPOINT_URL_SSO_OIDC", &endpoint)],
    );
}

#[test]
fn of_a_sign_in_at_iam_identity_center() {
    let (mut scene, other) = without_keys();
    let issuers = Issuers::start(other.id());
    signed_in(&mut scene, &issuers, &other, &date(in_an_hour()));
    assert_eq!(scene.account_set_silently(""), other.id());
}

#[test]
fn of_a_sign_in_that_is_renewed() {
    let (mut scene, other) = without_keys();
    let issuers = Issuers::start(other.id());
    signed_in(&mut scene, &issuers, &other, "2020-01-01T00:00:00Z");
    assert_eq!(scene.account_set_silently(""), other.id());
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>
#[test]
fn of_the_metadata_service_of_ec2() {
    let (mut scene, other) = without_keys();
    let issuers = Issuers::start(other.id());
    without(&mut scene, &["AWS_EC2_METADATA_DISABLED"]);
    variables(&mut scene, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &issuers.endpoint())]);
    assert_eq!(scene.account_set_silently(""), other.id());
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
#[test]
fn of_the_credentials_of_a_container() {
    let (mut scene, other) = without_keys();
    let issuers = Issuers::start(other.id());
    let uri = format!("{}/v2/credentials", issuers.endpoint());
    variables(&mut scene, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)]);
    variables(&mut scene, &[("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN)]);
    assert_eq!(scene.account_set_silently(""), other.id());
    without(&mut scene, &["AWS_CONTAINER_AUTHORIZATION_TOKEN"]);
    scene.home_file("token", CONTAINER_TOKEN);
    let token = scene.terraform.dir().parent().unwrap().join("token").display().to_string();
    variables(&mut scene, &[("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token)]);
    assert_eq!(scene.account_set_silently(""), other.id());
    variables(&mut scene, &[("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/no/such/token")]);
    scene.fails_silently("");
}

#[test]
fn of_a_web_identity_token_wherever_it_is_written() {
    let (mut scene, other) = without_keys();
    let sts = Sts::start();
    scene.home_file("token", "planted.web.identity");
    let token = scene.terraform.dir().parent().unwrap().join("token").display().to_string();
    variables(&mut scene, &[("AWS_ENDPOINT_URL_STS", &sts.endpoint())]);
    let block = |name: &str, argument: &str| {
        format!(
            "assume_role_with_web_identity {{\n  role_arn = \"{}\"\n  {argument}\n}}",
            role(&other, name)
        )
    };
    let inline = "web_identity_token = \"planted.web.identity\"";
    assert_eq!(scene.account_set_silently(&block("ci", inline)), other.id());
    let file = format!("web_identity_token_file = \"{token}\"");
    assert_eq!(scene.account_set_silently(&block("ci", &file)), other.id());
    scene.fails_silently(&block(FORBIDDEN, inline));

    let arn = role(&other, "ci");
    variables(&mut scene, &[("AWS_WEB_IDENTITY_TOKEN_FILE", &token), ("AWS_ROLE_ARN", &arn)]);
    assert_eq!(scene.account_set_silently(""), other.id());
    variables(&mut scene, &[("AWS_ROLE_ARN", &role(&other, FORBIDDEN))]);
    scene.fails_silently("");

    without(&mut scene, &["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]);
    let config = format!("[default]\nrole_arn = {arn}\nweb_identity_token_file = {token}\n");
    scene.home_file(".aws/config", &config);
    assert_eq!(scene.account_set_silently(""), other.id());
    assert_eq!(
        sts.asked("AssumeRoleWithWebIdentity")[0].field("WebIdentityToken"),
        "planted.web.identity"
    );
}

#[test]
fn of_roles_that_are_assumed_one_after_the_other() {
    let mut scene = Scene::with_groups(&[]);
    let (first, last) = (Account::new(Ministack::shared()), Account::new(Ministack::shared()));
    let sts = Sts::start();
    let blocks = |name: &str| {
        format!(
            "endpoints {{\n  sts = \"{}\"\n}}\n\
             assume_role {{\n  role_arn = \"{}\"\n  external_id = \"planted-id\"\n}}\n\
             assume_role {{\n  role_arn = \"{}\"\n  external_id = \"planted-id\"\n}}",
            sts.endpoint(),
            role(&first, "hub"),
            role(&last, name)
        )
    };
    assert_eq!(scene.account_set_silently(&blocks("logs")), last.id());
    assert_eq!(sts.asked("AssumeRole")[1].field("ExternalId"), "planted-id");
    scene.fails_silently(&blocks(FORBIDDEN));
}

#[test]
fn of_the_roles_of_a_profile() {
    let other = Account::new(Ministack::shared());
    let profile = |name: &str| {
        format!(
            "[default]\nrole_arn = {}\nexternal_id = planted-id\nsource_profile = base\n\
             [profile base]\naws_access_key_id = {}\naws_secret_access_key = planted-secret\n",
            role(&other, name),
            other.id()
        )
    };
    let (mut scene, sts) = with_profile(&profile("logs"));
    assert_eq!(scene.account_set_silently(""), other.id());
    assert_eq!(sts.asked("AssumeRole")[0].field("ExternalId"), "planted-id");
    let (mut scene, _sts) = with_profile(&profile(FORBIDDEN));
    scene.fails_silently("");
}

#[test]
fn of_a_proxy_with_a_password() {
    let mut scene = Scene::with_groups(&[]);
    let front = TlsFront::start(&scene.proxy.endpoint());
    let tunnel = Tunnel::to(&front);
    variables(&mut scene, &[("AWS_ENDPOINT_URL", &format!("https://{NOWHERE}"))]);
    let through = format!(
        "insecure = true\nmax_retries = 0\nhttps_proxy = \"http://jane:planted@{}\"",
        tunnel.address()
    );
    let id = scene.account.id().to_owned();
    assert_eq!(scene.account_set_silently(&through), id);
    drop(tunnel);
    scene.fails_silently(&through);
}

#[test]
fn of_a_functions_environment() {
    let mut scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let aws = scene.simulator.as_ref().unwrap();
    let region = aws.region(SIMULATED_ACCOUNT, REGION);
    let shipper = region.add_function(Function::named("told").variable("TOKEN", "planted-token"));
    scene.policy(&format!("{}\ngrant_invoke = true", scene.policy_to(&shipper)));
    for level in ALL_LOGS {
        variables(&mut scene, &[("TF_LOG", level)]);
        let apply = scene.apply();
        silent("the log", &apply.stderr);
        silent("the output", &apply.stdout);
    }
    without(&mut scene, &["TF_LOG"]);
    silent("the state", &scene.terraform.run(&["state", "pull"]).unwrap().stdout);
    let asked = scene.simulator.as_ref().unwrap().counts().of("GetFunctionConfiguration");
    assert!(asked > 0, "the function was asked about");
}
