//! Chaos tests: throttling, aborts, lost connections, log groups created and deleted meanwhile, and
//! a crash in the middle of an apply. Applying again always reconciles the policy, and nothing else
//! is changed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Duration;

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Filter, Group, Region, Simulator, Storm};

use crate::scene::{NAME, Scene};

/// How many storms there are, unless this variable says otherwise: a long run takes thousands, or
/// goes on where another ended (`400..1000`).
const STORMS: u64 = 24;
const STORMS_VARIABLE: &str = "LOGAGG_STORMS";

/// Storms at the same time. Each waits more than it works.
const AT_ONCE: usize = 6;

const SIMULATED_ACCOUNT: &str = "111122223333";
const PATIENCE: usize = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// What must not change: filters of other owners, and all log groups outside the selection.
type Property = BTreeMap<String, (Option<u16>, Vec<Filter>)>;

fn property_of_others(region: &Region) -> Property {
    let others = region.groups().into_iter().map(|(name, group)| {
        let chosen = name.starts_with("/app/");
        let retention = group.retention_in_days.filter(|_| !chosen);
        let filters = group.filters.into_values().filter(|filter| !chosen || filter.name != NAME);
        (name, (retention, filters.collect()))
    });
    others
        .filter(|(_, (retention, filters)): &(_, (_, Vec<_>))| {
            retention.is_some() || !filters.is_empty()
        })
        .collect()
}

fn groups(seed: u64) -> Vec<Group> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut groups = Vec::new();
    for number in 0..14 {
        let mut group = Group::named(format!("/app/{number:02}"));
        if random.bool() {
            group = group.filter(Filter::named(
                "siem",
                "arn:aws:logs:eu-central-1:444455556666:destination:siem",
            ));
        }
        if random.bool() {
            group = group.retention(90);
        }
        groups.push(group);
    }
    for number in 0..3 {
        let elsewhere =
            Filter::named(NAME, "arn:aws:lambda:eu-central-1:111122223333:function:other");
        groups.push(Group::named(format!("/private/{number}")).retention(14).filter(elsewhere));
    }
    groups
}

/// The state claims no more than there is.
#[track_caller]
fn state_is_honest(scene: &Scene, region: &Region, seed: u64) {
    let state = scene.state();
    for (name, entry) in state["log_groups"].as_object().into_iter().flatten() {
        let Some(group) = region.group(name) else { continue };
        if entry["subscription"] == "active" {
            assert!(group.filters.contains_key(NAME), "seed {seed}: {name} is not subscribed");
        }
        if entry["retention_in_days"] == 30 {
            assert_eq!(group.retention_in_days, Some(30), "seed {seed}: {name}");
        }
    }
}

fn weather(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let scene = Scene::simulated(Simulator::builder().seed(seed), &[]);
    let aws = scene.simulator.as_ref().unwrap();
    let region = aws.region(SIMULATED_ACCOUNT, REGION);
    region.add_groups(groups(seed));
    let before = property_of_others(&region);
    scene.policy(&scene.usual_policy());

    // Log groups come and go while the provider writes.
    let meanwhile = region.clone();
    let (created_at, gone_at) = (random.usize(0..20), random.usize(0..20));
    aws.on("PutSubscriptionFilter").after(created_at).times(1).run_after(move |_| {
        meanwhile.add_groups_named(["/app/born"]);
    });
    let meanwhile = region.clone();
    aws.on("PutRetentionPolicy").after(gone_at).times(1).run_after(move |_| {
        let _ = meanwhile.call("DeleteLogGroup", serde_json::json!({"logGroupName": "/app/13"}));
    });
    aws.storm(Storm::of_all(0.04));

    let kill_at = random.u64(1..30);
    let mut apply = scene.terraform.start(&["apply", "-no-color", "-auto-approve"]).unwrap();
    let writes =
        || aws.counts().of("PutSubscriptionFilter") + aws.counts().of("PutRetentionPolicy");
    while writes() < kill_at && !apply.has_ended() {
        std::thread::park_timeout(BETWEEN_LOOKS);
    }
    let _ = apply.kill();
    apply.finish().unwrap();

    let mut settled = false;
    for _ in 0..PATIENCE {
        let run = scene.terraform.apply().unwrap();
        assert!(!run.text().contains("panic"), "seed {seed}: {run}");
        state_is_honest(&scene, &region, seed);
        let done = run.code() == 0 && scene.state()["pending"] == 0;
        if done && scene.terraform.plan(&[]).unwrap().code() == 0 {
            settled = true;
            break;
        }
    }
    assert!(settled, "seed {seed}: not done after {PATIENCE} applies");
    aws.heal();
    scene.plan_is_empty();
    for (name, group) in region.groups() {
        if name.starts_with("/app/") {
            scene.ships(&name, &scene.shipper());
            assert_eq!(group.retention_in_days, Some(30), "seed {seed}: {name}");
        }
    }
    let after = property_of_others(&region);
    let kept = before.into_iter().filter(|(name, _)| region.group(name).is_some());
    assert_eq!(after, kept.collect(), "seed {seed}");
}

fn seeds() -> Range<u64> {
    let Ok(storms) = std::env::var(STORMS_VARIABLE) else { return 0..STORMS };
    let (from, to) = storms.split_once("..").unwrap_or(("0", &storms));
    let number = |text: &str| text.parse().expect("a number of storms, or of two seeds: 400..1000");
    number(from)..number(to)
}

#[test]
fn applying_again_leads_to_the_policy_through_any_weather() {
    let seeds = Mutex::new(seeds());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                // A failing seed does not stop the others.
                while let Some(seed) = { seeds.lock().unwrap().next() } {
                    weather(seed);
                }
            });
        }
    });
}
