//! An incremental refresh reads only what can have changed, and shows what a full one would. The
//! simulator's CloudTrail delivers every write, late and out of order.

use std::time::{Duration, SystemTime};

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Builder, Refusal, Region, Simulator};
use logagg_e2e::terraform::{Installation, Terraform};
use serde_json::{Value, json};

use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene, entry, says};

/// How many histories are played, unless this variable says otherwise.
const HISTORIES: u64 = 24;
const HISTORIES_VARIABLE: &str = "LOGAGG_HISTORIES";

/// As late as the provider lets CloudTrail be.
const LATEST: Duration = Duration::from_mins(59);

const ASK: &str = "DescribeSubscriptionFilters";

/// A clock that only a test moves.
fn stopped_clock() -> Builder {
    Simulator::builder().speed(0.0)
}

/// A policy in the state with these log groups, refreshed for the first time, some time ago.
fn refreshed(rules: Builder, groups: &[&str]) -> Scene {
    let scene = Scene::simulated(rules, groups);
    scene.policy(&incremental(&scene));
    scene.apply();
    refresh(&scene);
    // What the first apply wrote is read once, when CloudTrail delivers it.
    aws(&scene).advance(Duration::from_hours(2));
    refresh(&scene);
    aws(&scene).advance(Duration::from_hours(2));
    forget_calls(&scene);
    scene
}

fn incremental(scene: &Scene) -> String {
    format!("{}\nrefresh = \"incremental\"", scene.usual_policy())
}

fn aws(scene: &Scene) -> &Simulator {
    scene.simulator.as_ref().unwrap()
}

fn region(scene: &Scene) -> Region {
    aws(scene).region(SIMULATED_ACCOUNT, REGION)
}

/// Refreshes and keeps what was seen, as a pipeline does that applies.
#[track_caller]
fn refresh(scene: &Scene) -> String {
    let arguments = ["apply", "-no-color", "-auto-approve", "-refresh-only"];
    scene.run(0, |terraform| terraform.run(&arguments)).text().to_owned()
}

/// Of how many selected log groups a refresh reads the filters.
#[track_caller]
fn asked_by_a_refresh(scene: &Scene) -> usize {
    forget_calls(scene);
    refresh(scene);
    asked(scene)
}

fn forget_calls(scene: &Scene) {
    aws(scene).forget_calls();
    scene.proxy.forget_calls();
}

/// How many selected log groups were asked. Where the destination logs is looked at every time, for
/// loops.
fn asked(scene: &Scene) -> usize {
    let chosen = |group: &String| group.starts_with("/app/");
    let calls = scene.proxy.calls().into_iter().filter(|call| call.operation == ASK);
    calls.filter(|call| call.group.as_ref().is_some_and(chosen)).count()
}

/// Another client deletes a filter.
fn delete_filter(scene: &Scene, group: &str) {
    let input = json!({"logGroupName": group, "filterName": NAME});
    region(scene).call("DeleteSubscriptionFilter", input).unwrap();
}

#[test]
fn only_log_groups_with_changed_filters_are_read() {
    let scene = refreshed(stopped_clock(), &["/app/a", "/app/b", "/app/c"]);
    assert_eq!(asked_by_a_refresh(&scene), 0);
    delete_filter(&scene, "/app/b");
    forget_calls(&scene);
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/b": [entry("missing", 30), entry("active", 30)]})
    );
    assert_eq!(asked(&scene), 1);
    scene.apply_plan();
    scene.ships("/app/b", &scene.shipper());
    // The policy's own write is read again, and then recorded.
    aws(&scene).advance(Duration::from_mins(5));
    assert_eq!(asked_by_a_refresh(&scene), 1);
    aws(&scene).advance(Duration::from_mins(5));
    assert_eq!(asked_by_a_refresh(&scene), 0);
    scene.plan_is_empty();
}

#[test]
fn new_and_recreated_log_groups_are_read() {
    let scene = refreshed(stopped_clock(), &["/app/a", "/app/b", "/app/c"]);
    region(&scene).add_groups_named(["/app/new"]);
    let input = json!({"logGroupName": "/app/b"});
    region(&scene).call("DeleteLogGroup", input.clone()).unwrap();
    region(&scene).call("CreateLogGroup", input).unwrap();
    forget_calls(&scene);
    scene.plan();
    let missing = json!([entry("missing", 0), entry("active", 30)]);
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/b": missing.clone(), "/app/new": missing})
    );
    assert_eq!(asked(&scene), 2);
}

#[test]
fn retention_is_always_exact() {
    let scene = refreshed(stopped_clock(), &["/app/a", "/app/b"]);
    // Without a trace in CloudTrail.
    region(&scene).change_group("/app/b", |group| group.retention_in_days = Some(7));
    forget_calls(&scene);
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/b": [entry("active", 7), entry("active", 30)]})
    );
    assert_eq!(asked(&scene), 0);
}

#[test]
fn an_event_that_comes_late_is_not_missed() {
    let rules = stopped_clock().event_delay(LATEST, LATEST);
    let scene = refreshed(rules, &["/app/a", "/app/b"]);
    delete_filter(&scene, "/app/b");
    for _ in 0..5 {
        aws(&scene).advance(Duration::from_mins(11));
        assert_eq!(asked_by_a_refresh(&scene), 0);
    }
    aws(&scene).advance(Duration::from_mins(5));
    assert_eq!(asked_by_a_refresh(&scene), 1);
    assert_eq!(scene.state()["log_groups"]["/app/b"], entry("missing", 30));
}

#[test]
fn recorded_filters_are_compared_with_the_current_configuration() {
    let scene = refreshed(stopped_clock(), &["/app/a", "/app/b"]);
    let filter = json!({
        "logGroupName": "/app/b", "filterName": "siem", "filterPattern": "",
        "destinationArn": scene.account.function_arn("elsewhere"),
    });
    region(&scene).call("PutSubscriptionFilter", filter).unwrap();
    aws(&scene).advance(Duration::from_mins(5));
    refresh(&scene);
    aws(&scene).advance(Duration::from_mins(5));
    // Another destination: the filters of both are recorded, and "siem" still belongs to another
    // owner.
    let moved = format!(
        "{}\nrefresh = \"incremental\"",
        scene.policy_to(&scene.account.function_arn("other"))
    );
    scene.policy(&moved);
    scene.apply();
    aws(&scene).advance(Duration::from_hours(2));
    refresh(&scene);
    scene.plan_is_empty();
    // And now "siem" is to be replaced.
    let elsewhere = scene.account.function_arn("elsewhere");
    scene.policy(&format!("{moved}\nreplace_destination_arns = [\"{elsewhere}\"]"));
    scene.apply();
    aws(&scene).advance(Duration::from_hours(2));
    assert_eq!(asked_by_a_refresh(&scene), 1);
    scene.plan_is_empty();
    assert_eq!(region(&scene).filters("/app/b").len(), 1);
}

#[test]
fn an_old_full_refresh_is_followed_by_another() {
    let scene = Scene::simulated(stopped_clock(), &["/app/a", "/app/b"]);
    scene.policy(&format!("{}\nfull_refresh_after_hours = 3", incremental(&scene)));
    scene.apply();
    assert_eq!(asked_by_a_refresh(&scene), 2);
    aws(&scene).advance(Duration::from_mins(90));
    assert_eq!(asked_by_a_refresh(&scene), 2, "the policy wrote both");
    aws(&scene).advance(Duration::from_mins(89));
    assert_eq!(asked_by_a_refresh(&scene), 0);
    aws(&scene).advance(Duration::from_mins(1));
    // Without a trace in CloudTrail, so only a full refresh can see it.
    region(&scene).change_group("/app/b", |group| group.filters.clear());
    assert_eq!(asked_by_a_refresh(&scene), 2);
    assert_eq!(scene.state()["log_groups"]["/app/b"], entry("missing", 30));
}

#[test]
fn without_permission_the_refresh_is_full_and_says_so() {
    let scene = refreshed(stopped_clock(), &["/app/a", "/app/b"]);
    aws(&scene).account(SIMULATED_ACCOUNT).deny("cloudtrail:LookupEvents");
    region(&scene).change_group("/app/b", |group| group.filters.clear());
    forget_calls(&scene);
    let plan = scene.plan();
    assert_eq!(asked(&scene), 2);
    says(&plan, "Warning: Full refresh instead of an incremental one");
    says(&plan, "\"Action\": \"cloudtrail:LookupEvents\"");
    says(
        &plan,
        "So the filters of every log group were read, which takes longer and is equally exact.",
    );
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/b": [entry("missing", 30), entry("active", 30)]})
    );
    // Nothing is recorded that was not verified.
    refresh(&scene);
    aws(&scene).account(SIMULATED_ACCOUNT).allow_all();
    assert_eq!(asked_by_a_refresh(&scene), 2);
}

#[test]
fn a_trail_without_our_own_writes_causes_a_full_refresh() {
    let rules = stopped_clock().event_delay(Duration::from_hours(9), Duration::from_hours(9));
    let scene = Scene::simulated(rules, &["/app/a", "/app/b"]);
    scene.policy(&incremental(&scene));
    scene.apply();
    refresh(&scene);
    region(&scene).change_group("/app/a", |group| group.filters.clear());
    region(&scene).add_groups_named(["/app/new"]);
    scene.apply();
    scene.ships("/app/new", &scene.shipper());
    aws(&scene).advance(Duration::from_hours(1));
    assert_eq!(asked_by_a_refresh(&scene), 0);
    aws(&scene).advance(Duration::from_mins(61));
    forget_calls(&scene);
    let plan = scene.plan();
    says(&plan, "Warning: Full refresh instead of an incremental one");
    says(
        &plan,
        "It has no event of this policy's own change to the filter of /app/new, made more than an \
         hour ago.",
    );
    assert_eq!(asked(&scene), 3);
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/a": [entry("missing", 30), entry("active", 30)]})
    );
}

#[test]
fn a_page_that_fails_makes_the_refresh_a_full_one() {
    let scene = refreshed(stopped_clock(), &["/app/a", "/app/b"]);
    for number in 0..60 {
        let name = format!("/elsewhere/{number}");
        region(&scene).add_groups_named([&name]);
        let filter = json!({
            "logGroupName": name, "filterName": "theirs", "filterPattern": "",
            "destinationArn": scene.shipper(),
        });
        region(&scene).call("PutSubscriptionFilter", filter).unwrap();
    }
    assert_eq!(asked_by_a_refresh(&scene), 0);
    aws(&scene).advance(Duration::from_mins(10));
    let lost = Refusal::new(400, "InvalidNextTokenException", "The specified token is not valid.");
    // The first call returns the time, the second the first page.
    aws(&scene).on("LookupEvents").after(2).times(1).fail(lost);
    forget_calls(&scene);
    let text = refresh(&scene);
    assert!(text.contains("InvalidNextTokenException"), "{text}");
    assert_eq!(asked(&scene), 2);
}

#[test]
fn where_more_changed_than_is_worth_looking_up_the_refresh_is_full() {
    let scene = refreshed(stopped_clock(), &["/app/a", "/app/b"]);
    region(&scene).add_groups_named(["/elsewhere/busy"]);
    let filter = json!({
        "logGroupName": "/elsewhere/busy", "filterName": "theirs", "filterPattern": "",
        "destinationArn": scene.shipper(),
    });
    for _ in 0..501 {
        region(&scene).call("PutSubscriptionFilter", filter.clone()).unwrap();
    }
    assert_eq!(asked_by_a_refresh(&scene), 2);
    assert_eq!(aws(&scene).counts().of("LookupEvents"), 11);
}

#[test]
fn a_full_refresh_never_reads_cloudtrail() {
    let scene = refreshed(stopped_clock(), &["/app/a", "/app/b"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    assert_eq!(asked_by_a_refresh(&scene), 2);
    assert_eq!(aws(&scene).counts().of("LookupEvents"), 0);
}

// ---- Histories.

fn groups() -> impl Iterator<Item = String> {
    (0..7).map(|number| format!("/app/{number}")).chain(["/private/0".to_owned()])
}

/// Another client makes a change.
fn step(scene: &Scene, random: &mut fastrand::Rng) {
    let group = random.choice(groups().collect::<Vec<_>>()).unwrap();
    let name = random.choice([NAME, NAME, "siem"]).unwrap();
    let to = random.choice(["shipper", "shipper", "other", "elsewhere"]).unwrap();
    let pattern = random.choice(["", "", "ERROR"]).unwrap();
    let region = region(scene);
    // What AWS refuses leaves its trace too.
    let _ = match random.u8(0..10) {
        0..=2 => region.call(
            "PutSubscriptionFilter",
            json!({
                "logGroupName": group, "filterName": name, "filterPattern": pattern,
                "destinationArn": scene.account.function_arn(to),
            }),
        ),
        3..=5 => region
            .call("DeleteSubscriptionFilter", json!({"logGroupName": group, "filterName": name})),
        6 => region.call("DeleteLogGroup", json!({"logGroupName": group})),
        7 => region.call("CreateLogGroup", json!({"logGroupName": group})),
        8 => {
            region.call("PutRetentionPolicy", json!({"logGroupName": group, "retentionInDays": 7}))
        }
        _ => region.call("DeleteRetentionPolicy", json!({"logGroupName": group})),
    };
}

/// What a full refresh of the same state shows.
fn in_full(scene: &Scene) -> Value {
    let binaries = logagg_e2e::binaries::Binaries::shared();
    let mut other = Terraform::new(Installation::Override(binaries.provider_dir())).unwrap();
    other.set_environment(scene.account.environment(&scene.proxy.endpoint()));
    let configuration = std::fs::read_to_string(scene.terraform.dir().join("main.tf")).unwrap();
    other.write("main.tf", &configuration.replace("refresh = \"incremental\"", "")).unwrap();
    let mut state = kept(&scene.terraform);
    state["resources"][0]["instances"][0]["attributes"]["refresh"] = Value::Null;
    other.write("terraform.tfstate", &state.to_string()).unwrap();
    let arguments = ["apply", "-no-color", "-auto-approve", "-refresh-only"];
    let run = other.run(&arguments).unwrap();
    assert_eq!(run.code(), 0, "{run}");
    shown(&other)
}

fn kept(terraform: &Terraform) -> Value {
    let state = std::fs::read_to_string(terraform.dir().join("terraform.tfstate")).unwrap();
    serde_json::from_str(&state).unwrap()
}

/// What the state shows of the log groups.
fn shown(terraform: &Terraform) -> Value {
    let attributes = &kept(terraform)["resources"][0]["instances"][0]["attributes"];
    json!([attributes["log_groups"], attributes["skipped"], attributes["pending"]])
}

fn history(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    // A machine whose clock is wrong does no harm.
    let skew = Duration::from_mins(random.u64(0..100_000));
    let rules = stopped_clock()
        .seed(seed)
        .starting_at(SystemTime::now() - Duration::from_mins(50_000) + skew)
        .event_delay(Duration::ZERO, LATEST);
    let scene = Scene::simulated(rules, &["/app/0", "/app/1", "/app/2", "/app/3", "/private/0"]);
    scene.policy(&format!("{}\non_conflict = \"skip\"", incremental(&scene)));
    scene.apply();
    for _ in 0..random.usize(2..5) {
        for _ in 0..random.usize(0..8) {
            step(&scene, &mut random);
            aws(&scene).advance(Duration::from_secs(random.u64(1..900)));
        }
        match random.u8(0..4) {
            // A plan keeps nothing of what it saw.
            0 => drop(scene.terraform.plan(&[]).unwrap()),
            // A group may be full, or a name be taken, since the last event that came.
            1 => drop(scene.terraform.apply().unwrap()),
            _ => drop(refresh(&scene)),
        }
    }
    aws(&scene).advance(LATEST + Duration::from_secs(1));
    let asked = asked_by_a_refresh(&scene);
    assert_eq!(shown(&scene.terraform), in_full(&scene), "seed {seed}, {asked} were asked");
}

#[test]
fn an_incremental_refresh_shows_what_a_full_one_does_whatever_happened() {
    let histories = std::env::var(HISTORIES_VARIABLE).ok();
    let histories =
        histories.map_or(HISTORIES, |text| text.parse().expect("a number of histories"));
    let seeds: Vec<u64> = (0..histories).collect();
    std::thread::scope(|scope| {
        for part in seeds.chunks(seeds.len().div_ceil(2)) {
            scope.spawn(move || part.iter().copied().for_each(history));
        }
    });
}
