//! CloudWatch Logs in memory, and a function that runs the enforcer against it.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, ready};
use serde_json::{Value, json};

use crate::aws::{AwsError, Problem, Service};
use crate::config::SourceError;
use crate::delivery::Fault;
use crate::enforcer::io::{Call, CallError, Input, Io};
use crate::enforcer::{EnforceError, Enforcer, Summary};
use crate::invocation::Invocation;

pub(super) const REGION: &str = "eu-west-1";
pub(super) const ACCOUNT: &str = "123456789012";

type Hook = Box<dyn FnMut(&mut Cloud, &'static str, &str) -> Option<CallError>>;

/// Everything outside the function: CloudWatch Logs lists log groups by name, 50 per page, and
/// returns these error codes.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/CommonErrors.html>
///
/// The Resource Groups Tagging API lists resources that have or had tags, up to 100 per page, and
/// the token of the last page is empty.
///
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
pub(super) struct Cloud {
    pub(super) now: Instant,
    began: (Instant, SystemTime),
    /// How long the sandbox was frozen, which the clock for deadlines does not see.
    pub(super) frozen: Duration,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) calls: Vec<Called>,
    /// The tags of resources, by ARN.
    pub(super) tags: BTreeMap<String, Vec<(String, String)>>,
    /// Objects, by key.
    pub(super) objects: BTreeMap<String, Bytes>,
    /// The payloads of asynchronous invocations.
    pub(super) invoked: Vec<String>,
    /// The bodies of messages, with their delays.
    pub(super) sent: Vec<(Value, u64)>,
    pub(super) config: String,
    /// The remaining time at the end of the last invocation.
    pub(super) time_left: Duration,
    hook: Option<Hook>,
}

#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) retention: Option<i64>,
    pub(super) is_protected: bool,
    pub(super) filters: Vec<Value>,
    pub(super) age: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) operation: &'static str,
    pub(super) name: String,
    pub(super) at: Instant,
}

/// A warm function that runs the enforcer.
pub(super) struct Function {
    enforcer: Enforcer,
    cloud: Rc<RefCell<Cloud>>,
}

struct Fake(Rc<RefCell<Cloud>>);

impl Cloud {
    pub(super) fn create(&mut self, name: &str) {
        let (filters, age) = (Vec::new(), Duration::from_secs(60));
        let group = Group { retention: None, is_protected: false, filters, age };
        self.groups.insert(name.to_owned(), group);
    }

    pub(super) fn group(&mut self, name: &str) -> &mut Group {
        self.groups.get_mut(name).unwrap()
    }

    /// Tags a log group or a function.
    pub(super) fn tag(&mut self, resource: &str, tags: &[(&str, &str)]) {
        let (service, rest) = resource.split_once(' ').unwrap();
        let arn = format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}");
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        self.tags.insert(arn, tags.collect());
    }

    /// Intercepts each call, and may reject it.
    pub(super) fn on(
        &mut self,
        hook: impl FnMut(&mut Self, &'static str, &str) -> Option<CallError> + 'static,
    ) {
        self.hook = Some(Box::new(hook));
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    pub(super) fn count(&self, operation: &str) -> usize {
        self.calls.iter().filter(|call| call.operation == operation).count()
    }

    fn call(&mut self, call: &Call<'_>, timeout: Duration) -> Result<Bytes, CallError> {
        let (operation, began) = (call.operation, self.now);
        let empty = json!({});
        let input = if let Input::Json(input) = &call.input { input } else { &empty };
        let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
        let name = match &call.input {
            Input::GetObject { key, .. } | Input::PutObject { key, .. } => (*key).to_owned(),
            // <https://github.com/hashicorp/terraform-provider-aws/pull/45298>: its ARN only.
            _ if operation == "PutLogGroupDeletionProtection" => {
                let arn = text("logGroupIdentifier");
                let name = arn.strip_prefix(&log_group_arn(""));
                name.unwrap_or_else(|| panic!("{arn} is not an ARN")).to_owned()
            }
            _ => text("logGroupName") + &text("logGroupNamePrefix") + &text("PaginationToken"),
        };
        self.calls.push(Called { operation, name: name.clone(), at: self.now });
        let mut hook = self.hook.take();
        let rejection = hook.as_mut().and_then(|hook| hook(self, operation, &name));
        self.hook = hook;
        if self.now - began > timeout {
            self.now = began + timeout;
            let problem = Problem::NoResponse(Fault::Timeout);
            let error = AwsError { service: call.service, operation, problem };
            return Err(CallError::Aws { error, message: None });
        }
        if let Some(rejection) = rejection {
            return Err(rejection);
        }
        let response = match operation {
            "DescribeLogGroups" => self.page(&name, input["nextToken"].as_str())?,
            "DescribeSubscriptionFilters" => {
                json!({"subscriptionFilters": self.found(&name)?.filters})
            }
            "PutSubscriptionFilter" => {
                let (filter, name) = (input.clone(), text("filterName"));
                let group = self.found(&text("logGroupName"))?;
                group.filters.retain(|filter| filter["filterName"] != json!(name));
                group.filters.push(filter);
                json!({})
            }
            "PutRetentionPolicy" => {
                self.found(&name)?.retention = input["retentionInDays"].as_i64();
                json!({})
            }
            "PutLogGroupDeletionProtection" => {
                let is_protected = input["deletionProtectionEnabled"].as_bool().unwrap();
                self.found(&name)?.is_protected = is_protected;
                json!({})
            }
            "Invoke" => {
                let Input::Event { payload, .. } = call.input else { panic!("{call:?}") };
                self.invoked.push(payload.to_owned());
                json!({})
            }
            "SendMessage" => {
                let body = serde_json::from_str(&text("MessageBody")).unwrap();
                self.sent.push((body, input["DelaySeconds"].as_u64().unwrap()));
                json!({"MessageId": "m"})
            }
            "GetResources" => self.resources(input),
            "GetObject" => {
                let missing = || rejected("NoSuchKey", "The specified key does not exist.");
                return self.objects.get(&name).cloned().ok_or_else(missing);
            }
            "PutObject" => {
                let Input::PutObject { body, .. } = &call.input else { panic!("{call:?}") };
                self.objects.insert(name, body.clone());
                return Ok(Bytes::new());
            }
            "DescribeAccountPolicies" => json!({"accountPolicies": []}),
            "GetFunctionConfiguration" => json!({}),
            other => panic!("no {other} here"),
        };
        Ok(response.to_string().into())
    }

    fn found(&mut self, name: &str) -> Result<&mut Group, CallError> {
        let missing =
            || rejected("ResourceNotFoundException", "The specified log group does not exist.");
        self.groups.get_mut(name).ok_or_else(missing)
    }

    fn page(&self, prefix: &str, token: Option<&str>) -> Result<Value, CallError> {
        let after = token.map(|token| token.strip_prefix("after:").map(str::to_owned));
        if after == Some(None) {
            return Err(rejected(
                "InvalidParameterException",
                "The specified nextToken is invalid.",
            ));
        }
        let from = after.flatten().unwrap_or_default();
        let below = self.groups.range(prefix.to_owned()..);
        let mut below = below
            .skip_while(|(name, _)| **name <= from)
            .take_while(|(name, _)| name.starts_with(prefix))
            .peekable();
        let mut listed = Vec::new();
        for (name, group) in below.by_ref().take(50) {
            let created = self.date() - group.age;
            let created = created.duration_since(SystemTime::UNIX_EPOCH).unwrap();
            listed.push(json!({
                "logGroupName": name, "retentionInDays": group.retention,
                "logGroupArn": log_group_arn(name), "deletionProtectionEnabled": group.is_protected,
                "creationTime": u64::try_from(created.as_millis()).unwrap(),
            }));
        }
        let last = listed.last().and_then(|last| last["logGroupName"].as_str());
        let next = last.filter(|_| below.peek().is_some()).map(|last| format!("after:{last}"));
        Ok(json!({"logGroups": listed, "nextToken": next}))
    }

    fn resources(&self, input: &Value) -> Value {
        assert_eq!(input["ResourceTypeFilters"], json!(["logs:log-group", "lambda:function"]));
        let size = input["ResourcesPerPage"].as_u64().unwrap();
        assert!((1..=100).contains(&size), "{size}");
        let token = input["PaginationToken"].as_str().unwrap_or_default();
        let from = token.strip_prefix("after:").unwrap_or_default();
        let mut rest = self.tags.iter().skip_while(|(arn, _)| arn.as_str() <= from).peekable();
        let page: Vec<_> = rest.by_ref().take(usize::try_from(size).unwrap()).collect();
        let last = page.last().filter(|_| rest.peek().is_some());
        let token = last.map(|(arn, _)| format!("after:{arn}")).unwrap_or_default();
        let page = page.iter().map(|(arn, tags)| {
            let tags = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
            json!({"ResourceARN": arn, "Tags": tags.collect::<Vec<_>>()})
        });
        let page: Vec<Value> = page.collect();
        json!({"PaginationToken": token, "ResourceTagMappingList": page})
    }

    fn date(&self) -> SystemTime {
        self.began.1 + (self.now - self.began.0) + self.frozen
    }
}

fn log_group_arn(name: &str) -> String {
    format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}")
}

impl Io for Fake {
    fn now(&self) -> Instant {
        self.0.borrow().now
    }

    fn date(&self) -> SystemTime {
        self.0.borrow().date()
    }

    fn sleep(&self, time: Duration) -> LocalBoxFuture<'_, ()> {
        self.0.borrow_mut().wait(time);
        ready(()).boxed_local()
    }

    fn call<'a>(
        &'a self,
        call: &'a Call<'a>,
        timeout: Duration,
    ) -> LocalBoxFuture<'a, Result<Bytes, CallError>> {
        ready(self.0.borrow_mut().call(call, timeout)).boxed_local()
    }

    fn read_config(&self, _: Instant) -> LocalBoxFuture<'_, Result<String, SourceError>> {
        ready(Ok(self.0.borrow().config.clone())).boxed_local()
    }

    fn may_config_change(&self) -> bool {
        true
    }
}

impl Function {
    pub(super) fn start(config: &Value) -> Self {
        let now = Instant::now();
        let cloud = Rc::new(RefCell::new(Cloud {
            now,
            began: (now, SystemTime::now()),
            frozen: Duration::ZERO,
            groups: BTreeMap::new(),
            calls: Vec::new(),
            tags: BTreeMap::new(),
            objects: BTreeMap::new(),
            invoked: Vec::new(),
            sent: Vec::new(),
            config: config.to_string(),
            time_left: Duration::ZERO,
            hook: None,
        }));
        let started = Enforcer::start_with(Box::new(Fake(Rc::clone(&cloud))), now);
        Self { enforcer: started.now_or_never().unwrap().unwrap(), cloud }
    }

    pub(super) fn cloud(&self) -> RefMut<'_, Cloud> {
        self.cloud.borrow_mut()
    }

    pub(super) fn invoke(
        &self,
        event: &Value,
        time: Duration,
    ) -> (Summary, Result<Value, EnforceError>) {
        self.invoke_text(&event.to_string(), time)
    }

    pub(super) fn invoke_text(
        &self,
        event: &str,
        time: Duration,
    ) -> (Summary, Result<Value, EnforceError>) {
        let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:enforcer");
        let deadline = self.cloud().date() + time;
        let invocation = Invocation { request_id: "r", deadline, function_arn: Some(&arn) };
        // Nothing here suspends.
        let enforced = self.enforcer.enforce(event, &invocation).now_or_never().unwrap();
        let time_left = deadline.duration_since(self.cloud().date()).unwrap_or_default();
        self.cloud().time_left = time_left;
        (enforced.summary, enforced.result)
    }
}

/// An error of CloudWatch Logs.
pub(super) fn rejected(code: &str, message: &str) -> CallError {
    let problem = Problem::Rejected { status: 400, code: code.to_owned() };
    let error = AwsError { service: Service::CloudWatchLogs, operation: "Call", problem };
    CallError::Aws { error, message: Some(message.to_owned()) }
}

/// The time before now, as CloudTrail writes it.
pub(super) fn time(ago: Duration) -> String {
    DateTime::from(SystemTime::now() - ago).fmt(Format::DateTime).unwrap()
}
