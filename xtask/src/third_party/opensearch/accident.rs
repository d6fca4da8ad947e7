//! One thing that is in the way, a few events, and what becomes of them: each case is recorded.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use logagg_e2e::function::Invoked;
use logagg_e2e::recorder::{Exchange, Recorder};
use logagg_e2e::search_api::SearchApi;
use logagg_e2e::third_party::opensearch::OpenSearch;
use logagg_e2e::wait::PATIENCE;
use serde_json::{Value, json};

use super::super::content::{self, LogEvent};
use super::super::exchange;
use super::super::shipper::{self, DISPOSITIONS, count};
use super::super::{Checks, Recorded, Shipper};

/// The index of all cases, which the mock server has too.
pub(super) const INDEX: &str = "logs-lambda";

/// On a slow machine too the server responds before the shipper gives up: else there would be something
/// else to record.
const REQUEST_TIMEOUT_MS: u64 = 60_000;

/// A case.
pub(super) struct Accident {
    /// The name of its record and of the mock server's condition.
    pub(super) case: &'static str,
    /// Brings the server into the state.
    pub(super) prepare: fn(&Scene) -> anyhow::Result<()>,
    pub(super) messages: fn() -> Vec<String>,
    /// How long the shipper has.
    pub(super) time: Duration,
    pub(super) promise: Promise,
}

/// What should become of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// The server has all of them.
    AllThere,
    /// Nothing is wrong with them, so they are for another time.
    AllReturned,
    /// The last can never be accepted.
    LastRejected,
}

/// What a case is prepared with.
pub(super) struct Scene<'a> {
    pub(super) shipper: &'a Shipper,
    pub(super) server: &'a OpenSearch,
}

impl Scene<'_> {
    pub(super) fn api(&self) -> &SearchApi {
        self.server.api()
    }

    /// Ships events that are not the case's own.
    fn ship(&self, events: &[LogEvent]) -> anyhow::Result<()> {
        let destination = destination(self.server.endpoint());
        shipper::deliver(self.shipper, &destination, &content::deliveries(events)?).map(drop)
    }

    fn index(&self, body: &Value) -> anyhow::Result<()> {
        self.api().create_index(INDEX, body)
    }

    fn settings_of_index(&self, settings: &Value) -> anyhow::Result<()> {
        self.api().call("PUT", &format!("{INDEX}/_settings"), settings).map(drop)
    }

    fn settings(&self, settings: &Value) -> anyhow::Result<()> {
        let settings = json!({"persistent": settings});
        self.api().call("PUT", "_cluster/settings", &settings).map(drop)
    }
}

/// What an index can have against events, or what is the matter with it.
pub(super) const OF_INDICES: [Accident; 18] = [
    Accident::new("created", Promise::AllThere, |_| Ok(())),
    Accident::new("deduplicated", Promise::AllThere, |scene| {
        scene.ship(&events(&messages(), STREAM, 0))
    }),
    Accident::new("partly_there", Promise::AllThere, |scene| {
        scene.ship(&events(&messages()[..2], STREAM, 0))
    }),
    Accident::new("data_stream", Promise::AllThere, |scene| {
        let template = json!({"index_patterns": [INDEX], "data_stream": {}});
        scene.api().call("PUT", "_index_template/logs", &template)?;
        scene.api().call("PUT", &format!("_data_stream/{INDEX}"), &Value::Null).map(drop)
    }),
    Accident {
        messages: || [r#"{"id":7}"#, r#"{"id":{"nested":1}}"#, "text"].map(marked).into(),
        ..Accident::new("conflicting_json_fields", Promise::AllThere, |_| Ok(()))
    },
    Accident {
        messages: || vec![many_fields(60), marked("text")],
        ..Accident::new("json_fields_over_limit", Promise::AllThere, |scene| {
            scene.index(&json!({"settings": {"index.mapping.total_fields.limit": 40}}))
        })
    },
    // Dates are detected, and the first value decides.
    Accident::new("date_like_log_stream", Promise::AllReturned, |scene| {
        scene.ship(&events(&[marked("first")], "2023/11/06", 900))
    }),
    Accident::new("shard_limit", Promise::AllReturned, |scene| {
        scene.api().create_index("others", &Value::Null)?;
        scene.settings(&json!({"cluster.max_shards_per_node": 1}))
    }),
    Accident::new("closed_index", Promise::AllReturned, |scene| {
        scene.index(&Value::Null)?;
        scene.api().call("POST", &format!("{INDEX}/_close"), &Value::Null).map(drop)
    }),
    Accident::new("alias_without_write_index", Promise::AllReturned, |scene| {
        let mut aliases = json!({"aliases": {}});
        aliases["aliases"][INDEX] = json!({});
        scene.api().create_index("logs-1", &aliases)?;
        scene.api().create_index("logs-2", &aliases)
    }),
    Accident::new("field_limit", Promise::AllReturned, |scene| {
        scene.index(&json!({"settings": {"index.mapping.total_fields.limit": 4}}))
    }),
    Accident::new("strict_mapping", Promise::AllReturned, |scene| {
        let properties = json!({"@timestamp": {"type": "date"}, "message": {"type": "text"}});
        scene.index(&json!({"mappings": {"dynamic": "strict", "properties": properties}}))
    }),
    Accident::new("missing_default_pipeline", Promise::AllReturned, |scene| {
        scene.index(&json!({"settings": {"index.default_pipeline": "deleted"}}))
    }),
    Accident::new("own_field_is_text", Promise::AllReturned, |scene| {
        scene.index(&json!({"mappings": {"properties": {"faas": {"type": "text"}}}}))
    }),
    Accident {
        messages: || [messages(), vec![marked(&"0123456789abcdef".repeat(2_060))]].concat(),
        ..Accident::new("keyword_too_long", Promise::LastRejected, |scene| {
            scene.index(&json!({"mappings": {"properties": {"message": {"type": "keyword"}}}}))
        })
    },
    Accident::new("write_block", Promise::AllReturned, |scene| {
        scene.index(&Value::Null)?;
        scene.settings_of_index(&json!({"index.blocks.write": true}))
    }),
    // A node whose disk is almost full sets this.
    Accident {
        time: Duration::from_secs(4),
        ..Accident::new("flood_stage_block", Promise::AllReturned, |scene| {
            scene.index(&Value::Null)?;
            scene.settings_of_index(&json!({"index.blocks.read_only_allow_delete": true}))
        })
    },
    Accident::new("missing_index", Promise::AllReturned, |scene| {
        scene.settings(&json!({"action.auto_create_index": "false"}))
    }),
];

impl Accident {
    pub(super) const fn new(
        case: &'static str,
        promise: Promise,
        prepare: fn(&Scene) -> anyhow::Result<()>,
    ) -> Self {
        Self { case, prepare, messages, time: PATIENCE, promise }
    }
}

impl Promise {
    fn reported(self) -> &'static str {
        match self {
            Self::AllThere => "all are there",
            Self::AllReturned => "all are returned to Lambda",
            Self::LastRejected => "only the last is rejected",
        }
    }

    fn kept(self, shipped: &Shipped) -> anyhow::Result<String> {
        let received = shipped.count("received");
        let there = shipped.count("delivered") + shipped.count("deduplicated");
        let (rejected, returned) = (shipped.count("rejected"), shipped.count("returned_to_source"));
        let expected = match self {
            Self::AllThere => (received, 0, 0),
            Self::AllReturned => (0, 0, received),
            Self::LastRejected => (received - 1, 1, 0),
        };
        ensure!(
            (there, rejected, returned) == expected,
            "of {received} events {there} are there, {rejected} rejected, {returned} returned"
        );
        Ok(format!("{received} events"))
    }
}

const STREAM: &str = "2023/11/06/[$LATEST]0123456789abcdef0123456789abcdef";

/// What no log of the shipper may show.
fn marked(message: &str) -> String {
    match message.strip_prefix('{') {
        Some(rest) => format!("{{\"mark\":\"PAYL0AD\",{rest}"),
        None => format!("PAYL0AD {message}"),
    }
}

/// A few ordinary messages.
pub(super) fn messages() -> Vec<String> {
    [
        "order 7 paid by card – 🧾",
        r#"{"level":"warn","sku":7}"#,
        "2023-11-06T10:00:00.123Z\t8f507cfc-1234-4697-b07a-ac58fc914c95\tERROR\tout of stock\n",
    ]
    .map(marked)
    .into()
}

fn many_fields(count: usize) -> String {
    let fields: Vec<_> = (0..count).map(|number| format!("\"field{number}\":1")).collect();
    marked(&format!("{{{}}}", fields.join(",")))
}

/// Log events as the mock server's tests have them.
pub(super) fn events(messages: &[String], log_stream: &str, first: usize) -> Vec<LogEvent> {
    let event = |(number, message): (usize, &String)| LogEvent {
        shape: "",
        id: format!("{:056}", first + number),
        timestamp_ms: 1_699_264_800_123 + i64::try_from(number).unwrap_or_default(),
        message: message.clone(),
        function: "orders",
        log_stream: log_stream.to_owned(),
        level: None,
        request_id: None,
        kind: "application",
    };
    messages.iter().enumerate().map(event).collect()
}

/// As the mock server's, but for the order of requests, which has to be one.
pub(super) fn destination(url: &str) -> Value {
    json!({
        "type": "elasticsearch",
        "url": url,
        "index": INDEX,
        "auth": {"type": "basic", "username": "logagg", "password": "S3CR3T"},
        "max_in_flight": 1,
    })
}

/// What came of a delivery.
pub(super) struct Shipped {
    invoked: Invoked,
    exchanges: Vec<Exchange>,
}

impl Shipped {
    pub(super) fn count(&self, name: &str) -> u64 {
        count(&self.invoked.summary, name)
    }

    /// Makes sure that every event received is on the server or in a count of the summary, and that
    /// what is on the server is as it was sent.
    pub(super) fn adds_up(&self, server: &OpenSearch, sent: &[LogEvent]) -> anyhow::Result<()> {
        let summary = &self.invoked.summary;
        let received = shipper::accounted(&self.invoked)?;
        ensure!(received == sent.len() as u64, "{received} of {} received", sent.len());

        let mut messages: BTreeMap<_, _> =
            sent.iter().map(|event| (event.id.as_str(), event.message.as_str())).collect();
        let documents = server.documents(INDEX)?;
        let mut there = 0;
        for document in &documents {
            let source = &document["_source"];
            let id = source["aws"]["cloudwatch"]["event_id"].as_str().unwrap_or_default();
            if let Some(message) = messages.remove(id) {
                ensure!(source["message"] == message, "event {id} is {}", source["message"]);
                there += 1;
            }
        }
        let reported = self.count("delivered") + self.count("deduplicated");
        ensure!(there == reported, "{there} are there, {reported} by the summary: {summary:#}");
        Ok(())
    }

    fn counts(&self) -> Value {
        let of_destination = &self.invoked.summary["destinations"]["x"];
        let mut counts = json!({"received": of_destination["received"], "reasons": {}});
        for name in DISPOSITIONS.iter().chain(&["sent_without_json_fields", "possible_duplicates"])
        {
            counts[name] = of_destination[name].clone();
        }
        for disposition in DISPOSITIONS.iter().chain(&["json_fields_rejected"]) {
            if let Some(reasons) = of_destination["reasons"].get(disposition) {
                counts["reasons"][disposition] = reasons.clone();
            }
        }
        counts
    }
}

/// Ships events through a recorder.
pub(super) fn ship(
    shipper: &Shipper,
    server: &OpenSearch,
    events: &[LogEvent],
    time: Duration,
    more: &Value,
) -> anyhow::Result<Shipped> {
    let recorder = Recorder::start(server.endpoint())?;
    let deliveries = content::deliveries(events)?;
    let [delivery] = &deliveries[..] else {
        anyhow::bail!("{} deliveries", deliveries.len());
    };
    let function = shipper.start(&destination(&recorder.endpoint()), more, &[])?;
    let invoked = function.summarize(delivery, time)?;
    let exchanges = recorder.exchanges().into_iter().filter(|it| !exchange::asks_for_mapping(it));
    Ok(Shipped { invoked, exchanges: exchanges.collect() })
}

/// Checks cases, each on a server that was emptied.
pub(super) fn check_all(
    shipper: &Shipper,
    server: &OpenSearch,
    checks: &mut Checks,
    accidents: &[Accident],
) {
    for accident in accidents {
        check(shipper, server, checks, accident);
    }
}

fn check(shipper: &Shipper, server: &OpenSearch, checks: &mut Checks, accident: &Accident) {
    let messages = (accident.messages)();
    let sent = events(&messages, STREAM, 0);
    let shipped = server
        .reset()
        .and_then(|()| (accident.prepare)(&Scene { shipper, server }))
        .and_then(|()| {
            ship(
                shipper,
                server,
                &sent,
                accident.time,
                &json!({"request_timeout_ms": REQUEST_TIMEOUT_MS}),
            )
        });
    let shipped = match shipped {
        Ok(shipped) => shipped,
        Err(error) => return checks.failed(accident.case, &error),
    };
    checks.check(accident.case, |checks| {
        shipped.adds_up(server, &sent)?;
        let exchanges = normalized(&shipped.exchanges);
        let count = exchanges.len();
        ensure!(count > 0, "the server responded to nothing");
        let counts = shipped.counts();
        Recorded::new(checks, "elasticsearch", &messages, exchanges, counts)?
            .hold(checks, accident.case)
            .context("holding it against the record")?;
        Ok(format!("adds up, {count} exchanges as recorded"))
    });
    checks.check(&format!("{}: {}", accident.case, accident.promise.reported()), |_| {
        accident.promise.kept(&shipped)
    });
}

/// Without what differs from run to run: how often the same request had the same response, and how
/// many bytes of memory there were in use.
fn normalized(exchanges: &[Exchange]) -> Vec<Exchange> {
    let mut normalized = exchanges.to_vec();
    for exchange in &mut normalized {
        exchange.response.body = without_bytes(&exchange.response.body);
    }
    normalized.dedup();
    normalized
}

/// `[all_bytes=5120]` becomes `[all_bytes=N]`.
fn without_bytes(text: &str) -> String {
    const MARK: &str = "_bytes=";

    let mut parts = text.split(MARK);
    let mut without = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        without.push_str(MARK);
        let rest = part.trim_start_matches(|character: char| character.is_ascii_digit());
        if rest.len() < part.len() {
            without.push('N');
        }
        without.push_str(rest);
    }
    without
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_bytes_are_no_part_of_a_record() {
        assert_eq!(without_bytes("[all_bytes=0, a_bytes=10212] 7"), "[all_bytes=N, a_bytes=N] 7");
        assert_eq!(without_bytes("_bytes= 7"), "_bytes= 7");
    }
}
