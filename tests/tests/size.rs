//! Five megabytes of state. The AWS behind it is a mock server of our own, which answers for ten
//! thousand log groups with long names faster than an emulator would.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use logagg_e2e::fault_proxy::FaultProxy;
use serde_json::{Value, json};

use crate::scene::{NAME, Scene};

const GROUPS: usize = 10_000;
const PAGE: usize = 50;

/// Retention in days by log group; null if events never expire.
type Groups = Arc<Mutex<BTreeMap<String, Value>>>;

/// Answers in AWS's place.
fn stand_in(proxy: &FaultProxy, groups: &Groups) {
    let listed = Arc::clone(groups);
    proxy.on("DescribeLogGroups").answer(move |input| {
        let after = input["nextToken"].as_str().unwrap_or_default().to_owned();
        let listed = listed.lock().unwrap();
        let page: Vec<_> =
            listed.range((Bound::Excluded(after), Bound::Unbounded)).take(PAGE).collect();
        let described: Vec<_> = page
            .iter()
            .map(|(name, days)| json!({"logGroupName": name, "retentionInDays": days}))
            .collect();
        match page.last() {
            Some((last, _)) => json!({"logGroups": described, "nextToken": last}),
            None => json!({"logGroups": []}),
        }
    });
    let written = Arc::clone(groups);
    proxy.on("PutRetentionPolicy").answer(move |input| {
        let name = input["logGroupName"].as_str().unwrap().to_owned();
        written.lock().unwrap().insert(name, input["retentionInDays"].clone());
        json!({})
    });
}

#[test]
fn ten_thousand_groups_plan_and_apply() {
    let scene = Scene::with_groups(&[]);
    let name = |n: usize| format!("/app/{n:05}{}", "x".repeat(490));
    let groups: Groups = Arc::default();
    groups.lock().unwrap().extend((0..GROUPS).map(|n| (name(n), json!(30))));
    stand_in(&scene.proxy, &groups);
    scene.policy(&format!(
        "name = \"{NAME}\"\nretention_in_days = 30\nselect {{\n  name_prefixes = [\"/app/\"]\n}}"
    ));
    scene.apply();
    let state = scene.terraform.run(&["state", "pull"]).unwrap();
    assert!(state.stdout.len() > 5_000_000, "{} bytes of state", state.stdout.len());
    scene.plan_is_empty();

    groups.lock().unwrap().insert(name(1234), Value::Null);
    groups.lock().unwrap().insert("/app/new".to_owned(), json!(7));
    scene.plan();
    let changed = scene.planned().log_groups();
    let changed: Vec<_> = changed.as_object().unwrap().keys().cloned().collect();
    assert_eq!(changed, [name(1234), "/app/new".to_owned()]);
    scene.apply_plan();
    assert_eq!(groups.lock().unwrap()[&name(1234)], 30);
    assert_eq!(groups.lock().unwrap()["/app/new"], 30);
    assert_eq!(scene.writes().len(), 2);
    scene.plan_is_empty();
    scene.destroy();
}
