//! What a configuration says: policies in resource blocks, and how that is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use logagg_e2e::account::REGION;
use serde_json::{Value, json};

use crate::scene::{PROVIDER, SIMULATED_ACCOUNT};

/// The functions that CloudWatch Logs may invoke, whatever a policy does.
pub(super) const OPEN: [&str; 2] = ["shipper", "other"];
/// The functions that it may invoke only while a policy grants that.
pub(super) const CLOSED: [&str; 2] = ["sink", "next"];

/// Beginnings of names. At any time each is selected by one policy at most, so that no two policies
/// contradict each other.
pub(super) const PREFIXES: [&str; 5] = ["/a/", "/b/", "/c/", "/d/", "/e/"];
/// The log groups below it are selected by nothing but their tag.
pub(super) const TAGGED: &str = "/t/";
pub(super) const TAG: (&str, &str) = ("team", "search");

/// When a policy's retention is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Exact,
    AtLeast,
    AtMost,
    IfUnset,
}

impl Mode {
    pub(super) const ALL: [Self; 4] = [Self::Exact, Self::AtLeast, Self::AtMost, Self::IfUnset];

    fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::AtLeast => "at_least",
            Self::AtMost => "at_most",
            Self::IfUnset => "if_unset",
        }
    }

    /// The same of a log group whose retention a policy may have written: `if_unset` changes that.
    pub(super) fn asks(self, policy: u16, current: Option<u16>, written: bool) -> bool {
        self.is_due(policy, current) || (self == Self::IfUnset && written)
    }

    /// Whether a log group with this retention is to have the policy's; none never expires.
    pub(super) fn is_due(self, policy: u16, current: Option<u16>) -> bool {
        match self {
            Self::Exact => current != Some(policy),
            Self::AtLeast => current.is_some_and(|current| current < policy),
            Self::AtMost => current.is_none_or(|current| current > policy),
            Self::IfUnset => current.is_none(),
        }
    }
}

/// What becomes of retention and deletion protection when a policy lets a log group go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDestroy {
    Keep,
    Restore,
}

impl OnDestroy {
    fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Restore => "restore",
        }
    }
}

/// The arguments of a policy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) filter_name: String,
    pub(super) function: &'static str,
    pub(super) pattern: &'static str,
    pub(super) retention: Option<(u16, Mode)>,
    pub(super) deletion_protection: Option<bool>,
    /// Of both.
    pub(super) on_destroy: OnDestroy,
    pub(super) grants: bool,
    pub(super) prefixes: BTreeSet<&'static str>,
    pub(super) names: BTreeSet<String>,
    pub(super) by_tag: bool,
    pub(super) excluded: BTreeSet<String>,
}

impl Policy {
    pub(super) fn destination_arn(&self) -> String {
        arn(self.function)
    }

    /// Whether it selects a log group that has the tag or has it not.
    pub(super) fn chooses(&self, group: &str, has_tag: bool) -> bool {
        let chosen = self.prefixes.iter().any(|prefix| group.starts_with(prefix))
            || self.names.contains(group)
            || (self.by_tag && has_tag);
        chosen && !self.excluded.contains(group)
    }

    /// The arguments as a value; what is not in it is not configured.
    pub(super) fn value(&self) -> Value {
        let mut selects = Vec::new();
        if !self.prefixes.is_empty() {
            selects.push(json!({ "name_prefixes": self.prefixes }));
        }
        if !self.names.is_empty() {
            selects.push(json!({ "names": self.names }));
        }
        if self.by_tag {
            selects.push(json!({ "tags": { TAG.0: TAG.1 } }));
        }
        let mut excludes = Vec::new();
        if !self.excluded.is_empty() {
            excludes.push(json!({ "names": self.excluded }));
        }
        let mut value = json!({
            "name": self.name,
            "filter_name": self.filter_name,
            "destination_arn": self.destination_arn(),
            "filter_pattern": self.pattern,
            "grant_invoke": self.grants,
            "select": selects,
            "exclude": excludes,
        });
        if let Some((days, mode)) = self.retention {
            value["retention_in_days"] = days.into();
            value["retention_mode"] = mode.name().into();
            value["retention_on_destroy"] = self.on_destroy.name().into();
        }
        if let Some(protection) = self.deletion_protection {
            value["deletion_protection"] = protection.into();
            value["deletion_protection_on_destroy"] = self.on_destroy.name().into();
        }
        value
    }

    /// The arguments as an object that has the same attributes for every policy.
    fn object(&self) -> String {
        let strings = |texts: &mut dyn Iterator<Item = String>| {
            texts.map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ")
        };
        let mut selects = Vec::new();
        let mut select = |prefixes: &str, names: &str, tags: &str| {
            selects.push(format!("{{ prefixes = {prefixes}, names = {names}, tags = {tags} }}"));
        };
        if !self.prefixes.is_empty() {
            let prefixes = strings(&mut self.prefixes.iter().map(|text| (*text).to_owned()));
            select(&format!("[{prefixes}]"), "null", "null");
        }
        if !self.names.is_empty() {
            let names = strings(&mut self.names.iter().cloned());
            select("null", &format!("[{names}]"), "null");
        }
        if self.by_tag {
            select("null", "null", &format!("{{ {} = {:?} }}", TAG.0, TAG.1));
        }
        let (days, mode, on_destroy) = match self.retention {
            None => ("null".to_owned(), "null".to_owned(), "null".to_owned()),
            Some((days, mode)) => {
                let on_destroy = self.on_destroy.name();
                (days.to_string(), format!("{:?}", mode.name()), format!("{on_destroy:?}"))
            }
        };
        let (protection, protection_on_destroy) = match self.deletion_protection {
            None => ("null".to_owned(), "null".to_owned()),
            Some(it) => (it.to_string(), format!("{:?}", self.on_destroy.name())),
        };
        let excludes = match self.excluded.is_empty() {
            true => String::new(),
            false => format!("[{}]", strings(&mut self.excluded.iter().cloned())),
        };
        format!(
            "{{ name = {:?}, filter_name = {:?}, destination = {:?}, pattern = {:?}, days = {days}, \
             mode = {mode}, on_destroy = {on_destroy}, protection = {protection}, \
             protection_on_destroy = {protection_on_destroy}, grant = {}, selects = [{}], \
             excludes = [{excludes}] }}",
            self.name,
            self.filter_name,
            self.destination_arn(),
            self.pattern,
            self.grants,
            selects.join(", ")
        )
    }
}

/// The ARN of a function here.
pub(super) fn arn(function: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{SIMULATED_ACCOUNT}:function:{function}")
}

/// How many instances a resource block has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    One,
    ForEach,
    Count,
}

/// What depends on a block's policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dependent {
    Nothing,
    Something,
    /// Something that is created before it is destroyed, and so are the policies then.
    CreatedFirst,
}

/// When the destination is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    InPlan,
    InApply,
}

/// Which provider block it has: each is a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Provider {
    Default,
    Second,
}

/// A resource block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) kind: Kind,
    pub(super) created_first: bool,
    pub(super) dependent: Dependent,
    pub(super) destination: Destination,
    pub(super) provider: Provider,
    /// In the order of `count`, each with its key in `for_each`.
    pub(super) policies: Vec<(String, Policy)>,
}

impl Block {
    pub(super) fn of(policy: Policy) -> Self {
        Self {
            kind: Kind::One,
            created_first: false,
            dependent: Dependent::Nothing,
            destination: Destination::InPlan,
            provider: Provider::Default,
            policies: vec![(String::new(), policy)],
        }
    }

    /// Whether its instances are created before they are destroyed.
    pub(super) fn is_created_first(&self) -> bool {
        self.created_first || self.dependent == Dependent::CreatedFirst
    }

    fn addresses<'a>(&'a self, label: &'a str) -> impl Iterator<Item = String> {
        self.policies.iter().enumerate().map(move |(index, (key, _))| match self.kind {
            Kind::One => format!("logagg_policy.{label}"),
            Kind::ForEach => format!("logagg_policy.{label}[{key:?}]"),
            Kind::Count => format!("logagg_policy.{label}[{index}]"),
        })
    }

    fn render(&self, label: &str, text: &mut String) {
        let objects = self.policies.iter().map(|(key, policy)| (key, policy.object()));
        let (value, instances, from) = match self.kind {
            Kind::One => {
                let object = objects.map(|(_, object)| object).collect::<String>();
                (object, String::new(), format!("local.{label}"))
            }
            Kind::ForEach => {
                let entries = objects.map(|(key, object)| format!("    {key:?} = {object}\n"));
                let value = format!("{{\n{}  }}", entries.collect::<String>());
                (value, format!("  for_each = local.{label}\n"), "each.value".to_owned())
            }
            Kind::Count => {
                let entries = objects.map(|(_, object)| format!("    {object},\n"));
                let value = format!("[\n{}  ]", entries.collect::<String>());
                let from = format!("local.{label}[count.index]");
                (value, format!("  count = length(local.{label})\n"), from)
            }
        };
        let mut destination = format!("{from}.destination");
        if self.destination == Destination::InApply && self.kind == Kind::One {
            let _ = write!(
                text,
                "resource \"terraform_data\" \"to_{label}\" {{\n  input = {destination}\n}}\n"
            );
            destination = format!("terraform_data.to_{label}.output");
        }
        let provider = match self.provider {
            Provider::Default => "",
            Provider::Second => "  provider = logagg.second\n",
        };
        let lifecycle = match self.created_first {
            true => "  lifecycle {\n    create_before_destroy = true\n  }\n",
            false => "",
        };
        let _ = write!(
            text,
            "locals {{\n  {label} = {value}\n}}\n\
             resource \"logagg_policy\" \"{label}\" {{\n{provider}{instances}\
             \x20 name = {from}.name\n  filter_name = {from}.filter_name\n\
             \x20 destination_arn = {destination}\n  filter_pattern = {from}.pattern\n\
             \x20 retention_in_days = {from}.days\n  retention_mode = {from}.mode\n\
             \x20 retention_on_destroy = {from}.on_destroy\n  grant_invoke = {from}.grant\n\
             \x20 deletion_protection = {from}.protection\n\
             \x20 deletion_protection_on_destroy = {from}.protection_on_destroy\n\
             \x20 dynamic \"select\" {{\n    for_each = {from}.selects\n    content {{\n\
             \x20     name_prefixes = select.value.prefixes\n      names = select.value.names\n\
             \x20     tags = select.value.tags\n    }}\n  }}\n\
             \x20 dynamic \"exclude\" {{\n    for_each = {from}.excludes\n    content {{\n\
             \x20     names = exclude.value\n    }}\n  }}\n{lifecycle}}}\n"
        );
        let lifecycle = match self.dependent {
            Dependent::Nothing => return,
            Dependent::Something => "",
            Dependent::CreatedFirst => "  lifecycle {\n    create_before_destroy = true\n  }\n",
        };
        let ids = match self.kind {
            Kind::One => format!("logagg_policy.{label}.id"),
            Kind::ForEach => format!("[for policy in logagg_policy.{label} : policy.id]"),
            Kind::Count => format!("logagg_policy.{label}[*].id"),
        };
        let _ = write!(
            text,
            "resource \"terraform_data\" \"after_{label}\" {{\n  input = {ids}\n{lifecycle}}}\n"
        );
    }
}

/// An instance of a resource block.
pub(super) struct Instance<'a> {
    pub(super) address: String,
    pub(super) label: &'a str,
    pub(super) block: &'a Block,
    pub(super) policy: &'a Policy,
}

/// A configuration, and what it says about state for as long as that is needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Configuration {
    pub(super) blocks: BTreeMap<String, Block>,
    /// `moved`: from and to.
    pub(super) moved: Vec<(String, String)>,
    /// `removed` without a destroy.
    pub(super) forgotten: Vec<String>,
    /// `import`: address and the name of the filters.
    pub(super) imports: Vec<(String, String)>,
}

impl Configuration {
    /// Every policy with its address.
    pub(super) fn policies(&self) -> BTreeMap<String, &Policy> {
        let blocks = self.blocks.iter();
        let policies = blocks.flat_map(|(label, block)| {
            block.addresses(label).zip(block.policies.iter().map(|(_, policy)| policy))
        });
        policies.collect()
    }

    /// Every instance of every block.
    pub(super) fn instances(&self) -> impl Iterator<Item = Instance<'_>> {
        self.blocks.iter().flat_map(|(label, block)| {
            let policies = block.policies.iter().map(|(_, policy)| policy);
            let addressed = block.addresses(label).zip(policies);
            addressed.map(move |(address, policy)| Instance { address, label, block, policy })
        })
    }

    /// Which provider an instance is of.
    pub(super) fn provider_of(&self, address: &str) -> Option<Provider> {
        let label = address.strip_prefix("logagg_policy.")?.split('[').next()?;
        self.blocks.get(label).map(|block| block.provider)
    }

    /// The same, to be changed.
    pub(super) fn policies_mut(&mut self) -> BTreeMap<String, &mut Policy> {
        let blocks = self.blocks.iter_mut();
        let policies = blocks.flat_map(|(label, block)| {
            let addresses: Vec<_> = block.addresses(label).collect();
            addresses.into_iter().zip(block.policies.iter_mut().map(|(_, policy)| policy))
        });
        policies.collect()
    }

    /// The policy that selects a log group, with its address.
    pub(super) fn policy_of(&self, group: &str, has_tag: bool) -> Option<(String, &Policy)> {
        self.policies().into_iter().find(|(_, policy)| policy.chooses(group, has_tag))
    }

    pub(super) fn text(&self) -> String {
        let (_, provider) = PROVIDER.split_once("provider \"logagg\" {").unwrap_or_default();
        let mut text =
            format!("{PROVIDER}\nprovider \"logagg\" {{\n  alias = \"second\"{provider}\n");
        for (label, block) in &self.blocks {
            block.render(label, &mut text);
        }
        for (from, to) in &self.moved {
            let _ = write!(text, "moved {{\n  from = {from}\n  to = {to}\n}}\n");
        }
        for address in &self.forgotten {
            let _ = write!(
                text,
                "removed {{\n  from = {address}\n  lifecycle {{\n    destroy = false\n  }}\n}}\n"
            );
        }
        for (address, filter_name) in &self.imports {
            let _ = write!(text, "import {{\n  to = {address}\n  id = {filter_name:?}\n}}\n");
        }
        text
    }

    /// What says something about a state that is as it should be is not needed any more.
    pub(super) fn settle(&mut self) {
        self.moved.clear();
        self.forgotten.clear();
        self.imports.clear();
    }
}
