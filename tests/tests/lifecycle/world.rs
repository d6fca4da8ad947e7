//! What happened in AWS: every write to a log group in order, each with what was there before it.

use std::collections::BTreeMap;

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Filter, Group, Region, Simulator, Write};
use serde_json::{Value, json};

use super::configuration::{CLOSED, Configuration, TAG, arn};
use super::operation::Act;
use crate::scene::SIMULATED_ACCOUNT;

/// Where the filters of others ship to.
pub(super) const ELSEWHERE: &str = "arn:aws:logs:eu-central-1:444455556666:destination:siem";
/// What they call them.
const FOREIGN: &str = "siem";

/// Who wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Provider,
    Others,
}

/// A write, with what it found.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) by: By,
    pub(super) group: String,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// None never expires.
    Retention {
        was: Option<u16>,
        is: Option<u16>,
    },
    /// Deletion protection.
    Protection {
        was: bool,
        is: bool,
    },
    /// Where the filter shipped before.
    Filter {
        name: String,
        was: Option<String>,
    },
    Created,
    Deleted,
}

/// A log group as the writes so far left it.
#[derive(Clone, Debug, Default)]
struct Shadow {
    retention: Option<u16>,
    is_protected: bool,
    filters: BTreeMap<String, String>,
}

/// The account, and what happened there so far.
pub(super) struct World<'a> {
    aws: &'a Simulator,
    pub(super) region: Region,
    shadows: BTreeMap<String, Shadow>,
    seen: usize,
}

impl<'a> World<'a> {
    pub(super) fn new(aws: &'a Simulator, groups: Vec<Group>) -> Self {
        let region = aws.region(SIMULATED_ACCOUNT, REGION);
        let shadow = |group: &Group| Shadow {
            retention: group.retention_in_days,
            is_protected: group.deletion_protection,
            filters: BTreeMap::new(),
        };
        let shadows = groups.iter().map(|group| (group.name.clone(), shadow(group))).collect();
        region.add_groups(groups);
        Self { aws, region, shadows, seen: 0 }
    }

    /// What was written since this was asked last.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let writes = self.aws.writes();
        let fresh = writes[self.seen..].iter().filter_map(|write| self.follow(write)).collect();
        self.seen = writes.len();
        fresh
    }

    fn follow(&mut self, write: &Write) -> Option<Event> {
        if write.refused.is_some() {
            return None;
        }
        let named = |field: &str| write.input.get(field).and_then(Value::as_str);
        let by_arn = || named("logGroupIdentifier").and_then(|arn| arn.split(':').nth(6));
        let group = named("logGroupName").or_else(by_arn)?.to_owned();
        let text = |field: &str| write.input.get(field).and_then(Value::as_str).map(str::to_owned);
        let shadow = self.shadows.entry(group.clone()).or_default();
        let what = match write.call.operation {
            "PutRetentionPolicy" => {
                let days = write.input.get("retentionInDays").and_then(Value::as_u64);
                let is = days.and_then(|days| u16::try_from(days).ok());
                What::Retention { was: std::mem::replace(&mut shadow.retention, is), is }
            }
            "DeleteRetentionPolicy" => What::Retention { was: shadow.retention.take(), is: None },
            "PutLogGroupDeletionProtection" => {
                let is = write.input.get("deletionProtectionEnabled").and_then(Value::as_bool)?;
                What::Protection { was: std::mem::replace(&mut shadow.is_protected, is), is }
            }
            "PutSubscriptionFilter" => {
                let (name, is) = (text("filterName")?, text("destinationArn")?);
                let was = shadow.filters.insert(name.clone(), is);
                What::Filter { name, was }
            }
            "DeleteSubscriptionFilter" => {
                let name = text("filterName")?;
                What::Filter { was: shadow.filters.remove(&name), name }
            }
            "CreateLogGroup" => {
                *shadow = Shadow::default();
                What::Created
            }
            "DeleteLogGroup" => {
                self.shadows.remove(&group);
                What::Deleted
            }
            _ => return None,
        };
        let others = write.call.who.ends_with("/somebody");
        Some(Event { by: if others { By::Others } else { By::Provider }, group, what })
    }

    /// Others do something; what is not possible any more is not done.
    pub(super) fn act(&self, act: &Act, configuration: &Configuration) {
        let call = |operation: &str, input: Value| {
            // A rejected call has no effect and is not recorded as a write.
            let _ = self.region.call(operation, input);
        };
        let put = |group: &str, name: &str| {
            call(
                "PutSubscriptionFilter",
                json!({
                    "logGroupName": group,
                    "filterName": name,
                    "filterPattern": "",
                    "destinationArn": ELSEWHERE,
                }),
            );
        };
        let delete = |group: &str, name: &str| {
            let input = json!({"logGroupName": group, "filterName": name});
            call("DeleteSubscriptionFilter", input);
        };
        let ours = |group: &str| {
            let policy = configuration.policy_of(group, self.has_tag(group));
            policy.map(|(_, policy)| policy.filter_name.clone())
        };
        let group_arn =
            |group: &str| format!("arn:aws:logs:{REGION}:{SIMULATED_ACCOUNT}:log-group:{group}");
        let create = |group: &str| call("CreateLogGroup", json!({"logGroupName": group}));
        match act {
            Act::SetRetention(group, Some(days)) => {
                let input = json!({"logGroupName": group, "retentionInDays": days});
                call("PutRetentionPolicy", input);
            }
            Act::SetRetention(group, None) => {
                call("DeleteRetentionPolicy", json!({"logGroupName": group}));
            }
            Act::SetProtection(group, protected) => {
                let arn = group_arn(group);
                let input =
                    json!({"logGroupIdentifier": arn, "deletionProtectionEnabled": protected});
                call("PutLogGroupDeletionProtection", input);
            }
            Act::AddForeign(group) => put(group, FOREIGN),
            Act::RemoveForeign(group) => delete(group, FOREIGN),
            Act::RemoveOurs(group) => {
                if let Some(name) = ours(group) {
                    delete(group, &name);
                }
            }
            Act::TakeName(group) => {
                if let Some(name) = ours(group) {
                    put(group, &name);
                }
            }
            Act::FreeNames => {
                for (group, name) in self.names_taken() {
                    delete(&group, &name);
                }
            }
            Act::Tag(group) => {
                let input = json!({"resourceArn": group_arn(group), "tags": {TAG.0: TAG.1}});
                call("TagResource", input);
            }
            Act::Untag(group) => {
                let input = json!({"resourceArn": group_arn(group), "tagKeys": [TAG.0]});
                call("UntagResource", input);
            }
            Act::CreateGroup(group) => create(group),
            Act::DeleteGroup(group) => call("DeleteLogGroup", json!({"logGroupName": group})),
            Act::RecreateGroup(group) => {
                call("DeleteLogGroup", json!({"logGroupName": group}));
                create(group);
            }
            Act::RevokeInvoke(function) => {
                for statement in self.statements(function) {
                    let input = json!({"FunctionName": function, "StatementId": statement["Sid"]});
                    call("RemovePermission", input);
                }
            }
        }
    }

    pub(super) fn has_tag(&self, group: &str) -> bool {
        let group = self.region.group(group);
        group.is_some_and(|group| group.tags.get(TAG.0).is_some_and(|value| value == TAG.1))
    }

    /// The filters of others that have another name than theirs.
    pub(super) fn names_taken(&self) -> Vec<(String, String)> {
        let groups = self.region.groups().into_iter();
        let taken = groups.flat_map(|(group, found)| {
            let filters = found.filters.into_values();
            let foreign = filters.filter(|filter| is_foreign(filter) && filter.name != FOREIGN);
            foreign.map(move |filter| (group.clone(), filter.name)).collect::<Vec<_>>()
        });
        taken.collect()
    }

    /// All statements in a function's resource policy.
    pub(super) fn statements(&self, function: &str) -> Vec<Value> {
        let answer = self.region.call("GetPolicy", json!({"FunctionName": function}));
        let Ok(answer) = answer else { return Vec::new() };
        let policy = serde_json::from_str::<Value>(answer["Policy"].as_str().unwrap_or_default());
        policy.unwrap_or_default()["Statement"].as_array().cloned().unwrap_or_default()
    }

    /// Whether CloudWatch Logs may invoke a function for every log group here.
    pub(super) fn may_invoke(&self, function: &str) -> bool {
        self.statements(function).iter().any(|statement| {
            let condition = &statement["Condition"];
            statement["Effect"] == "Allow"
                && statement["Principal"]["Service"] == "logs.amazonaws.com"
                && statement["Action"] == "lambda:InvokeFunction"
                && statement["Resource"] == arn(function)
                && condition["StringEquals"]["AWS:SourceAccount"] == SIMULATED_ACCOUNT
                && condition["ArnLike"]["AWS:SourceArn"]
                    == format!("arn:aws:logs:{REGION}:{SIMULATED_ACCOUNT}:log-group:*:*")
        })
    }

    /// Any policy may have removed the statements of these.
    pub(super) fn revocable() -> [&'static str; 2] {
        CLOSED
    }
}

pub(super) fn is_foreign(filter: &Filter) -> bool {
    filter.destination_arn == ELSEWHERE
}
