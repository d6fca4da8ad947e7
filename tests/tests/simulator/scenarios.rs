//! Scenarios of the provider that hold in ministack hold in the simulator, where the destination
//! must exist, the permission must be given, and two writes to a group at once are refused.

use std::time::Duration;

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Function, Quotas, Refusal, Role, Simulator};
use serde_json::json;

use crate::scene::{PROVIDER, Scene, says};

/// Every scenario again, in the simulator.
macro_rules! scenarios {
    ($($topic:ident: $($name:ident),+;)+) => {
        $(mod $topic {
            $(#[test]
            fn $name() {
                crate::scene::in_simulator(crate::$topic::$name);
            })+
        })+
    };
}

scenarios! {
    first_apply:
        the_first_plan_says_what_it_is_about_to_do,
        the_first_apply_subscribes_and_sets_retention_and_the_next_plan_is_empty,
        the_shippers_own_group_is_skipped_and_still_gets_its_retention,
        a_class_without_subscriptions_is_skipped_with_its_reason;
    drift:
        a_removed_filter_is_missing_and_comes_back,
        a_redirected_filter_is_drift_and_belongs_to_another_owner,
        a_changed_pattern_differs_and_is_corrected,
        a_changed_retention_goes_back_to_the_policys,
        a_new_group_is_shown_as_it_is_and_as_it_will_be,
        a_deleted_group_is_simply_no_longer_there,
        all_kinds_at_once_are_one_plan_and_one_apply;
    change:
        another_destination_updates_every_filter_in_place,
        a_rename_creates_the_new_filter_before_it_deletes_the_old,
        destroy_takes_away_what_is_ours_and_leaves_the_retention;
    grant:
        it_is_granted_before_the_filters_and_revoked_after_them,
        a_removed_statement_is_drift_that_apply_corrects,
        an_altered_statement_is_replaced_with_an_interim_one_meanwhile,
        another_destination_takes_it_along,
        a_rename_gives_it_another_id,
        turned_off_it_is_revoked,
        two_policies_of_one_name_have_statements_of_their_own,
        a_statement_that_replaced_ours_is_not_changed,
        an_import_finds_it;
}

#[test]
fn a_provider_below_the_quotas_makes_as_many_calls_as_the_work_needs() {
    const SPEED: u32 = 5;
    let groups: Vec<_> = (0..40).map(|n| format!("/app/{n:02}")).collect();
    let groups: Vec<_> = groups.iter().map(String::as_str).collect();
    // What the provider saves up in a real second is so many simulated ones' worth.
    let quotas = Quotas::aws().burst(Duration::from_secs(SPEED.into()));
    let rules = Simulator::builder().speed(SPEED.into()).quotas(quotas);
    let scene = Scene::simulated(rules, &groups);
    let provider = PROVIDER.replace("= 10000", "= 20");
    assert_ne!(provider, PROVIDER);
    let policy = scene.usual_policy();
    let policy = format!("resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n");
    scene.terraform.write("main.tf", &format!("{provider}\n{policy}")).unwrap();
    scene.apply();
    for group in groups {
        scene.ships(group, &scene.shipper());
    }
    let counts = scene.simulator.as_ref().unwrap().counts();
    for write in ["PutSubscriptionFilter", "PutRetentionPolicy"] {
        assert_eq!(counts.of(write) - counts.refused(write, "ThrottlingException"), 40, "{write}");
    }
}

#[test]
fn what_passes_is_tried_again_until_it_is_done() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    let simulator = scene.simulator.as_ref().unwrap();
    let put = |group| simulator.on("PutSubscriptionFilter").resource(group).times(1);
    put("/app/a").fail(Refusal::operation_aborted());
    put("/app/b").reset_after();
    simulator.on("DescribeLogGroups").times(1).reset_before();
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships("/app/b", &scene.shipper());
    let aborted = simulator.counts().refused("PutSubscriptionFilter", "OperationAbortedException");
    assert_eq!(aborted, 1);
    scene.plan_is_empty();
}

#[test]
fn a_role_leads_the_provider_into_its_account() {
    const THERE: &str = "999999999999";
    let scene = Scene::simulated(Simulator::builder(), &["/app/here"]);
    let simulator = scene.simulator.as_ref().unwrap();
    let role = Role::named("logs").trusting(scene.account.id()).external_id("ours");
    let role = simulator.account(THERE).add_role(role);
    let there = simulator.region(THERE, REGION);
    there.add_groups_named(["/app/there"]);
    let shipper = there.add_shipper("shipper");
    let role = format!("assume_role {{\n  role_arn = \"{role}\"\n  external_id = \"ours\"\n}}");
    let provider = PROVIDER.replace("max_retries = 2", &format!("max_retries = 2\n{role}"));
    let policy = scene.policy_to(&shipper);
    let policy = format!("resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n");
    scene.terraform.write("main.tf", &format!("{provider}\n{policy}")).unwrap();
    scene.apply();
    assert_eq!(there.filters("/app/there")[0].destination_arn, shipper);
    assert_eq!(scene.state()["account_id"], THERE);
    scene.ships_nowhere("/app/here");
}

#[test]
fn a_missing_permission_is_named_and_nothing_is_written() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let simulator = scene.simulator.as_ref().unwrap();
    simulator.account(scene.account.id()).deny("logs:PutSubscriptionFilter");
    scene.policy(&scene.usual_policy());
    let run = scene.apply_fails();
    says(&run, "logs:PutSubscriptionFilter");
    assert!(simulator.writes().iter().all(|write| write.refused.is_some()), "{run}");
    simulator.account(scene.account.id()).allow_all();
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
}

#[test]
fn a_permission_that_is_not_known_yet_is_waited_for_once() {
    // It is known after two and a half seconds, and the provider asks again after three.
    let rules = Simulator::builder().speed(60.0).propagation(Duration::from_secs(150));
    let scene = Scene::simulated(rules, &["/app/a", "/app/b", "/app/c"]);
    let simulator = scene.simulator.as_ref().unwrap();
    let region = simulator.region(scene.account.id(), REGION);
    let fresh = region.add_function(Function::named("fresh"));
    scene.policy(&scene.policy_to(&fresh));
    let grant = json!({
        "FunctionName": "fresh",
        "StatementId": "logs",
        "Action": "lambda:InvokeFunction",
        "Principal": "logs.amazonaws.com",
    });
    // The permission is added at the moment in which the first filter is created.
    simulator.on("PutSubscriptionFilter").times(1).run_before(move |_| {
        region.call("AddPermission", grant.clone()).unwrap();
    });
    scene.apply();
    for group in ["/app/a", "/app/b", "/app/c"] {
        scene.ships(group, &fresh);
    }
    let refused = simulator.counts().refused("PutSubscriptionFilter", "InvalidParameterException");
    assert_eq!(refused, 1, "the first write is the probe");
}
