use std::cell::{Cell, RefCell};
use std::fmt::Write;

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::cli::Cli;
use logagg_e2e::cloudwatch::{CloudWatchLogs, Filter};
use logagg_e2e::fault_proxy::FaultProxy;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::moto::Moto;
use logagg_e2e::simulator::{Builder, Simulator};
use logagg_e2e::terraform::{Installation, Run, Terraform};
use serde_json::Value;

/// The policy's name in most tests, and so that of its filters.
pub(crate) const NAME: &str = "ship";

/// The account in every simulator, always the same so that the same seed means the same.
pub(crate) const SIMULATED_ACCOUNT: &str = "111122223333";

/// The regions of a simulator in which something can be shipped to.
const SIMULATED_REGIONS: [&str; 2] = [REGION, "eu-west-1"];

/// The functions there that CloudWatch Logs may invoke: the simulator lets no filter send to one
/// that does not exist.
const SIMULATED_SHIPPERS: [&str; 3] = ["shipper", "other", "elsewhere"];

thread_local! {
    static SIMULATED: Cell<bool> = const { Cell::new(false) };
    /// Who runs the provider, where it is not the Terraform of `PATH`.
    static CLI: RefCell<Option<Cli>> = const { RefCell::new(None) };
}

/// Runs a scenario with every scene in the simulator instead of ministack.
#[track_caller]
pub(crate) fn in_simulator(scenario: fn()) {
    struct Back;

    impl Drop for Back {
        fn drop(&mut self) {
            SIMULATED.set(false);
        }
    }

    let _back = Back;
    SIMULATED.set(true);
    scenario();
}

/// Runs a scenario with this program in every scene instead of the Terraform of `PATH`.
#[track_caller]
pub(crate) fn with_cli(cli: &Cli, scenario: fn()) {
    struct Back;

    impl Drop for Back {
        fn drop(&mut self) {
            CLI.set(None);
        }
    }

    let _back = Back;
    CLI.set(Some(cli.clone()));
    scenario();
}

/// The program of the test at work: the Terraform of `PATH` unless [`with_cli`] has set another.
pub(crate) fn cli() -> Cli {
    CLI.with_borrow(Clone::clone).unwrap_or_else(Cli::of_path)
}

/// AWS's quotas would let each test wait; what a quota does is a test of its own.
pub(crate) const PROVIDER: &str = r#"
terraform {
  required_providers {
    logagg = { source = "logagg/logagg" }
  }
}

provider "logagg" {
  max_retries = 2
  requests_per_second = {
    DescribeLogGroups           = 10000
    ListLogGroups               = 10000
    ListTagsForResource         = 10000
    DescribeAccountPolicies     = 10000
    DescribeSubscriptionFilters = 10000
    PutSubscriptionFilter       = 10000
    DeleteSubscriptionFilter    = 10000
    PutRetentionPolicy          = 10000
    DeleteRetentionPolicy       = 10000
  }
}
"#;

/// An account, and Terraform at work in it through a proxy that sees every call.
pub(crate) struct Scene {
    pub(crate) account: Account,
    /// The account without the proxy: what other clients do and see.
    pub(crate) logs: CloudWatchLogs,
    pub(crate) proxy: FaultProxy,
    pub(crate) terraform: Terraform,
    /// The AWS it plays in, where that is one of its own.
    pub(crate) simulator: Option<Simulator>,
}

impl Scene {
    /// An account with these log groups.
    pub(crate) fn with_groups(groups: &[&str]) -> Self {
        if SIMULATED.get() {
            return Self::simulated(Simulator::builder(), groups);
        }
        let scene = Self::in_aws(Account::new(Ministack::shared()), None);
        for group in groups {
            scene.logs.create_group(group).unwrap();
        }
        scene
    }

    /// An account with these log groups in moto.
    pub(crate) fn in_moto(groups: &[&str]) -> Self {
        let scene = Self::in_aws(Account::in_moto(Moto::shared()).unwrap(), None);
        for group in groups {
            scene.logs.create_group(group).unwrap();
        }
        scene
    }

    /// An account with these log groups in a simulator of these rules.
    pub(crate) fn simulated(rules: Builder, groups: &[&str]) -> Self {
        let simulator = rules.start().unwrap();
        for region in SIMULATED_REGIONS {
            let region = simulator.region(SIMULATED_ACCOUNT, region);
            for name in SIMULATED_SHIPPERS {
                region.add_shipper(name);
            }
        }
        simulator.region(SIMULATED_ACCOUNT, REGION).add_groups_named(groups.iter().copied());
        let account = Account::at(&simulator.endpoint(), SIMULATED_ACCOUNT);
        Self::in_aws(account, Some(simulator))
    }

    fn in_aws(account: Account, simulator: Option<Simulator>) -> Self {
        let logs = account.logs();
        let proxy = FaultProxy::start(account.endpoint()).unwrap();
        let binaries = Binaries::shared();
        let cli = cli();
        let terraform = Terraform::by(&cli, Installation::Override(binaries.provider_dir()))
            .unwrap()
            .with_environment(account.environment(&proxy.endpoint()));
        Self { account, logs, proxy, terraform, simulator }
    }

    /// An account with these log groups, where a policy that ships everything below `/app/` and
    /// keeps it for 30 days has been applied. Calls up to then are forgotten.
    pub(crate) fn governed(groups: &[&str]) -> Self {
        let scene = Self::with_groups(groups);
        scene.policy(&scene.usual_policy());
        scene.apply();
        scene.proxy.forget_calls();
        scene
    }

    /// Where policies ship to, unless a test says otherwise.
    pub(crate) fn shipper(&self) -> String {
        self.account.function_arn("shipper")
    }

    /// Arguments of a policy for everything below `/app/`.
    pub(crate) fn usual_policy(&self) -> String {
        self.policy_to(&self.shipper())
    }

    /// The same with another destination: an expression's result, in quotes.
    pub(crate) fn policy_to(&self, destination: &str) -> String {
        format!(
            "name              = \"{NAME}\"\n\
             destination_arn   = \"{destination}\"\n\
             retention_in_days = 30\n\
             select {{\n  name_prefixes = [\"/app/\"]\n}}"
        )
    }

    /// Writes the configuration: one policy with these arguments.
    pub(crate) fn policy(&self, arguments: &str) {
        self.configuration(&format!("resource \"logagg_policy\" \"it\" {{\n{arguments}\n}}\n"));
    }

    /// Writes the configuration: the provider's, and this.
    pub(crate) fn configuration(&self, text: &str) {
        self.terraform.write("main.tf", &format!("{PROVIDER}\n{text}")).unwrap();
    }

    /// Plans, and expects changes.
    #[track_caller]
    pub(crate) fn plan(&self) -> Run {
        self.run(2, |terraform| terraform.plan(&[]))
    }

    /// Plans, and expects that nothing is to be done.
    #[track_caller]
    pub(crate) fn plan_is_empty(&self) {
        self.run(0, |terraform| terraform.plan(&[]));
    }

    /// Plans, and expects an error.
    #[track_caller]
    pub(crate) fn plan_fails(&self) -> Run {
        self.run(1, |terraform| terraform.plan(&[]))
    }

    /// Plans and applies.
    #[track_caller]
    pub(crate) fn apply(&self) -> Run {
        self.run(0, Terraform::apply)
    }

    /// Plans and applies, and expects an error.
    #[track_caller]
    pub(crate) fn apply_fails(&self) -> Run {
        self.run(1, Terraform::apply)
    }

    /// Applies the plan that was made before.
    #[track_caller]
    pub(crate) fn apply_plan(&self) -> Run {
        self.run(0, Terraform::apply_plan)
    }

    /// Destroys everything.
    #[track_caller]
    pub(crate) fn destroy(&self) -> Run {
        self.run(0, Terraform::destroy)
    }

    /// Runs Terraform and expects an exit code; no run may end in a panic or with Terraform
    /// blaming the provider.
    #[track_caller]
    pub(crate) fn run(
        &self,
        code: i32,
        command: impl FnOnce(&Terraform) -> anyhow::Result<Run>,
    ) -> Run {
        let run = command(&self.terraform).unwrap();
        assert_eq!(run.code(), code, "{run}");
        for blame in ["panic", "plugin did not respond", "Provider produced"] {
            assert!(!run.text().contains(blame), "{run}");
        }
        run
    }

    /// What the last plan changes about the policy: before, after, and what is not yet known.
    #[track_caller]
    pub(crate) fn planned(&self) -> Change {
        let plan = self.terraform.show().unwrap();
        let changes = plan["resource_changes"].as_array().unwrap();
        let change = changes.iter().find(|change| change["type"] == "logagg_policy").unwrap();
        let change = &change["change"];
        let action = |action: &Value| action.as_str().unwrap_or_default().to_owned();
        Change {
            actions: change["actions"].as_array().unwrap().iter().map(action).collect(),
            before: change["before"].clone(),
            after: change["after"].clone(),
            unknown: change["after_unknown"].clone(),
        }
    }

    /// The policy's attributes in the state; null when there is none.
    #[track_caller]
    pub(crate) fn state(&self) -> Value {
        self.resource()["values"].clone()
    }

    /// The policy in the state, as Terraform keeps it; null when there is none.
    #[track_caller]
    pub(crate) fn resource(&self) -> Value {
        let state = self.terraform.state().unwrap();
        let resources = state["values"]["root_module"]["resources"].as_array().cloned();
        let mut resources = resources.unwrap_or_default().into_iter();
        resources.find(|resource| resource["type"] == "logagg_policy").unwrap_or_default()
    }

    /// Our filter ships the group to this destination, and nothing of ours beside it.
    #[track_caller]
    pub(crate) fn ships(&self, group: &str, destination: &str) {
        let filters = self.filters(group);
        let ours: Vec<_> = filters
            .iter()
            .filter(|filter| filter.name == NAME)
            .map(|filter| filter.destination_arn.as_str())
            .collect();
        assert_eq!(ours, [destination], "{group} has {filters:#?}");
    }

    /// Nothing ships the group.
    #[track_caller]
    pub(crate) fn ships_nowhere(&self, group: &str) {
        assert_eq!(self.filters(group), [], "{group}");
    }

    /// The filters of a group. A simulator is looked into, which takes no quota and meets no fault.
    #[track_caller]
    fn filters(&self, group: &str) -> Vec<Filter> {
        let Some(simulator) = &self.simulator else { return self.logs.filters(group).unwrap() };
        let group = simulator.region(self.account.id(), REGION).group(group).unwrap();
        let filters = group.filters.into_values().map(|filter| Filter {
            name: filter.name,
            destination_arn: filter.destination_arn,
            pattern: filter.filter_pattern,
        });
        filters.collect()
    }

    /// The operations that changed something, each with its group, sorted.
    pub(crate) fn writes(&self) -> Vec<(String, String)> {
        let writes = self.proxy.writes().into_iter();
        let mut writes: Vec<_> =
            writes.map(|call| (call.operation, call.group.unwrap_or_default())).collect();
        writes.sort();
        writes
    }
}

/// A failing test shows what happened between Terraform and AWS.
impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut calls = String::new();
            for call in self.proxy.calls() {
                let group = call.group.unwrap_or_default();
                let _ = write!(calls, "\n  {} {group}", call.operation);
            }
            eprintln!("calls of account {} in {REGION}:{calls}", self.account.id());
            match &self.simulator {
                Some(simulator) => eprintln!("in a simulator: {:#?}", simulator.counts()),
                None => eprintln!("{}", Ministack::shared().last_lines()),
            }
        }
    }
}

/// What a plan does to a policy.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) actions: Vec<String>,
    pub(crate) before: Value,
    pub(crate) after: Value,
    pub(crate) unknown: Value,
}

impl Change {
    /// The log groups whose entry changes, each with what it is and what it will be; null where
    /// there is no entry.
    #[track_caller]
    pub(crate) fn log_groups(&self) -> Value {
        let entries = |when: &Value| when["log_groups"].as_object().cloned().unwrap();
        let (before, after) = (entries(&self.before), entries(&self.after));
        let mut changed = serde_json::Map::new();
        for name in before.keys().chain(after.keys()) {
            if before.get(name) != after.get(name) {
                let change = serde_json::json!([before.get(name), after.get(name)]);
                changed.insert(name.clone(), change);
            }
        }
        Value::Object(changed)
    }
}

/// Terraform said this, line breaks and frames aside.
#[track_caller]
pub(crate) fn says(run: &Run, expected: &str) {
    let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(run.text().contains(&expected), "this is missing: {expected}\n{run}");
}

/// An entry of `log_groups`.
pub(crate) fn entry(subscription: &str, retention_in_days: u64) -> Value {
    serde_json::json!({
        "subscription": subscription, "retention_in_days": retention_in_days,
        "deletion_protection": null,
    })
}
