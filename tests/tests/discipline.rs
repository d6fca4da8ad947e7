//! How AWS is asked: one writer a log group, as many calls as there is work, and a word on how far it
//! is.

use std::time::Duration;

use logagg_e2e::simulator::{Refusal, Simulator};

use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene};

#[test]
fn two_policies_take_turns_at_a_log_group() {
    let groups: Vec<_> = (0..12).map(|n| format!("/app/{n:02}")).collect();
    let latency = (Duration::from_millis(20), Duration::from_millis(60));
    let rules = Simulator::builder().seed(1).latency(latency.0, latency.1);
    let scene = Scene::simulated(rules, &groups.iter().map(String::as_str).collect::<Vec<_>>());
    let select = "select {\n  name_prefixes = [\"/app/\"]\n}";
    scene.configuration(&format!(
        "resource \"logagg_policy\" \"ships\" {{\n  name = \"{NAME}\"\n  destination_arn = \"{}\"\n\
         {select}\n}}\nresource \"logagg_policy\" \"keeps\" {{\n  name = \"keep\"\n  \
         retention_in_days = 30\n{select}\n}}\n",
        scene.shipper()
    ));
    scene.apply();
    scene.plan_is_empty();
    let counts = scene.simulator.as_ref().unwrap().counts();
    for write in ["PutSubscriptionFilter", "PutRetentionPolicy"] {
        assert_eq!(counts.refused(write, "OperationAbortedException"), 0, "{write}");
        assert_eq!(counts.of(write), 12, "{write}");
    }
}

#[test]
fn calls_say_which_program_makes_them() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    let writes = scene.simulator.as_ref().unwrap().writes();
    assert!(!writes.is_empty());
    for write in writes {
        let expected = concat!("logagg/", env!("CARGO_PKG_VERSION"), " aws-sdk-rust/");
        let reported = &write.call.user_agent;
        assert!(reported.starts_with(expected), "{}: {reported}", write.call.operation);
    }
}

/// Calls of an operation that always fails so, before the provider gives up.
fn tries(refusal: Refusal) -> u64 {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    scene.policy(&scene.usual_policy());
    let aws = scene.simulator.as_ref().unwrap();
    aws.on("PutSubscriptionFilter").fail(refusal);
    let _ = scene.terraform.apply().unwrap();
    aws.counts().of("PutSubscriptionFilter")
}

#[test]
fn only_transient_errors_are_retried() {
    for passing in [Refusal::throttled(), Refusal::operation_aborted(), Refusal::unavailable()] {
        let code = passing.code.clone();
        assert_eq!(tries(passing), 3, "{code}: once, and max_retries times again");
    }
    for lasting in [
        Refusal::new(400, "LimitExceededException", "Resource limit exceeded."),
        Refusal::new(400, "InvalidParameterException", "Invalid filter pattern"),
        Refusal::new(400, "AccessDeniedException", "not authorized"),
    ] {
        let code = lasting.code.clone();
        assert_eq!(tries(lasting), 1, "{code}");
    }
}

#[test]
fn the_log_tells_how_far_it_is_and_how_long_the_rest_may_take() {
    let groups: Vec<_> = (0..250).map(|n| format!("/app/{n:03}")).collect();
    let names: Vec<_> = groups.iter().map(String::as_str).collect();
    let mut scene = Scene::simulated(Simulator::builder(), &names);
    scene.policy(&scene.usual_policy());
    scene.terraform.set_environment(vec![("TF_LOG", "INFO".to_owned())]);
    let apply = scene.apply();
    // The first write is the probe, and comes before the others.
    for (what, total) in [("reading log groups", 250), ("writing log groups", 249)] {
        for done in [100, 200] {
            let reported = apply.stderr.lines().any(|line| {
                line.contains(what)
                    && line.contains(&format!("done={done}"))
                    && line.contains(&format!("total={total}"))
                    && line.contains("seconds_left=")
            });
            assert!(reported, "{what}: {done}\n{apply}");
        }
    }
    let region = scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, "eu-central-1");
    assert_eq!(region.filters("/app/249").len(), 1);
}
