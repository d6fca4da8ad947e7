//! The enforcer: what it gives new log groups before any plan, and that no plan differs from it.

use std::collections::BTreeMap;

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::function::Function;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::simulator::{Class, DeliveryStream, Filter, Group, Pipe, Refusal, Role, Simulator};
use logagg_e2e::wait;
use serde_json::{Value, json};

use crate::scene::{NAME, PROVIDER, SIMULATED_ACCOUNT, Scene};

/// An enforcer at work in a simulator with these policies' documents.
pub(crate) fn enforcer(simulator: &Simulator, documents: &[Value]) -> Function {
    let config = json!({"policies": documents, "requests_per_second": 50});
    let environment = [
        ("LOGAGG_CONFIG", config.to_string()),
        ("AWS_ENDPOINT_URL", simulator.endpoint()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", SIMULATED_ACCOUNT.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ];
    let arn = format!("arn:aws:lambda:{REGION}:{SIMULATED_ACCOUNT}:function:enforcer");
    Function::start(&Binaries::shared().enforcer, &arn, &environment).unwrap()
}

/// What EventBridge sends for a log group that was created.
fn created(log_group: &str) -> Value {
    json!({
        "source": "aws.logs",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "logs.amazonaws.com",
            "eventName": "CreateLogGroup",
            "awsRegion": REGION,
            "recipientAccountId": SIMULATED_ACCOUNT,
            "requestParameters": {"logGroupName": log_group},
        },
    })
}

fn sweep() -> Value {
    json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}})
}

/// A policy that has been applied in a simulator, and an enforcer with its document.
fn governed(groups: &[&str], arguments: impl Fn(&Scene) -> String) -> (Scene, Function) {
    let scene = Scene::simulated(Simulator::builder(), groups);
    scene.policy(&arguments(&scene));
    scene.apply();
    let document = scene.state()["document"].clone();
    let enforcer = enforcer(scene.simulator.as_ref().unwrap(), &[document]);
    (scene, enforcer)
}

fn region(scene: &Scene) -> logagg_e2e::simulator::Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

#[test]
fn a_new_group_is_governed_at_once_and_the_next_plan_is_empty() {
    let (scene, enforcer) = governed(&["/app/a"], Scene::usual_policy);
    region(&scene).add_groups_named(["/app/new", "/app/new-and-longer", "/elsewhere/new"]);
    let answer = enforcer.invoke(&created("/app/new")).unwrap().unwrap();
    assert_eq!(answer, json!({"evaluated": 1, "changed": 1, "remaining": 0}));
    scene.ships("/app/new", &scene.shipper());
    scene.ships_nowhere("/app/new-and-longer");
    assert_eq!(region(&scene).group("/app/new").unwrap().retention_in_days, Some(30));
    enforcer.invoke(&created("/app/new-and-longer")).unwrap().unwrap();
    enforcer.invoke(&created("/elsewhere/new")).unwrap().unwrap();
    scene.ships_nowhere("/elsewhere/new");
    scene.plan_is_empty();
}

#[test]
fn a_repeated_event_or_one_of_a_deleted_group_changes_nothing() {
    let (scene, enforcer) = governed(&[], Scene::usual_policy);
    region(&scene).add_groups_named(["/app/new"]);
    enforcer.invoke(&created("/app/new")).unwrap().unwrap();
    let simulator = scene.simulator.as_ref().unwrap();
    let writes = simulator.writes().len();
    enforcer.invoke(&created("/app/new")).unwrap().unwrap();
    enforcer.invoke(&created("/app/never-there")).unwrap().unwrap();
    assert_eq!(simulator.writes().len(), writes);
}

#[test]
fn existing_filters_and_retentions_are_not_changed() {
    let (scene, enforcer) = governed(&[], Scene::usual_policy);
    let other = scene.account.function_arn("other");
    let mut taken = Group::named("/app/taken");
    taken.filters.insert(NAME.to_owned(), Filter::named(NAME, &other));
    taken.retention_in_days = Some(7);
    region(&scene).add_groups([taken.clone()]);
    let answer = enforcer.invoke(&created("/app/taken")).unwrap().unwrap();
    assert_eq!(answer["changed"], 0);
    let after = region(&scene).group("/app/taken").unwrap();
    assert_eq!((after.filters, after.retention_in_days), (taken.filters, Some(7)));
}

#[test]
fn no_loop_is_made_through_whatever_the_shipper_is_shipped_to() {
    let (scene, enforcer) = governed(&[], |scene| {
        let policy = scene.usual_policy();
        policy.replace("name_prefixes = [\"/app/\"]", "name_regex = \".*\"")
    });
    let other = scene.account.function_arn("other");
    let mut own = Group::named("/aws/lambda/shipper");
    own.filters.insert("audit".to_owned(), Filter::named("audit", &other));
    region(&scene).add_groups([own, Group::named("/aws/lambda/other")]);
    for group in ["/aws/lambda/shipper", "/aws/lambda/other"] {
        enforcer.invoke(&created(group)).unwrap().unwrap();
        let group = region(&scene).group(group).unwrap();
        assert!(!group.filters.contains_key(NAME), "{group:?}");
        assert_eq!(group.retention_in_days, Some(30));
    }
}

#[test]
fn no_loop_is_made_through_a_firehose_or_a_pipe_that_reads_the_stream() {
    let scene = Scene::simulated(Simulator::builder(), &[]);
    let here = region(&scene);
    let stream = here.add_stream("logs", &[]);
    let firehose = DeliveryStream::named("out").reading(&stream).logging_to("/app/errors");
    here.add_delivery_stream(firehose);
    let copy = here.place().arn("logs", format_args!("log-group:/app/copy"));
    here.add_pipe(Pipe::between("copied", &stream, &copy));
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    let role = account.add_role(Role::named("to-stream").trusting("logs.amazonaws.com"));
    scene.policy(&format!("{}\nrole_arn = \"{role}\"", scene.policy_to(&stream)));
    scene.apply();
    let document = scene.state()["document"].clone();
    let enforcer = enforcer(scene.simulator.as_ref().unwrap(), &[document]);
    for (group, shipped) in [("/app/errors", false), ("/app/copy", false), ("/app/new", true)] {
        here.add_groups_named([group]);
        enforcer.invoke(&created(group)).unwrap().unwrap();
        let filters = here.group(group).unwrap().filters;
        assert_eq!(filters.contains_key(NAME), shipped, "{group}");
    }
    scene.plan_is_empty();
}

#[test]
fn what_passes_is_waited_out_and_what_does_not_goes_back_to_the_queue() {
    let (scene, enforcer) = governed(&[], Scene::usual_policy);
    region(&scene).add_groups_named(["/app/slow", "/app/denied", "/app/fine"]);
    let simulator = scene.simulator.as_ref().unwrap();
    let put = || simulator.on("PutSubscriptionFilter");
    put().resource("/app/slow").times(2).fail(Refusal::operation_aborted());
    simulator.account(SIMULATED_ACCOUNT).deny_on("logs:PutSubscriptionFilter", "/app/denied");
    let message =
        |id: &str, body: &str| json!({"messageId": id, "eventSource": "aws:sqs", "body": body});
    let event = json!({"Records": [
        message("1", &created("/app/slow").to_string()),
        message("2", &created("/app/denied").to_string()),
        message("3", "nonsense"),
        message("4", &created("/app/fine").to_string()),
    ]});
    let answer = enforcer.invoke(&event).unwrap().unwrap();
    let failed = json!([{"itemIdentifier": "2"}, {"itemIdentifier": "3"}]);
    assert_eq!(answer, json!({"batchItemFailures": failed}));
    scene.ships("/app/slow", &scene.shipper());
    scene.ships("/app/fine", &scene.shipper());
    let error = enforcer.invoke(&created("/app/denied")).unwrap().unwrap_err().error;
    assert_eq!(error["errorType"], "Logagg.Failed");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("/app/denied") && message.contains("AccessDenied"), "{message}");
}

#[test]
fn a_full_group_is_asked_once() {
    let (scene, enforcer) = governed(&[], Scene::usual_policy);
    let mut full = Group::named("/app/full");
    for name in ["a", "b"] {
        let other = scene.account.function_arn("other");
        full.filters.insert(name.to_owned(), Filter::named(name, &other));
    }
    region(&scene).add_groups([full]);
    let simulator = scene.simulator.as_ref().unwrap();
    let before = simulator.counts().of("PutSubscriptionFilter");
    enforcer.invoke(&created("/app/full")).unwrap().unwrap();
    assert_eq!(simulator.counts().of("PutSubscriptionFilter"), before + 1);
    assert_eq!(region(&scene).group("/app/full").unwrap().retention_in_days, Some(30));
}

#[test]
fn a_sweep_adds_to_young_groups_only_and_reverts_nothing_of_a_newer_policy() {
    let (scene, enforcer) = governed(&["/app/a", "/app/b"], Scene::usual_policy);
    let other = scene.account.function_arn("other");
    let newer = scene.policy_to(&other).replace("= 30", "= 14");
    scene.policy(&newer);
    // The old document sweeps while the newer policy is being applied, and after it.
    std::thread::scope(|scope| {
        let applied = scope.spawn(|| scene.apply());
        while !applied.is_finished() {
            enforcer.invoke(&sweep()).unwrap().unwrap();
        }
    });
    let mut old = Group::named("/app/old");
    let two_days = std::time::Duration::from_secs(2 * 86_400);
    old.created = Some(std::time::SystemTime::now() - two_days);
    region(&scene).add_groups([old]);
    enforcer.invoke(&sweep()).unwrap().unwrap();
    for group in ["/app/a", "/app/b"] {
        scene.ships(group, &other);
        assert_eq!(region(&scene).group(group).unwrap().retention_in_days, Some(14));
    }
    scene.ships_nowhere("/app/old");
}

/// A sweep that has not the time for all log groups invokes its own function for the rest: as a real
/// function, which Lambda invokes asynchronously.
#[test]
fn a_sweep_continues_in_further_invocations_until_it_is_finished() {
    const GROUPS: usize = 60;

    let account = Account::new(Ministack::shared());
    let name = |number: usize| format!("/app/{number:02}");
    for number in 0..GROUPS {
        account.logs().create_group(&name(number)).unwrap();
    }
    let document = json!({
        "version": 1, "name": "keep", "account_id": account.id(), "region": REGION,
        "retention_in_days": 30, "select": [{"name_prefixes": ["/app/"]}],
    });
    let config = json!({"policies": [document], "requests_per_second": 10});
    // Two seconds of its timeout are for log groups.
    account.deploy("enforcer", &Binaries::shared().enforcer, &config, 8).unwrap();
    let first = account.lambda().invoke("enforcer", &json!({"logagg": "sweep"})).unwrap();
    assert_eq!(first["end"], "continued", "{first}");
    let lines = || account.logs().events("/aws/lambda/enforcer").unwrap().join("\n");
    wait::until("the sweep to be finished", || match lines() {
        lines if lines.contains(r#""end":"finished""#) => Ok(()),
        lines => Err(lines),
    })
    .unwrap();
    assert!(lines().contains(r#""part":3"#), "{}", lines());
    for number in 0..GROUPS {
        let retention = account.logs().retention(&name(number)).unwrap();
        assert_eq!(retention, Some(30), "{}", name(number));
    }
}

#[test]
fn a_policy_of_another_account_is_refused() {
    let simulator = Simulator::start().unwrap();
    let document = json!({
        "version": 1, "name": "logs", "region": REGION, "account_id": "999999999999",
        "retention_in_days": 30, "select": [{"name_prefixes": ["/app/"]}],
    });
    let error = enforcer(&simulator, &[document]).invoke(&sweep()).unwrap().unwrap_err().error;
    assert_eq!(error["errorType"], "Logagg.InvalidConfiguration");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.contains("for account 999999999999"), "{message}");
}

/// Twenty policies, each in a region of its own with fifty groups: a thousand decisions. What the
/// provider makes of a fresh group, the enforcer makes of it too; what is not fresh it leaves.
#[test]
fn provider_and_enforcer_decide_alike() {
    const POLICIES: u64 = 20;
    let seed = 20_261_125;
    let worlds: BTreeMap<String, World> = (0..POLICIES)
        .map(|number| {
            let mut chance = fastrand::Rng::with_seed(seed ^ number);
            (format!("sim-region-{number}"), World::by(&mut chance))
        })
        .collect();
    let lay = |simulator: &Simulator| {
        for (name, world) in &worlds {
            let region = simulator.region(SIMULATED_ACCOUNT, name);
            region.add_shipper("shipper");
            region.add_shipper("foreign");
            region.add_groups(world.groups(name));
        }
    };
    let scene = Scene::simulated(Simulator::builder(), &[]);
    let by_provider = scene.simulator.as_ref().unwrap();
    lay(by_provider);
    let mut configuration = PROVIDER.to_owned();
    for (name, world) in &worlds {
        configuration.push_str(&world.policy(name));
    }
    scene.terraform.write("main.tf", &configuration).unwrap();
    scene.apply();
    let state = scene.terraform.state().unwrap();
    let resources = state["values"]["root_module"]["resources"].as_array().unwrap().clone();
    let documents: Vec<_> =
        resources.iter().map(|policy| policy["values"]["document"].clone()).collect();
    assert_eq!(documents.len() as u64, POLICIES);

    let by_enforcer = Simulator::start().unwrap();
    lay(&by_enforcer);
    let swept = enforcer(&by_enforcer, &documents).invoke(&sweep()).unwrap().unwrap();
    assert_eq!(swept["remaining"], 0);
    let mut changed = 0;
    for (name, world) in &worlds {
        let provided = by_provider.region(SIMULATED_ACCOUNT, name).groups();
        let enforced = by_enforcer.region(SIMULATED_ACCOUNT, name).groups();
        for before in world.groups(name) {
            let (provided, enforced) = (&provided[&before.name], &enforced[&before.name]);
            let what = |group: &Group| (filters(group), group.retention_in_days);
            changed += usize::from(what(enforced) != what(&before));
            let is_fresh = before.filters.is_empty() && before.retention_in_days.is_none();
            if is_fresh {
                assert_eq!(what(enforced), what(provided), "seed {seed}, {name} {before:?}");
            }
            if before.retention_in_days.is_some() {
                assert_eq!(enforced.retention_in_days, before.retention_in_days);
            }
            for (filter, was) in &before.filters {
                assert_eq!(enforced.filters.get(filter), Some(was), "seed {seed}, {name}");
            }
        }
    }
    assert!(changed > 50, "only {changed} of a thousand groups were given anything");
}

/// The filters of a log group, without their creation times.
fn filters(group: &Group) -> Vec<Filter> {
    let filters = group.filters.values().cloned();
    filters.map(|filter| Filter { creation_time: 0, ..filter }).collect()
}

/// A policy by chance, and log groups for it.
struct World {
    select: String,
    exclude: String,
    retention: String,
    seed: u64,
}

impl World {
    fn by(chance: &mut fastrand::Rng) -> Self {
        let selections = [
            "name_prefixes = [\"/a/\", \"/b/\"]",
            "name_prefixes = [\"/a/\"]\n  name_regex = \"[0-4]$\"",
            "name_regex = \"x\"",
            "name_regex = \".*\"\n  log_group_classes = [\"STANDARD\"]",
            "names = [\"/a/x-1\", \"/b/y-2\", \"/b/never\"]",
            "tags = { team = \"core\" }\n  name_regex = \".*\"",
            "tags = { team = \"*\" }\n  name_prefixes = [\"/b/\"]",
        ];
        let exclusions =
            ["", "name_regex = \"-7$\"", "tags = { ship = \"no\" }", "names = [\"/a/x-3\"]"];
        let modes = ["exact", "at_least", "at_most", "if_unset"];
        let days = [0, 1, 30, 365];
        let pick =
            |chance: &mut fastrand::Rng, of: &[&str]| of[chance.usize(..of.len())].to_owned();
        let retention = format!(
            "retention_in_days = {}\n retention_mode = \"{}\"",
            days[chance.usize(..days.len())],
            pick(chance, &modes)
        );
        Self {
            select: pick(chance, &selections),
            exclude: pick(chance, &exclusions),
            retention: if chance.u8(..4) == 0 { String::new() } else { retention },
            seed: chance.u64(..),
        }
    }

    fn shipper(region: &str, name: &str) -> String {
        format!("arn:aws:lambda:{region}:{SIMULATED_ACCOUNT}:function:{name}")
    }

    fn policy(&self, region: &str) -> String {
        let Self { select, exclude, retention, .. } = self;
        let exclude = match exclude.as_str() {
            "" => String::new(),
            rule => format!("exclude {{\n  {rule}\n}}\n"),
        };
        format!(
            "resource \"logagg_policy\" \"{region}\" {{\n name = \"{NAME}\"\n region = \"{region}\"\n \
             destination_arn = \"{}\"\n on_conflict = \"skip\"\n {retention}\n \
             select {{\n  {select}\n}}\n{exclude}}}\n",
            Self::shipper(region, "shipper")
        )
    }

    fn groups(&self, region: &str) -> Vec<Group> {
        let mut chance = fastrand::Rng::with_seed(self.seed);
        let mut groups = vec![Group::named("/aws/lambda/shipper")];
        for (prefix, letter, number) in ["/a/", "/b/", "/c/"].iter().flat_map(|prefix| {
            ["x", "y"].iter().flat_map(move |letter| (0..8).map(move |n| (*prefix, *letter, n)))
        }) {
            let mut group = Group::named(format!("{prefix}{letter}-{number}"));
            group.class = match chance.u8(..8) {
                0 => Class::InfrequentAccess,
                1 => Class::Delivery,
                2 => Class::Essentials,
                _ => Class::Standard,
            };
            if group.class != Class::Delivery && chance.u8(..4) == 0 {
                group.retention_in_days = Some([1, 7, 400][chance.usize(..3)]);
            }
            if chance.bool() {
                let team = ["core", "edge"][chance.usize(..2)];
                group.tags.insert("team".to_owned(), team.to_owned());
            }
            if chance.u8(..6) == 0 {
                group.tags.insert("ship".to_owned(), "no".to_owned());
            }
            if group.class == Class::Standard && chance.u8(..5) == 0 {
                let name = ["somebody", NAME][chance.usize(..2)];
                let filter = Filter::named(name, &Self::shipper(region, "foreign"));
                group.filters.insert(name.to_owned(), filter);
            }
            groups.push(group);
        }
        groups
    }
}
