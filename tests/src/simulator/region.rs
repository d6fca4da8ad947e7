//! Control of one region of one account by a test: its initial state, and changes by other clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::calls::Call;
use super::firehose::{self, DeliveryStream};
use super::iam::Who;
use super::kinesis::{self, Stream};
use super::lambda::{self, Function, Mapping, Statement};
use super::logs::{AccountPolicy, Destination, Filter, Group, RetentionPolicy};
use super::pipes::{self, Pipe};
use super::place::Place;
use super::refusal::Refusal;
use super::service::Operation;
use super::shared::Shared;
use super::world::{Contents, Permission};

/// One region of one account. What is added or changed here is simply so: no quota, no fault, no
/// permission, no count and no event; [`Region::call`] is what leaves traces.
#[derive(Debug, Clone)]
pub struct Region {
    shared: Arc<Shared>,
    place: Place,
}

impl Region {
    pub(super) fn new(shared: Arc<Shared>, place: Place) -> Self {
        Self { shared, place }
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Another client of the account calls AWS: checked, recorded and delivered to CloudTrail like
    /// every call, but not counted, and without quotas, faults and missing permissions.
    ///
    /// # Errors
    /// AWS's refusal.
    ///
    /// # Panics
    /// When there is no such operation, or the input is no object.
    pub fn call(&self, operation: &str, input: Value) -> Result<Value, Refusal> {
        let operation = Operation::named(operation)
            .unwrap_or_else(|| panic!("the simulator has no operation {operation}"));
        let Value::Object(fields) = input else { panic!("{input} is no object") };
        let who = Who::user(&self.place.account, "somebody");
        let call = Call {
            operation: operation.name,
            place: self.place.clone(),
            who: who.arn.clone(),
            resource: operation.resource(&fields),
            user_agent: String::new(),
        };
        let now = self.shared.clock.now();
        let mut world = self.shared.world();
        let body = world.carry_out(operation, &call, &who, fields, now, Permission::Given)?;
        Ok(serde_json::from_slice(&body).unwrap_or(Value::Object(Map::new())))
    }

    /// Adds log groups, over those of the same name.
    pub fn add_groups(&self, groups: impl IntoIterator<Item = Group>) {
        let now = self.shared.clock.now();
        self.change(|here| {
            for mut group in groups {
                group.created.get_or_insert(now);
                here.logs.groups.insert(group.name.clone(), group);
            }
        });
    }

    /// Adds empty log groups of these names.
    pub fn add_groups_named<S: Into<String>>(&self, names: impl IntoIterator<Item = S>) {
        self.add_groups(names.into_iter().map(Group::named));
    }

    /// A log group as it is.
    pub fn group(&self, name: &str) -> Option<Group> {
        self.change(|here| here.logs.groups.get(name).cloned())
    }

    /// All log groups as they are.
    pub fn groups(&self) -> BTreeMap<String, Group> {
        self.change(|here| here.logs.groups.clone())
    }

    /// Changes a log group without a trace; returns that of `change`, which must not use the
    /// simulator.
    ///
    /// # Panics
    /// When there is no such group.
    pub fn change_group<T>(&self, name: &str, change: impl FnOnce(&mut Group) -> T) -> T {
        let changed = self.change(|here| here.logs.groups.get_mut(name).map(change));
        changed.unwrap_or_else(|| panic!("there is no log group {name} in {}", self.place))
    }

    /// The subscription filters of a log group; none when there is no such group.
    pub fn filters(&self, group: &str) -> Vec<Filter> {
        let group = self.group(group);
        group.into_iter().flat_map(|group| group.filters.into_values()).collect()
    }

    /// Adds a function; returns its ARN.
    pub fn add_function(&self, function: Function) -> String {
        let arn = lambda::arn(&self.place, &function.name);
        self.change(|here| here.lambda.functions.insert(function.name.clone(), function));
        arn
    }

    /// Adds a function that CloudWatch Logs may invoke for every group here; returns its ARN.
    pub fn add_shipper(&self, name: &str) -> String {
        let arn = self.add_function(Function::named(name));
        let now = self.shared.clock.now();
        let statement = Statement::for_logs(&arn, &self.place, now);
        self.change(|here| {
            if let Some(function) = here.lambda.functions.get_mut(name) {
                function.statements.push(statement);
            }
        });
        arn
    }

    /// Removes a function.
    pub fn remove_function(&self, name: &str) {
        self.change(|here| here.lambda.functions.remove(name));
    }

    /// Lets a function read a stream.
    pub fn add_mapping(&self, source_arn: &str, function_arn: &str) {
        let mapping =
            Mapping { source_arn: source_arn.to_owned(), function_arn: function_arn.to_owned() };
        self.change(|here| here.lambda.mappings.push(mapping));
    }

    /// Adds a Kinesis stream with registered consumers of these names; returns its ARN.
    pub fn add_stream(&self, name: &str, consumers: &[&str]) -> String {
        let stream = Stream {
            created: self.shared.clock.now(),
            consumers: consumers.iter().map(|name| (*name).to_owned()).collect(),
        };
        self.change(|here| here.streams.insert(name.to_owned(), stream));
        kinesis::arn(&self.place, name)
    }

    /// Adds a Firehose delivery stream; returns its ARN.
    pub fn add_delivery_stream(&self, stream: DeliveryStream) -> String {
        let arn = firehose::arn(&self.place, &stream.name);
        self.change(|here| here.delivery_streams.insert(stream.name.clone(), stream));
        arn
    }

    /// Removes a Kinesis stream.
    pub fn remove_stream(&self, name: &str) {
        self.change(|here| here.streams.remove(name));
    }

    /// Adds a pipe of EventBridge; returns its ARN.
    pub fn add_pipe(&self, pipe: Pipe) -> String {
        let arn = pipes::arn(&self.place, &pipe.name);
        self.change(|here| here.pipes.insert(pipe.name.clone(), pipe));
        arn
    }

    /// Adds a CloudWatch Logs destination; returns its ARN.
    pub fn add_destination(&self, destination: Destination) -> String {
        let arn = self.place.arn("logs", format_args!("destination:{}", destination.name));
        self.change(|here| {
            here.logs.destinations.insert(destination.name.clone(), destination);
        });
        arn
    }

    /// Sets the account's retention policies here.
    pub fn set_retention_policies(&self, policies: impl IntoIterator<Item = RetentionPolicy>) {
        self.change(|here| here.logs.retention_policies = policies.into_iter().collect());
    }

    /// Sets or takes away the account's subscription policy here.
    pub fn set_account_policy(&self, policy: Option<AccountPolicy>) {
        self.set_account_policies(policy);
    }

    /// Sets the account's subscription policies here. Today AWS admits one.
    pub fn set_account_policies(&self, policies: impl IntoIterator<Item = AccountPolicy>) {
        self.change(|here| here.logs.account_policies = policies.into_iter().collect());
    }

    fn change<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> T {
        change(self.shared.world().at(&self.place))
    }
}
