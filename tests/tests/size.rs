//! Five megabytes of state. The AWS behind it is a stand-in of our own, which answers for ten
//! thousand log groups with long names faster than an emulator would.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use logagg_e2e::fault_proxy::FaultProxy;
use serde_json::{Value, json};

use crate::scene::{NAME, Scene};

const GROUPS: usize = 10_000;
const PAGE: usize = 50;

/// What the stand-in knows of a log group.
#[derive(Default)]
struct Group {
    retention: Option<Value>,
    filter: Option<Value>,
}

type Groups = Arc<Mutex<BTreeMap<String, Group>>>;

/// Answers in AWS's place.
fn stand_in(proxy: &FaultProxy, groups: &Groups) {
    let with = |answer: fn(&mut BTreeMap<String, Group>, &Value) -> Value| {
        let groups = Arc::clone(groups);
        move |input: &Value| answer(&mut groups.lock().unwrap(), input)
    };
    proxy.on("DescribeLogGroups").answer(with(|groups, input| {
        let after = input["nextToken"].as_str().unwrap_or_default().to_owned();
        let bounds = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        let page: Vec<_> = groups.range(bounds).take(PAGE).collect();
        let last = page.last().map(|(name, _)| name.as_str());
        let more = (page.len() == PAGE).then_some(last).flatten();
        let described: Vec<_> = page
            .iter()
            .map(|(name, group)| {
                let mut described = json!({"logGroupName": name, "creationTime": 1});
                if let Some(days) = &group.retention {
                    described["retentionInDays"] = days.clone();
                }
                described
            })
            .collect();
        let mut answer = json!({"logGroups": described});
        if let Some(more) = more {
            answer["nextToken"] = more.into();
        }
        answer
    }));
    proxy.on("DescribeSubscriptionFilters").answer(with(|groups, input| {
        let group = &groups[input["logGroupName"].as_str().unwrap()];
        json!({"subscriptionFilters": group.filter.iter().collect::<Vec<_>>()})
    }));
    proxy.on("PutSubscriptionFilter").answer(with(|groups, input| {
        let name = input["logGroupName"].as_str().unwrap();
        groups.get_mut(name).unwrap().filter = Some(input.clone());
        Value::Null
    }));
    proxy.on("PutRetentionPolicy").answer(with(|groups, input| {
        let name = input["logGroupName"].as_str().unwrap();
        groups.get_mut(name).unwrap().retention = Some(input["retentionInDays"].clone());
        Value::Null
    }));
}

#[test]
fn ten_thousand_groups_plan_and_apply() {
    let scene = Scene::with_groups(&[]);
    let name = |n: usize| format!("/app/{n:05}{}", "x".repeat(490));
    let groups: Groups = Arc::default();
    groups.lock().unwrap().extend((0..GROUPS).map(|n| (name(n), Group::default())));
    stand_in(&scene.proxy, &groups);
    scene.policy(&scene.usual_policy());
    scene.apply();
    assert_eq!(scene.proxy.calls_of("PutSubscriptionFilter").len(), GROUPS);
    let state = scene.terraform.run(&["state", "pull"]).unwrap();
    assert!(state.stdout.len() > 5_000_000, "{} bytes of state", state.stdout.len());
    scene.plan_is_empty();

    groups.lock().unwrap().get_mut(&name(1234)).unwrap().filter = None;
    groups.lock().unwrap().insert("/app/new".to_owned(), Group::default());
    scene.plan();
    let changed = scene.planned().log_groups();
    let changed: Vec<_> = changed.as_object().unwrap().keys().cloned().collect();
    assert_eq!(changed, [name(1234), "/app/new".to_owned()]);
    scene.apply_plan();
    let mended = groups.lock().unwrap()[&name(1234)].filter.clone().unwrap();
    assert_eq!(mended["filterName"], NAME);
    scene.plan_is_empty();
}
