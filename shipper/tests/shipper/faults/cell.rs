use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use logagg_shipper::delivery::Client;
use logagg_shipper::{Config, Invocation, Shipper};
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::fault::{Course, Fault, PATIENCE};
use super::limited::Limited;
use super::situation::{RESERVE, Situation};
use super::storage_fault::StorageFault;
use crate::contract::Contract;
use crate::http::Server;
use crate::lambda::{FunctionError, Invoked, OWN_LOG_GROUP};
use crate::mock_server::{Behavior, MockServer};
use crate::settled::{Counts, settled};
use crate::storage::{Storage, Trouble};
use crate::{PAYLOAD, SECRET, event, tls};

/// The name of the destination.
const NAME: &str = "x";

/// The route of log events where there is storage, which keeps it.
const ROUTE: &str = "all";

/// One fault of one destination in one situation, with a fault of the storage.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) contract: &'static dyn Contract,
    pub(super) fault: Fault,
    pub(super) situation: Situation,
    pub(super) storage_fault: StorageFault,
}

/// The environment of a cell.
struct Scene {
    cell: Cell,
    mock_server: MockServer,
    /// Another server in front of the destination, for a cell about the connection.
    door: Option<Server>,
    storage: Storage,
    client: Client,
}

impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { contract, fault, situation, storage_fault } = self;
        write!(formatter, "{}, {fault}, {situation}, {storage_fault}", contract.kind())
    }
}

impl Cell {
    /// Runs the cell, and then the recovery. Whatever the result, nothing may be lost, and every
    /// duplicate must have been counted.
    pub(super) async fn play(self, client: &Client) -> Counts {
        let messages = self.messages();
        let scene = Scene::set(self, client);
        let (event, max_decoded_bytes) = self.situation.event(&messages);
        let address = scene.struck_address();
        let time = self.time(self.course());
        scene.storage.have(self.storage_fault.0);
        let request_timeout = self.fault.request_timeout(self.course());
        let shipper = scene.shipper(&address, max_decoded_bytes, request_timeout);
        let invoked = scene.invoke(shipper, &event, time).await;
        let held = scene.mock_server.held();
        let counts = settled(&invoked, NAME, &messages, &held);
        if self.situation.has_storage() {
            let of_route = &counts.0["routes"][ROUTE];
            assert_eq!(of_route["received"], messages.len(), "{}", invoked.summary);
        }
        let stored = scene.stored();
        // More may be stored than the shipper knows.
        assert!(stored.len() as u64 >= counts.get("stored"), "{}", invoked.summary);
        let is_accounted_for =
            |message: &&String| held.messages.contains(message) || stored.contains(message);
        let without = messages.iter().filter(|message| !is_accounted_for(message)).count() as u64;
        let described = counts.get("rejected") + counts.get("returned_to_source");
        assert!(without <= described, "lost {without}: {}", invoked.summary);

        scene.mock_server.recover();
        scene.storage.have(Trouble::Nothing);
        let mut all = vec![counts.clone()];
        let address = scene.mock_server.config();
        let left = (counts.get("returned_to_source") > 0).then(|| repeated(event, &invoked));
        let again = async |event: &[u8]| {
            let shipper = scene.shipper(&address, max_decoded_bytes, PATIENCE);
            let again = scene.invoke(shipper, event, RESERVE + PATIENCE * 3).await;
            assert!(!again.is_retried_by_lambda(), "{}", again.summary);
            again
        };
        if let Some(event) = left {
            all.push(Counts(again(&event).await.summary["destinations"][NAME].clone()));
        }
        while let Some(event) = scene.storage.receive(10) {
            let again = again(&event).await;
            scene.storage.complete(&event, &again.result);
            let counts = &again.summary["destinations"][NAME];
            // Another pointer may have processed all of it.
            all.extend((!counts.is_null()).then(|| Counts(counts.clone())));
        }
        assert!(scene.stored().is_empty(), "something is still stored");
        assert!(scene.storage.queue().is_empty() && scene.storage.dead_letters().is_empty());
        if self.situation.has_storage() {
            for counts in &all {
                assert_eq!(counts.get("rejected_stored"), counts.get("rejected"), "{counts:?}");
            }
        }
        let sum = |name: &str| all.iter().map(|counts| counts.get(name)).sum::<u64>();
        let mut copies: BTreeMap<&str, u64> = BTreeMap::new();
        let held = scene.mock_server.held();
        for message in &held.messages {
            *copies.entry(message).or_default() += 1;
        }
        let missing = messages.len() - copies.len();
        assert!(missing as u64 <= sum("rejected"), "lost {missing} in the end: {all:?}");
        let additional: u64 = copies.values().map(|count| count - 1).sum();
        assert!(additional <= sum("possible_duplicates"), "doubled {additional}: {all:?}");
        counts
    }

    /// How long the fault lasts.
    fn course(self) -> Course {
        if self.fault.is_in_address() { Course::Lasts } else { self.situation.course() }
    }

    /// The time of the invocation.
    fn time(self, course: Course) -> Duration {
        match self.storage_fault.0 {
            Trouble::Nothing | Trouble::Rejects | Trouble::LosesOneResponse => {
                self.situation.time(self.fault, course)
            }
            // The shipper tries to store undelivered events as long as it may.
            Trouble::Hangs | Trouble::LosesResponses => RESERVE + Duration::from_secs(6),
        }
    }

    fn messages(self) -> Vec<String> {
        let mut messages: Vec<String> =
            (0..self.situation.messages()).map(event::message).collect();
        if self.fault == Fault::MalformedEvents {
            for place in self.situation.bad() {
                messages[place].push_str(&self.contract.poison());
            }
        }
        messages
    }
}

impl Scene {
    fn set(cell: Cell, client: &Client) -> Self {
        let behavior = cell.fault.behavior(cell.contract, cell.situation.course());
        let affected = cell.situation.affected().iter();
        let behaviors =
            affected.map(|is_struck| if *is_struck { behavior.clone() } else { Behavior::Accepts });
        let mut mock_server = MockServer::start(cell.contract, behaviors);
        if cell.situation.course() == Course::Lasts {
            mock_server = mock_server.lasting(behavior.clone());
        }
        let door = (cell.fault == Fault::Tls).then(|| mock_server.with_tls(untrusted().clone()));
        let storage = Storage::start();
        let client = client.clone().in_environment(storage.environment());
        Self { cell, mock_server, door, storage, client }
    }

    /// The configuration for the destination, or for the server with the fault.
    fn struck_address(&self) -> Value {
        match (&self.door, self.cell.fault) {
            (Some(door), _) => self.mock_server.config_at(&door.url()),
            // A label of more than 63 characters is never resolved, with or without a network.
            (None, Fault::Dns) => {
                self.mock_server.config_at(&format!("https://{}.invalid", "x".repeat(64)))
            }
            (None, _) => self.mock_server.config(),
        }
    }

    /// Processes an event with an instance of the shipper, and checks that it ends in time.
    async fn invoke(&self, shipper: Shipper, event: &[u8], time: Duration) -> Invoked {
        let event = std::str::from_utf8(event).unwrap();
        let invocation = Invocation {
            request_id: "invocation",
            deadline: SystemTime::now() + time,
            function_arn: None,
        };
        let shipping = tokio::time::timeout(time, shipper.ship(event, &invocation));
        let (summary, result) =
            shipping.await.expect("the invocation was still running at its deadline");
        let mut written = Vec::new();
        summary.write(&[], &mut written).unwrap();
        let written = String::from_utf8(written).unwrap();
        for marker in [PAYLOAD, SECRET] {
            assert!(!written.contains(marker), "{marker} was written: {written}");
        }
        let result = match result {
            Ok(reply) => Ok(serde_json::to_value(reply.into_response(summary)).unwrap()),
            Err(error) => Err(FunctionError {
                error_type: error.error_type().to_owned(),
                message: error.to_string(),
            }),
        };
        Invoked { result, summary: serde_json::from_str(&written).unwrap() }
    }

    /// A new instance of the shipper.
    fn shipper(
        &self,
        address: &Value,
        max_decoded_bytes: usize,
        request_timeout: Duration,
    ) -> Shipper {
        let situation = self.cell.situation;
        let mut document = json!({"destinations": {NAME: address}});
        if situation.has_storage() {
            document["undelivered"] = Storage::config();
            document["routes"] = json!([{"name": ROUTE, "destinations": [NAME]}]);
        }
        let mut config = Config::parse(&document.to_string()).unwrap();
        config.max_decoded_bytes = max_decoded_bytes;
        config.reserve = RESERVE;
        config.request_timeout = request_timeout;
        let mut destination = config.destinations.remove(NAME).unwrap();
        let limits = situation.limits(destination.destination.limits());
        destination.destination =
            Box::new(Limited { destination: destination.destination, limits });
        config.destinations.insert(NAME.to_owned(), destination);
        Shipper::new(config, Some(OWN_LOG_GROUP.to_owned()), self.client.clone())
    }

    /// The messages in stored events to be delivered.
    fn stored(&self) -> Vec<String> {
        self.storage.messages_in("logagg/undelivered/")
    }
}

/// What Lambda redelivers of an event: of a stream, the reported record and all after it.
fn repeated(event: Vec<u8>, invoked: &Invoked) -> Vec<u8> {
    let Ok(response) = &invoked.result else {
        return event;
    };
    let [failure] = response["batchItemFailures"].as_array().map(Vec::as_slice).unwrap() else {
        panic!("of a stream one record is to be reported: {response}");
    };
    let mut event: Value = serde_json::from_slice(&event).unwrap();
    let records = event["Records"].as_array_mut().unwrap();
    let is_reported =
        |record: &Value| record["kinesis"]["sequenceNumber"] == failure["itemIdentifier"];
    records.drain(..records.iter().position(is_reported).unwrap());
    serde_json::to_vec(&event).unwrap()
}

/// Generating a certificate is slow, and one is enough.
fn untrusted() -> &'static ServerConfig {
    static UNTRUSTED: OnceLock<ServerConfig> = OnceLock::new();
    UNTRUSTED.get_or_init(tls::untrusted)
}
