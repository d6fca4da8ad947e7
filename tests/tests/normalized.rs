//! Values that CloudWatch Logs returns in another form than written.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{DeliveryStream, Role, Simulator};
use serde_json::json;

use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene};

fn applied_once(scene: &Scene, arguments: &str) {
    scene.policy(arguments);
    scene.apply();
    scene.plan_is_empty();
}

#[test]
fn a_pattern_of_blanks_alone_is_none() {
    for scene in
        [Scene::with_groups(&["/app/a"]), Scene::simulated(Simulator::builder(), &["/app/a"])]
    {
        applied_once(&scene, &format!("{}\nfilter_pattern = \" \"", scene.usual_policy()));
        scene.proxy.forget_calls();
        for pattern in ["", "  "] {
            let policy = format!("{}\nfilter_pattern = \"{pattern}\"", scene.usual_policy());
            applied_once(&scene, &policy);
        }
        assert_eq!(scene.writes(), [], "all of them say the same");
    }
}

#[test]
fn a_line_break_after_a_pattern_is_no_drift() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let heredoc = format!("{}\nfilter_pattern = <<EOT\n  ERROR\nEOT\n", scene.usual_policy());
    applied_once(&scene, &heredoc);
    assert_eq!(scene.logs.filters("/app/a").unwrap()[0].pattern, "ERROR");
}

#[test]
fn system_fields_come_in_any_order_and_are_taken_back() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let fields = "emit_system_fields = [\"@aws.region\", \"@aws.account\"]";
    applied_once(&scene, &format!("{}\n{fields}", scene.usual_policy()));
    let region = scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION);
    region.change_group("/app/a", |group| {
        group.filters.get_mut(NAME).unwrap().emit_system_fields.reverse();
    });
    scene.plan_is_empty();
    applied_once(&scene, &scene.usual_policy());
    assert_eq!(region.filters("/app/a")[0].emit_system_fields, Vec::<String>::new());
}

#[test]
fn a_distribution_is_ignored_for_a_destination_without_shards() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let simulator = scene.simulator.as_ref().unwrap();
    let role = Role::named("deliver").trusting("logs.amazonaws.com");
    let role = simulator.account(SIMULATED_ACCOUNT).add_role(role);
    let region = simulator.region(SIMULATED_ACCOUNT, REGION);
    let stream = region.add_delivery_stream(DeliveryStream::named("archive"));
    let filter = json!({
        "logGroupName": "/app/a", "filterName": NAME, "filterPattern": "",
        "destinationArn": stream, "roleArn": role, "distribution": "Random",
    });
    region.call("PutSubscriptionFilter", filter).unwrap();
    applied_once(&scene, &format!("{}\nrole_arn = \"{role}\"", scene.policy_to(&stream)));
    assert_eq!(scene.writes(), [("PutRetentionPolicy".to_owned(), "/app/a".to_owned())]);
}
