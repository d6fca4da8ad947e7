//! Faults happen to the calls they are meant for, and the same seed brings the same ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use logagg_e2e::simulator::{Refusal, Simulator, Storm};
use serde_json::json;

use super::Simulated;

#[test]
fn a_rule_strikes_the_calls_it_names_and_no_others() {
    let simulated = Simulated::new();
    let create = |name: &str| simulated.logs("CreateLogGroup", json!({"logGroupName": name}));
    let rule = simulated.aws.on("CreateLogGroup").resource("/b").after(1).times(1);
    rule.fail(Refusal::operation_aborted());
    create("/a").unwrap();
    create("/b").unwrap();
    assert_eq!(create("/b").unwrap_err().code, "OperationAbortedException");
    assert_eq!(create("/b").unwrap_err().code, "ResourceAlreadyExistsException");
}

#[test]
fn a_connection_is_reset_before_or_after_the_work() {
    let simulated = Simulated::new();
    simulated.aws.on("CreateLogGroup").resource("/before").reset_before();
    simulated.aws.on("CreateLogGroup").resource("/after").reset_after();
    let logs = simulated.account.logs();
    logs.create_group("/before").unwrap_err();
    logs.create_group("/after").unwrap_err();
    assert!(simulated.here.group("/before").is_none());
    assert!(simulated.here.group("/after").is_some());
    simulated.aws.heal();
    logs.create_group("/before").unwrap();
}

#[test]
fn a_gate_holds_calls_until_it_opens() {
    let simulated = Simulated::new();
    simulated.here.add_groups_named(["/a"]);
    let put = || {
        let input = json!({"logGroupName": "/a", "retentionInDays": 1});
        simulated.logs("PutRetentionPolicy", input)
    };
    let gate = simulated.aws.on("PutRetentionPolicy").times(1).hold();
    std::thread::scope(|scope| {
        let held = scope.spawn(put);
        simulated.aws.wait_for("PutRetentionPolicy", 1).unwrap();
        assert_eq!(simulated.here.group("/a").unwrap().retention_in_days, None);
        gate.open();
        held.join().unwrap().unwrap();
    });
    assert_eq!(simulated.here.group("/a").unwrap().retention_in_days, Some(1));
}

#[test]
fn a_second_write_to_a_group_meanwhile_is_aborted() {
    let simulated = Simulated::new();
    simulated.here.add_groups_named(["/a", "/b"]);
    let delete =
        |group: &str| simulated.logs("DeleteRetentionPolicy", json!({"logGroupName": group}));
    // The hook runs after the first write is done and before it is answered.
    let api = simulated.api.clone();
    let aborted = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&aborted);
    simulated.aws.on("DeleteRetentionPolicy").times(1).run_after(move |_| {
        let put = |group: &str| {
            let input = json!({"logGroupName": group, "retentionInDays": 1});
            super::logs(&api, "PutRetentionPolicy", input)
        };
        let code = put("/a").unwrap_err().code;
        seen.fetch_add(usize::from(code == "OperationAbortedException"), Ordering::SeqCst);
        put("/b").unwrap();
    });
    delete("/a").unwrap();
    assert_eq!(aborted.load(Ordering::SeqCst), 1);
    delete("/a").unwrap();
    assert_eq!(simulated.here.group("/b").unwrap().retention_in_days, Some(1));
}

#[test]
fn a_hook_can_change_the_world_before_the_call() {
    let simulated = Simulated::new();
    simulated.here.add_groups_named(["/a"]);
    let here = simulated.here.clone();
    simulated.aws.on("DescribeLogGroups").times(1).run_before(move |call| {
        assert_eq!(call.operation, "DescribeLogGroups");
        here.add_groups_named(["/born/meanwhile"]);
    });
    assert_eq!(simulated.account.logs().groups().unwrap(), ["/a", "/born/meanwhile"]);
}

/// How each of many calls ended, under a storm of a seed.
fn storm(seed: u64) -> Vec<String> {
    let simulated = Simulated::with(Simulator::builder().seed(seed).speed(0.0));
    simulated.aws.storm(Storm { slow_by: Duration::ZERO, ..Storm::of_all(0.1) });
    (0..100)
        .map(|n| {
            let input = json!({"logGroupName": format!("/app/{}", n % 10)});
            match simulated.api.json("logs", "Logs_20140328.CreateLogGroup", &input) {
                Ok(Ok(_)) => "done".to_owned(),
                Ok(Err(refusal)) => refusal.code,
                Err(_) => "reset".to_owned(),
            }
        })
        .collect()
}

#[test]
fn a_storm_is_the_same_for_the_same_seed() {
    let first = storm(1);
    assert_eq!(first, storm(1));
    assert_ne!(first, storm(2));
    for kind in [
        "done",
        "reset",
        "ThrottlingException",
        "OperationAbortedException",
        "ServiceUnavailableException",
        "InternalFailure",
    ] {
        assert!(first.iter().any(|outcome| outcome == kind), "no {kind} in {first:?}");
    }
}

#[test]
fn a_rule_can_leave_it_to_chance() {
    let ended = |seed| {
        let simulated = Simulated::with(Simulator::builder().seed(seed));
        simulated.here.add_groups_named(["/a"]);
        let rule = simulated.aws.on("DeleteRetentionPolicy").probability(0.5).times(20);
        rule.fail(Refusal::unavailable());
        let delete = || simulated.logs("DeleteRetentionPolicy", json!({"logGroupName": "/a"}));
        (0..60).map(|_| delete().is_ok()).collect::<Vec<_>>()
    };
    let first = ended(1);
    assert_eq!(first, ended(1));
    assert_ne!(first, ended(2));
    assert_eq!(first.iter().filter(|ok| !**ok).count(), 20);
    assert!(first[..20].contains(&true), "{first:?}");
}

#[test]
fn writes_are_recorded_with_their_callers() {
    let simulated = Simulated::new();
    simulated.logs("CreateLogGroup", json!({"logGroupName": "/a"})).unwrap();
    simulated.here.call("DeleteLogGroup", json!({"logGroupName": "/a"})).unwrap();
    simulated.here.call("DeleteLogGroup", json!({"logGroupName": "/a"})).unwrap_err();
    let writes: Vec<_> = simulated
        .aws
        .writes()
        .into_iter()
        .map(|write| {
            let who = write.call.who.rsplit('/').next().unwrap().to_owned();
            (write.call.operation, who, write.refused)
        })
        .collect();
    let missing = Some("ResourceNotFoundException".to_owned());
    assert_eq!(
        writes,
        [
            ("CreateLogGroup", "terraform".to_owned(), None),
            ("DeleteLogGroup", "somebody".to_owned(), None),
            ("DeleteLogGroup", "somebody".to_owned(), missing),
        ]
    );
}
