//! The provider is killed at every call of a create, an update and a destroy, alone or with
//! Terraform: applying again reconciles the policy, and nothing else is changed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, SystemTime};

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Filter, Function, Group, Region, Simulator};
use serde_json::{Value, json};

use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene};

/// How many of the calls of each kind of run the provider is killed at, unless this variable says
/// `all`.
const KILLS: usize = 4;
const KILLS_VARIABLE: &str = "LOGAGG_KILLS";

/// How often the same is done again before it has to hold.
const PATIENCE: usize = 3;

/// Who dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Provider,
    Everything,
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Create,
    Update,
    Destroy,
}

impl Doing {
    fn command(self) -> [&'static str; 3] {
        match self {
            Self::Create | Self::Update => ["apply", "-no-color", "-auto-approve"],
            Self::Destroy => ["destroy", "-no-color", "-auto-approve"],
        }
    }
}

fn groups() -> Vec<Group> {
    let siem = || Filter::named("siem", "arn:aws:logs:eu-central-1:444455556666:destination:siem");
    let elsewhere = Filter::named(NAME, "arn:aws:lambda:eu-central-1:111122223333:function:other");
    vec![
        Group::named("/app/0"),
        Group::named("/app/1").retention(90),
        // No free filter slot for a second name of ours.
        Group::named("/app/2").filter(siem()),
        Group::named("/app/3").retention(30),
        Group::named("/private/0").retention(14).filter(elsewhere).filter(siem()),
    ]
}

/// Filters that are not ours, and all of the log groups outside the selection.
fn property_of_others(region: &Region) -> BTreeMap<String, (Option<u16>, Vec<Filter>)> {
    let others = region.groups().into_iter().map(|(name, group)| {
        let chosen = name.starts_with("/app/");
        let retention = group.retention_in_days.filter(|_| !chosen);
        let filters = group.filters.into_values();
        (name, (retention, filters.filter(|filter| !chosen || filter.name == "siem").collect()))
    });
    others.collect()
}

/// An account with two functions without permissions yet.
struct Stage {
    scene: Scene,
    region: Region,
}

impl Stage {
    /// Everything up to what is about to be done.
    fn set(doing: Doing) -> Self {
        let scene = Scene::simulated(Simulator::builder(), &[]);
        let region = scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION);
        region.add_groups(groups());
        for name in ["sink", "next"] {
            region.add_function(Function::named(name));
        }
        let stage = Self { scene, region };
        stage.scene.policy(&stage.before());
        if doing != Doing::Create {
            stage.scene.apply();
        }
        if doing == Doing::Update {
            stage.scene.policy(&stage.after());
        }
        stage.scene.simulator.as_ref().unwrap().forget_calls();
        stage
    }

    fn before(&self) -> String {
        let sink = self.scene.account.function_arn("sink");
        format!("{}\ngrant_invoke = true", self.scene.policy_to(&sink))
    }

    /// Everything is different: destination, name, retention and selection.
    fn after(&self) -> String {
        let next = self.scene.account.function_arn("next");
        let policy = self.scene.policy_to(&next).replace("= 30", "= 60");
        format!(
            "{policy}\ngrant_invoke = true\nfilter_name = \"{NAME}-too\"\n\
             exclude {{\n  names = [\"/app/3\"]\n}}"
        )
    }

    fn calls(&self) -> u64 {
        self.scene.simulator.as_ref().unwrap().counts().total()
    }

    /// Runs Terraform until a call has been done and is about to be answered, and kills.
    fn kill_at(&self, call: u64, doing: Doing, victim: Victim) {
        let (struck, strikes) = mpsc::channel();
        let struck = Mutex::new(struck);
        let dead = Arc::new(Barrier::new(2));
        let hook = Arc::clone(&dead);
        let aws = self.scene.simulator.as_ref().unwrap();
        aws.on("*").after(usize::try_from(call).unwrap()).times(1).run_after(move |_| {
            let sent = struck.lock().unwrap().send(());
            sent.is_ok().then(|| hook.wait());
        });
        let mut run = self.scene.terraform.start(&doing.command()).unwrap();
        loop {
            match strikes.recv_timeout(Duration::from_millis(20)) {
                Ok(()) => break,
                // It made fewer calls this time.
                Err(RecvTimeoutError::Timeout) if run.has_ended() => return,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("the rule lives"),
            }
        }
        match victim {
            Victim::Provider => run.kill_providers().unwrap(),
            Victim::Everything => run.kill().unwrap(),
        }
        dead.wait();
        let run = run.finish().unwrap();
        assert_ne!(run.code(), 0, "{run}");
        assert!(!run.text().contains("panic:"), "{run}");
        aws.heal();
    }

    /// Does the same until it holds.
    fn again(&self, doing: Doing, what: &str) {
        let mut last = None;
        for _ in 0..PATIENCE {
            let run = self.scene.terraform.run(&doing.command()).unwrap();
            assert!(!run.text().contains("panic"), "{what}: {run}");
            assert!(!run.text().contains("Provider produced"), "{what}: {run}");
            self.state_is_honest(what);
            if run.code() == 0 {
                return;
            }
            last = Some(run);
        }
        panic!("{what}: {}", last.unwrap());
    }

    /// The state claims no more than there is.
    fn state_is_honest(&self, what: &str) {
        let state = self.scene.state();
        let name = state["filter_name"].as_str().unwrap_or(NAME);
        for (group, entry) in state["log_groups"].as_object().into_iter().flatten() {
            let now = self.region.group(group).unwrap();
            if entry["subscription"] == "active" {
                let filter = now.filters.get(name);
                let destination = filter.map(|filter| filter.destination_arn.as_str());
                assert_eq!(destination, state["destination_arn"].as_str(), "{what}: {group}");
            }
            let days = entry["retention_in_days"].as_u64().unwrap();
            assert_eq!(u64::from(now.retention_in_days.unwrap_or(0)), days, "{what}: {group}");
        }
        if state["invoke_permission"] == "active" {
            let arn = state["destination_arn"].as_str().unwrap();
            let statements = self.statements(arn.rsplit(':').next().unwrap()).len();
            assert!(matches!(statements, 1 | 2), "{what}: {statements}");
        }
    }

    fn statements(&self, function: &str) -> Vec<Value> {
        let answer = self.region.call("GetPolicy", json!({"FunctionName": function}));
        let Ok(answer) = answer else { return Vec::new() };
        let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
        policy["Statement"].as_array().unwrap().clone()
    }

    /// Each log group with our filters, as name and destination.
    fn ours(&self) -> BTreeMap<String, Vec<[String; 2]>> {
        let groups = self.region.groups().into_iter();
        let chosen = groups.filter(|(name, _)| name.starts_with("/app/"));
        let ours = chosen.map(|(name, group)| {
            let filters = group.filters.into_values().filter(|filter| filter.name != "siem");
            (name, filters.map(|filter| [filter.name, filter.destination_arn]).collect())
        });
        ours.collect()
    }

    fn holds(&self, doing: Doing, what: &str) {
        let filters = |name: &str, function: &str| {
            vec![[name.to_owned(), self.scene.account.function_arn(function)]]
        };
        let each = |filters: &Vec<_>| -> BTreeMap<_, _> {
            (0..4).map(|number| (format!("/app/{number}"), filters.clone())).collect()
        };
        let (expected, granted) = match doing {
            Doing::Create => (each(&filters(NAME, "sink")), "sink"),
            Doing::Update => {
                let mut expected = each(&filters(&format!("{NAME}-too"), "next"));
                expected.insert("/app/3".to_owned(), Vec::new());
                (expected, "next")
            }
            Doing::Destroy => (each(&Vec::new()), ""),
        };
        assert_eq!(self.ours(), expected, "{what}");
        for function in ["sink", "next"] {
            let statements = self.statements(function).len();
            let expected = usize::from(function == granted);
            // A create that dies has no state to know its statement by, and makes another.
            let left = usize::from(doing == Doing::Create && expected > 0);
            assert!((expected..=expected + left).contains(&statements), "{what}: {function}");
        }
        match doing {
            Doing::Destroy => assert_eq!(self.scene.state(), json!(null), "{what}"),
            Doing::Create | Doing::Update => self.scene.plan_is_empty(),
        }
    }

    /// What is left of the sockets of providers that could not clean up, made old.
    fn left_sockets(&self) -> Vec<PathBuf> {
        let folder = self.scene.terraform.dir().parent().unwrap().read_dir().unwrap();
        let paths = folder.map(|entry| entry.unwrap().path());
        let is_ours =
            |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("tfplugin");
        let left: Vec<_> = paths.filter(is_ours).collect();
        for path in &left {
            let long_ago = SystemTime::now() - Duration::from_secs(3600);
            File::open(path).unwrap().set_modified(long_ago).unwrap();
        }
        left
    }
}

fn die(doing: Doing, call: u64, victim: Victim) {
    let what = format!("{victim:?} killed at call {call} of a {doing:?}");
    let stage = Stage::set(doing);
    let before = property_of_others(&stage.region);
    stage.kill_at(call, doing, victim);
    stage.left_sockets();
    stage.again(doing, &what);
    stage.holds(doing, &what);
    assert_eq!(property_of_others(&stage.region), before, "{what}");
    assert_eq!(
        stage.left_sockets(),
        [""; 0].map(PathBuf::from),
        "{what}: the next start cleans up"
    );
}

/// All calls, or some of them spread over all.
fn chosen(calls: u64) -> Vec<u64> {
    let all = std::env::var(KILLS_VARIABLE).is_ok_and(|kills| kills == "all");
    match all {
        true => (0..calls).collect(),
        false => {
            let step = usize::try_from(calls).unwrap().div_ceil(KILLS).max(1);
            (0..calls).rev().step_by(step).collect()
        }
    }
}

fn at_every_call(doing: Doing) {
    let undisturbed = Stage::set(doing);
    let run = undisturbed.scene.terraform.run(&doing.command()).unwrap();
    assert_eq!(run.code(), 0, "{run}");
    let calls = undisturbed.calls();
    undisturbed.holds(doing, "undisturbed");
    for call in chosen(calls) {
        let victim = if call % 2 == 0 { Victim::Provider } else { Victim::Everything };
        die(doing, call, victim);
    }
}

#[test]
fn a_create_is_taken_up_where_the_provider_died() {
    at_every_call(Doing::Create);
}

#[test]
fn an_update_is_taken_up_where_the_provider_died() {
    at_every_call(Doing::Update);
}

#[test]
fn a_destroy_is_taken_up_where_the_provider_died() {
    at_every_call(Doing::Destroy);
}
