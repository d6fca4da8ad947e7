//! Everything there is, and the one way in which a call changes it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value};

use super::calls::{Call, Counts, Write};
use super::chance::Chance;
use super::cloudtrail::{self, Trail};
use super::fault::Faults;
use super::firehose::{self, DeliveryStream};
use super::iam::{Iam, Who};
use super::input::Input;
use super::kinesis::{self, Stream};
use super::lambda::{self, Lambda};
use super::logs::{self, Logs};
use super::metrics;
use super::pipes::{self, Pipe};
use super::place::Place;
use super::quota::Buckets;
use super::refusal::Refusal;
use super::service::{Kind, Operation, Service};
use super::settings::Settings;
use super::sts;

/// All accounts, and what the simulator knows of its callers.
#[derive(Debug)]
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) chance: Chance,
    pub(super) iam: Iam,
    pub(super) regions: HashMap<Place, Contents>,
    pub(super) buckets: Buckets,
    pub(super) faults: Faults,
    pub(super) counts: Counts,
    pub(super) writes: Vec<Write>,
    /// The log groups that a call is just writing to.
    pub(super) under_way: HashSet<(Place, String)>,
}

/// What a region of an account holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) logs: Logs,
    pub(super) lambda: Lambda,
    pub(super) streams: BTreeMap<String, Stream>,
    pub(super) delivery_streams: BTreeMap<String, DeliveryStream>,
    pub(super) pipes: BTreeMap<String, Pipe>,
    pub(super) trail: Trail,
}

/// A call at work.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) world: &'a mut World,
    pub(super) place: &'a Place,
    pub(super) who: &'a Who,
    pub(super) now: SystemTime,
}

impl Scope<'_> {
    /// What the caller's region holds.
    pub(super) fn here(&mut self) -> &mut Contents {
        self.world.at(self.place)
    }
}

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            chance: Chance::new(settings.seed),
            settings,
            iam: Iam::default(),
            regions: HashMap::new(),
            buckets: Buckets::default(),
            faults: Faults::default(),
            counts: Counts::default(),
            writes: Vec::new(),
            under_way: HashSet::new(),
        }
    }

    /// What a region of an account holds.
    pub(super) fn at(&mut self, place: &Place) -> &mut Contents {
        if !self.regions.contains_key(place) {
            self.regions.insert(place.clone(), Contents::default());
        }
        self.regions.get_mut(place).expect("it was put there if it was missing")
    }

    /// Takes a token from the quota's bucket.
    pub(super) fn within_quota(
        &mut self,
        operation: &'static str,
        place: &Place,
        now: SystemTime,
    ) -> bool {
        self.buckets.take(&self.settings.quotas, operation, place, now)
    }

    /// How long AWS takes for a call, in simulated time.
    pub(super) fn latency(&mut self, call: &Call) -> Duration {
        let (shortest, longest) = self.settings.latency;
        if longest.is_zero() {
            return Duration::ZERO;
        }
        let Call { operation, place, resource, .. } = call;
        let resource = resource.as_deref().unwrap_or_default();
        let mut rng =
            self.chance.next(&["latency", operation, &place.account, &place.region, resource]);
        shortest + longest.saturating_sub(shortest).mul_f64(rng.f64())
    }

    /// The caller may do this, as far as the test has not forbidden it.
    pub(super) fn permit(
        &self,
        operation: &Operation,
        place: &Place,
        who: &Who,
        resource: Option<&str>,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        // GetCallerIdentity requires no permission.
        if operation.name == "GetCallerIdentity" {
            return Ok(());
        }
        let action = operation.action();
        let name = resource.unwrap_or_default();
        let arn = match operation.service {
            _ if operation.is_about_no_resource() => "*".to_owned(),
            _ if name.starts_with("arn:") => name.to_owned(),
            Service::Logs => place.arn("logs", format_args!("log-group:{name}:log-stream:")),
            Service::Lambda => place.arn("lambda", format_args!("function:{name}")),
            Service::Kinesis => place.arn("kinesis", format_args!("stream/{name}")),
            Service::Firehose => place.arn("firehose", format_args!("deliverystream/{name}")),
            Service::Pipes => pipes::arn(place, name),
            Service::Sts | Service::CloudTrail | Service::CloudWatch => "*".to_owned(),
        };
        let denied = self.iam.denies(&who.account, &action, name, now);
        if !denied && self.iam.allows(&who.account, &action, &arn) {
            return Ok(());
        }
        Err(operation.service.denied(&who.arn, &action, &arn))
    }

    /// Executes a call, and records it when it writes.
    pub(super) fn carry_out(
        &mut self,
        operation: &'static Operation,
        call: &Call,
        who: &Who,
        fields: Map<String, Value>,
        now: SystemTime,
        permission: Permission,
    ) -> Result<Vec<u8>, Refusal> {
        let remembered = (operation.kind == Kind::Write).then(|| fields.clone());
        let permitted = match permission {
            Permission::Asked => {
                self.permit(operation, &call.place, who, call.resource.as_deref(), now)
            }
            Permission::Given => Ok(()),
        };
        let outcome = permitted.and_then(|()| {
            let input = Input::new(operation.name, fields, operation.service.invalid());
            let mut scope = Scope { world: self, place: &call.place, who, now };
            match operation.service {
                Service::Logs => logs::answer(operation.name, &mut scope, input),
                Service::Lambda => lambda::answer(operation.name, &mut scope, input),
                Service::Kinesis => kinesis::answer(operation.name, &mut scope, input),
                Service::Firehose => firehose::answer(operation.name, &mut scope, input),
                Service::Pipes => pipes::answer(operation.name, &mut scope, input),
                Service::Sts => sts::answer(operation.name, &mut scope, input),
                Service::CloudTrail => cloudtrail::answer(operation.name, &mut scope, input),
                Service::CloudWatch => metrics::answer(operation.name, &mut scope, input),
            }
        });
        if let Some(input) = remembered {
            let refused = outcome.as_ref().err().map(|refusal| refusal.code.clone());
            let write = Write { at: now, call: call.clone(), input, refused };
            if operation.service == Service::Logs {
                self.record(&write, who);
            }
            self.writes.push(write);
        }
        outcome
    }

    /// Lets CloudTrail have an event, which it delivers when chance wants.
    fn record(&mut self, write: &Write, who: &Who) {
        let Call { operation, place, resource, .. } = &write.call;
        let resource = resource.as_deref().unwrap_or_default();
        let mut rng =
            self.chance.next(&["event", operation, &place.account, &place.region, resource]);
        let (shortest, longest) = self.settings.event_delay;
        let delay = shortest + longest.saturating_sub(shortest).mul_f64(rng.f64());
        let event = cloudtrail::Event::of(write, who, write.at + delay, rng.u128(..));
        self.at(place).trail.add(event);
    }
}

/// Whether a call is one of a caller who needs permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    Asked,
    Given,
}

/// A response as JSON.
pub(super) fn json_body(answer: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(answer).expect("what is answered has text keys and nothing that can fail")
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::super::service::OPERATIONS;
    use super::*;

    #[test]
    fn every_operation_that_is_known_is_answered() {
        let mut world = World::new(Settings::default());
        let who = Who::user("111122223333", "somebody");
        for operation in &OPERATIONS {
            let call = Call {
                operation: operation.name,
                place: Place::new("111122223333", "eu-central-1"),
                who: who.arn.clone(),
                resource: None,
                user_agent: String::new(),
            };
            let mut fields = Map::new();
            fields.insert("Surprise".to_owned(), Value::Null);
            let outcome =
                world.carry_out(operation, &call, &who, fields, UNIX_EPOCH, Permission::Asked);
            let refusal = outcome.unwrap_err();
            assert_eq!(refusal.code, "SerializationException", "{}", operation.name);
        }
    }
}
