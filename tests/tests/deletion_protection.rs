//! Protection from deletion: drift by log group, safety limits, conflicts and restoring what was there before. All of
//! it in the simulator: no other AWS of the tests has deletion protection.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Class, Group, Region, Simulator};
use logagg_e2e::terraform::Terraform;
use serde_json::json;

use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene, says};

const RESTORE: &str = "deletion_protection_on_destroy = \"restore\"";

/// One log group that its owner protects, and one that nobody does.
fn scene() -> Scene {
    let scene = Scene::simulated(Simulator::builder(), &["/app/open"]);
    here(&scene).add_groups([Group::named("/app/safe").protected()]);
    scene
}

fn here(scene: &Scene) -> Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

/// A policy for everything below `/app/` that only sets deletion protection.
fn protects(scene: &Scene, protection: &str, more: &str) {
    scene.policy(&arguments(NAME, &format!("deletion_protection = {protection}\n{more}")));
}

fn arguments(name: &str, more: &str) -> String {
    format!("name = \"{name}\"\n{more}\nselect {{\n  name_prefixes = [\"/app/\"]\n}}")
}

/// The same as one of several, with its address as name.
fn resource(address: &str, more: &str) -> String {
    format!("resource \"logagg_policy\" \"{address}\" {{\n{}\n}}\n", arguments(address, more))
}

/// Whether `/app/open` and `/app/safe` are protected.
#[track_caller]
fn are_protected(scene: &Scene, expected: [bool; 2]) {
    let groups = ["/app/open", "/app/safe"];
    let found = groups.map(|group| here(scene).group(group).unwrap().deletion_protection);
    assert_eq!(found, expected);
}

fn writes(scene: &Scene) -> u64 {
    scene.simulator.as_ref().unwrap().counts().of("PutLogGroupDeletionProtection")
}

fn deny(scene: &Scene, operation: &str) {
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.deny(&format!("logs:{operation}"));
}

fn unprotect(scene: &Scene, group: &str) {
    here(scene).change_group(group, |group| group.deletion_protection = false);
}

#[test]
fn drift_is_shown_and_corrected_log_group_by_log_group() {
    let scene = scene();
    protects(&scene, "true", "");
    let first = scene.plan();
    says(&first, "1 log group protected from deletion: /app/open");
    scene.apply_plan();
    are_protected(&scene, [true, true]);
    assert_eq!(writes(&scene), 1, "what is protected already is not written");
    scene.plan_is_empty();

    unprotect(&scene, "/app/safe");
    let plan = scene.plan();
    says(&plan, "~ \"/app/safe\" = { ~ deletion_protection = false -> true");
    assert!(!plan.text().contains("/app/open"), "{plan}");
    scene.apply_plan();
    are_protected(&scene, [true, true]);
    assert_eq!(writes(&scene), 2);
    let refused = scene.logs.delete_group("/app/safe").unwrap_err().to_string();
    assert!(refused.contains("Disable deletion protection first"), "{refused}");

    protects(&scene, "false", "");
    says(&scene.plan(), "~ deletion_protection = true -> false");
    scene.apply_plan();
    are_protected(&scene, [false, false]);
    scene.plan_is_empty();
}

#[test]
fn a_policy_without_it_neither_shows_nor_changes_it() {
    let scene = scene();
    scene.policy(&scene.usual_policy());
    scene.apply();
    assert_eq!(scene.state()["log_groups"]["/app/safe"]["deletion_protection"], json!(null));
    let usual = scene.usual_policy();
    scene.policy(&format!("{usual}\ndeletion_protection = true"));
    let plan = scene.plan();
    says(&plan, "\"/app/open\" = { + deletion_protection = true");
    says(&plan, "\"/app/safe\" = { + deletion_protection = true");
    scene.apply_plan();
    are_protected(&scene, [true, true]);
    assert_eq!(writes(&scene), 1);
    // Without the argument it is left as it is.
    scene.policy(&usual);
    says(&scene.plan(), "Warning: Deletion protection is no longer managed");
    scene.apply_plan();
    unprotect(&scene, "/app/safe");
    scene.plan_is_empty();
    are_protected(&scene, [true, false]);
    assert_eq!(writes(&scene), 1);
}

#[test]
fn each_log_group_that_changes_counts_towards_max_changes() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    protects(&scene, "true", "max_changes = 1");
    says(&scene.plan_fails(), "The policy would change 2 log groups, and max_changes is 1.");
    protects(&scene, "true", "max_changes = 2");
    scene.apply();
    protects(&scene, "false", "max_changes = 1");
    says(&scene.plan_fails(), "The policy would change 2 log groups, and max_changes is 1.");
}

#[test]
fn destroy_restores_what_was_there_before_the_policy() {
    let scene = scene();
    protects(&scene, "true", RESTORE);
    scene.apply();
    scene.destroy();
    are_protected(&scene, [false, true]);
    // Without the argument it stays.
    protects(&scene, "true", "");
    scene.apply();
    scene.destroy();
    are_protected(&scene, [true, true]);
    // What was changed since is not the policy's any more.
    protects(&scene, "false", RESTORE);
    scene.apply();
    here(&scene).change_group("/app/open", |group| group.deletion_protection = true);
    unprotect(&scene, "/app/safe");
    scene.destroy();
    are_protected(&scene, [true, true]);
}

#[test]
fn a_log_group_that_leaves_the_selection_gets_back_what_it_had() {
    let scene = scene();
    protects(&scene, "true", RESTORE);
    scene.apply();
    protects(&scene, "true", &format!("{RESTORE}\nexclude {{\n  names = [\"/app/open\"]\n}}"));
    scene.plan();
    scene.apply_plan();
    are_protected(&scene, [false, true]);
    scene.plan_is_empty();

    // The same where the plan does not know the log groups.
    protects(&scene, "true", RESTORE);
    scene.apply();
    are_protected(&scene, [true, true]);
    scene.policy(
        &arguments(NAME, &format!("deletion_protection = true\n{RESTORE}"))
            .replace("name_prefixes = [\"/app/\"]", "name_regex = \"^/(web|app/s)\""),
    );
    says(&scene.plan(), "1 log group no longer protected from deletion: /app/open");
    scene.apply_plan();
    are_protected(&scene, [false, true]);
    scene.plan_is_empty();
}

#[test]
fn a_replacement_keeps_the_protection_and_what_was_there_before() {
    let scene = scene();
    protects(&scene, "true", RESTORE);
    scene.apply();
    let replace = ["apply", "-no-color", "-auto-approve", "-replace=logagg_policy.it"];
    scene.run(0, |terraform: &Terraform| terraform.run(&replace));
    are_protected(&scene, [true, true]);
    assert_eq!(writes(&scene), 1, "it was never off");
    scene.destroy();
    are_protected(&scene, [false, true]);
}

#[test]
fn a_policy_that_takes_over_learns_what_was_there_before_or_the_loss_is_reported() {
    let scene = scene();
    let policy = |address| resource(address, &format!("deletion_protection = true\n{RESTORE}"));
    scene.configuration(&policy("one"));
    scene.apply();
    scene.configuration(&policy("other"));
    let apply = scene.apply();
    are_protected(&scene, [true, true]);
    scene.plan_is_empty();
    // Terraform may have created the new one before it destroys the old one.
    let told = apply.text().contains("Deletion protection not restored on 1 log group");
    scene.destroy();
    are_protected(&scene, [told, true]);
}

#[test]
fn policies_that_would_change_it_back_and_forth_are_an_error() {
    let scene = scene();
    let policy = |address, protection: bool| {
        resource(address, &format!("deletion_protection = {protection}"))
    };
    scene.configuration(&(policy("one", true) + &policy("other", false)));
    let plan = scene.plan_fails();
    says(&plan, "Error: Policies conflict over the deletion protection of 2 log groups");
    scene.configuration(&(policy("one", true) + &policy("other", true)));
    scene.apply();
    scene.plan_is_empty();
}

#[test]
fn a_denied_write_names_the_action() {
    let scene = scene();
    deny(&scene, "PutLogGroupDeletionProtection");
    protects(&scene, "true", "");
    says(
        &scene.apply_fails(),
        "\"Action\": \"logs:PutLogGroupDeletionProtection\", \"Resource\": \
         \"arn:aws:logs:eu-central-1:111122223333:log-group:*\" }",
    );
}

#[test]
fn a_denied_log_group_is_skipped_where_the_policy_says_so_and_keeps_its_protection() {
    let scene = scene();
    deny(&scene, "PutLogGroupDeletionProtection");
    let usual = scene.usual_policy();
    scene.policy(&format!("{usual}\non_conflict = \"skip\"\ndeletion_protection = true"));
    scene.apply();
    are_protected(&scene, [false, true]);
    assert_eq!(scene.state()["log_groups"]["/app/open"]["deletion_protection"], json!(false));
    assert_eq!(scene.state()["log_groups"]["/app/safe"]["deletion_protection"], json!(true));
    scene.plan_is_empty();
}

#[test]
fn what_is_only_known_after_apply_is_unknown_in_the_plan() {
    let scene = scene();
    here(&scene).add_groups([Group::named("/app/delivered").class(Class::Delivery)]);
    let policy = resource("it", "deletion_protection = terraform_data.it.output");
    let data = |on: bool| format!("resource \"terraform_data\" \"it\" {{\n  input = {on}\n}}\n");
    scene.configuration(&(policy.clone() + &data(true)));
    scene.apply();
    are_protected(&scene, [true, true]);
    scene.configuration(&(policy + &data(false)));
    scene.apply();
    are_protected(&scene, [false, false]);
    scene.plan_is_empty();
}

#[test]
fn a_first_apply_whose_retention_fails_protects_nothing_either() {
    let scene = scene();
    deny(&scene, "PutRetentionPolicy");
    scene.policy(&arguments(NAME, "retention_in_days = 30\ndeletion_protection = true"));
    says(&scene.apply_fails(), "Error: Policy could not be applied");
    assert_eq!(writes(&scene), 0);
    are_protected(&scene, [false, true]);
    assert_eq!(scene.state(), json!(null));
}

#[test]
fn a_log_group_that_moves_to_another_policy_stays_protected() {
    let scene = scene();
    let policy = |address: &str, select: &str| {
        format!(
            "resource \"logagg_policy\" \"{address}\" {{\nname = \"{address}\"\n\
             deletion_protection = true\n{RESTORE}\nselect {{\n  {select}\n}}\n}}\n"
        )
    };
    let one = policy("one", "names = [\"/app/open\"]");
    let all = "name_prefixes = [\"/app/\"]\n}\nexclude {\n  names = [\"/app/open\"]";
    scene.configuration(&(one + &policy("other", all)));
    scene.apply();
    are_protected(&scene, [true, true]);
    scene.configuration(&policy("other", "name_prefixes = [\"/app/\"]"));
    scene.apply();
    are_protected(&scene, [true, true]);
    scene.plan_is_empty();
}

#[test]
fn a_denied_write_to_a_log_group_that_leaves_is_an_error_even_with_skip() {
    let scene = scene();
    let usual = scene.usual_policy();
    let more = format!("on_conflict = \"skip\"\ndeletion_protection = true\n{RESTORE}");
    scene.policy(&format!("{usual}\n{more}"));
    scene.apply();
    deny(&scene, "PutLogGroupDeletionProtection");
    scene.policy(&format!("{usual}\n{more}\nexclude {{\n  names = [\"/app/open\"]\n}}"));
    let apply = scene.apply_fails();
    says(&apply, "Error: 1 log group could not be changed");
    assert!(!apply.text().contains("inconsistent"), "{apply}");
    are_protected(&scene, [true, true]);
}

#[test]
fn changes_between_plan_and_apply_are_what_was_there_before() {
    let scene = scene();
    protects(&scene, "true", RESTORE);
    scene.apply();
    unprotect(&scene, "/app/open");
    scene.plan();
    here(&scene).change_group("/app/open", |group| group.deletion_protection = true);
    let before = writes(&scene);
    scene.apply_plan();
    assert_eq!(writes(&scene), before, "somebody else has done it");
    scene.plan_is_empty();
}

#[test]
fn its_options_have_an_effect_or_are_an_error() {
    let scene = scene();
    scene.policy(&arguments(NAME, &format!("retention_in_days = 30\n{RESTORE}")));
    says(&scene.plan_fails(), "Error: deletion_protection_on_destroy without deletion_protection");
    protects(&scene, "true", "deletion_protection_on_destroy = \"forget\"");
    says(&scene.plan_fails(), "\"forget\" must be \"keep\" or \"restore\"");
    scene.policy(&arguments(NAME, ""));
    says(&scene.plan_fails(), "Error: Policy without effect");
}
