//! The data source of log groups: what is there, for previews, checks and `for_each`.

use logagg_e2e::account::REGION;
use logagg_e2e::fault_proxy::AwsError;
use logagg_e2e::terraform::Terraform;
use serde_json::{Value, json};

use crate::scene::{NAME, Scene, says};

fn data(arguments: &str) -> String {
    format!(
        "data \"logagg_log_groups\" \"it\" {{\n{arguments}\n}}\n\
         output \"it\" {{\n  value = data.logagg_log_groups.it\n}}\n"
    )
}

impl Scene {
    #[track_caller]
    fn found(&self, arguments: &str) -> Value {
        self.configuration(&data(arguments));
        self.run(0, Terraform::apply);
        self.terraform.state().unwrap()["values"]["outputs"]["it"]["value"].clone()
    }
}

#[test]
fn log_groups_are_shown_as_they_are() {
    let scene = Scene::with_groups(&["/app/b", "/app/a", "/else", "/app/a-canary"]);
    scene.logs.create_group_of_class("/app/rare", "INFREQUENT_ACCESS").unwrap();
    scene.logs.set_retention("/app/a", 30).unwrap();
    scene.logs.put_filter("/app/a", "theirs", &scene.shipper()).unwrap();
    let selection =
        "select {\n  name_prefixes = [\"/app/\"]\n}\nexclude {\n  name_regex = \"-canary$\"\n}";
    let found = scene.found(selection);
    let account = scene.account.id();
    assert_eq!(found["names"], json!(["/app/a", "/app/b", "/app/rare"]));
    assert_eq!(found["id"], format!("{account}@{REGION}"));
    assert_eq!(found["account_id"], account);
    assert_eq!(found["region"], REGION);
    let group = &found["log_groups"]["/app/a"];
    assert_eq!(group["arn"], format!("arn:aws:logs:{REGION}:{account}:log-group:/app/a"));
    assert_eq!(group["log_group_class"], "STANDARD");
    assert_eq!(group["retention_in_days"], 30);
    assert_eq!(group["stored_bytes"], 0);
    assert_eq!(group["subscription_filters"], Value::Null);
    let created = group["creation_time"].as_str().unwrap();
    let age = humantime::parse_rfc3339(created).unwrap().elapsed().unwrap();
    assert!(age.as_secs() < 3600, "{created}");
    assert_eq!(found["log_groups"]["/app/b"]["retention_in_days"], 0);
    assert_eq!(found["log_groups"]["/app/rare"]["log_group_class"], "INFREQUENT_ACCESS");
    let asked = scene.proxy.calls().into_iter().any(|call| call.operation.contains("Filters"));
    assert!(!asked, "filters are asked for only where they are wanted");
    let class = "select {\n  log_group_classes = [\"INFREQUENT_ACCESS\"]\n}";
    assert_eq!(scene.found(class)["names"], json!(["/app/rare"]));
}

#[test]
fn subscription_filters_are_read_if_configured() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    scene.logs.create_group_of_class("/app/rare", "INFREQUENT_ACCESS").unwrap();
    scene.logs.put_filter_with_pattern("/app/a", "theirs", &scene.shipper(), "ERROR").unwrap();
    let found = scene
        .found("include_subscription_filters = true\nselect {\n  name_prefixes = [\"/app/\"]\n}");
    let filters = |name: &str| found["log_groups"][name]["subscription_filters"].clone();
    assert_eq!(
        filters("/app/a"),
        json!([{
            "name": "theirs",
            "destination_arn": scene.shipper(),
            "filter_pattern": "ERROR",
            "role_arn": null,
            "distribution": "ByLogStream",
        }])
    );
    assert_eq!(filters("/app/b"), json!([]));
    assert_eq!(filters("/app/rare"), json!([]));
}

#[test]
fn a_policy_for_what_was_found_is_planned_group_by_group_from_the_first_plan_on() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    scene.configuration(&format!(
        "data \"logagg_log_groups\" \"it\" {{\n  select {{\n    name_prefixes = [\"/app/\"]\n  }}\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n  name = \"{NAME}\"\n  destination_arn = \"{}\"\n  \
         select {{\n    names = data.logagg_log_groups.it.names\n  }}\n}}\n",
        scene.shipper()
    ));
    scene.plan();
    // Created between plan and apply: the plan keeps what the data source read.
    scene.logs.create_group("/app/c").unwrap();
    scene.apply_plan();
    scene.ships("/app/a", &scene.shipper());
    scene.ships("/app/b", &scene.shipper());
    scene.ships_nowhere("/app/c");
}

#[test]
fn a_check_block_reports_log_groups_that_are_not_forwarded() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    scene.logs.put_filter("/app/a", "theirs", &scene.shipper()).unwrap();
    scene.configuration(
        "check \"all_are_shipped\" {\n  data \"logagg_log_groups\" \"it\" {\n    \
         include_subscription_filters = true\n    select {\n      name_prefixes = [\"/app/\"]\n    }\n  }\n  \
         assert {\n    condition = alltrue([for group in data.logagg_log_groups.it.log_groups : \
         length(group.subscription_filters) > 0])\n    error_message = \"not shipped: ${join(\", \", [for \
         name, group in data.logagg_log_groups.it.log_groups : name if length(group.subscription_filters) == \
         0])}\"\n  }\n}\n",
    );
    says(&scene.run(0, Terraform::apply), "not shipped: /app/b");
    scene.logs.put_filter("/app/b", "theirs", &scene.shipper()).unwrap();
    assert!(!scene.run(0, Terraform::apply).text().contains("not shipped"));
}

#[test]
pub(crate) fn for_each_goes_over_what_was_found() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    scene.configuration(
        "data \"logagg_log_groups\" \"all\" {\n  select {\n    name_prefixes = [\"/app/\"]\n  }\n}\n\
         data \"logagg_log_groups\" \"each\" {\n  for_each = toset(data.logagg_log_groups.all.names)\n  \
         select {\n    names = [each.key]\n  }\n}\n\
         output \"each\" {\n  value = { for name, found in data.logagg_log_groups.each : name => found.names }\n}\n",
    );
    scene.run(0, Terraform::apply);
    let outputs = &scene.terraform.state().unwrap()["values"]["outputs"];
    assert_eq!(outputs["each"]["value"], json!({"/app/a": ["/app/a"], "/app/b": ["/app/b"]}));
}

#[test]
fn a_list_that_is_not_whole_is_none() {
    let names: Vec<_> = (0..60).map(|n| format!("/app/{n:02}")).collect();
    let scene = Scene::with_groups(&names.iter().map(String::as_str).collect::<Vec<_>>());
    scene.proxy.on("DescribeLogGroups").after(1).fail(AwsError::access_denied("DescribeLogGroups"));
    scene.configuration(&data("select {\n  name_prefixes = [\"/app/\"]\n}"));
    let run = scene.plan_fails();
    says(&run, "Error: Log groups could not be read");
    says(&run, "A partial list would be wrong, so none is returned.");
    says(&run, "\"Action\": \"logs:DescribeLogGroups\"");
}

#[test]
fn a_group_deleted_since_it_was_listed_is_left_out() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    let logs = scene.logs.clone();
    scene.proxy.on("DescribeSubscriptionFilters").group("/app/a").times(1).run(move || {
        logs.delete_group("/app/a").unwrap();
    });
    let found = scene
        .found("include_subscription_filters = true\nselect {\n  name_prefixes = [\"/app/\"]\n}");
    assert_eq!(found["names"], json!(["/app/b"]));
}

#[test]
fn what_is_known_only_after_apply_is_read_then() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.configuration(
        "resource \"terraform_data\" \"prefix\" {\n  input = \"/app/\"\n}\n\
         data \"logagg_log_groups\" \"it\" {\n  select {\n    name_prefixes = [terraform_data.prefix.output]\n  }\n}\n\
         output \"names\" {\n  value = data.logagg_log_groups.it.names\n}\n",
    );
    scene.run(0, Terraform::apply);
    let outputs = &scene.terraform.state().unwrap()["values"]["outputs"];
    assert_eq!(outputs["names"]["value"], json!(["/app/a"]));
}

/// The values of a policy that is to be created are unknown, but for what configuration names.
#[test]
fn a_first_plan_shows_machines_the_log_groups_that_the_data_source_names() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/other"]);
    scene.configuration(&format!(
        "data \"logagg_log_groups\" \"app\" {{\n  select {{\n    name_prefixes = [\"/app/\"]\n  }}\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n{}\n}}\n",
        scene.usual_policy().replace(
            "name_prefixes = [\"/app/\"]",
            "names = data.logagg_log_groups.app.names"
        )
    ));
    scene.plan();
    let planned = scene.planned();
    assert_eq!(planned.actions, ["create"]);
    let shown: Vec<_> = planned.after["log_groups"].as_object().unwrap().keys().collect();
    assert_eq!(shown, ["/app/a", "/app/b"]);
    assert_eq!(planned.unknown["log_groups"]["/app/a"]["subscription"], true);
    scene.apply_plan();
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();
}
