//! What CloudWatch Logs would send: lines of every shape that functions write, text and JSON, with
//! as much chance in them as real ones have, so that they compress no better.

use std::io::Write;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use logagg_e2e::sample;
use serde::Serialize;
use serde_json::json;

/// The time in all lines of [`sample`].
const SAMPLE_TIME: &str = "2026-11-23T10:15:30.123Z";

const WORDS: [&str; 24] = [
    "order",
    "received",
    "payment",
    "stock",
    "price",
    "list",
    "stale",
    "customer",
    "Zoë",
    "refund",
    "shipped",
    "carrier",
    "warehouse",
    "retry",
    "upstream",
    "timeout",
    "cache",
    "miss",
    "coupon",
    "applied",
    "total",
    "tax",
    "address",
    "country",
];

/// An event as Lambda hands it over.
pub(crate) struct Payload {
    /// How many log events are in it.
    pub(crate) events: usize,
    /// The size of the JSON inside.
    pub(crate) json_bytes: usize,
    /// The event.
    pub(crate) event: Vec<u8>,
}

/// What is inside, with the fields in the order in which CloudWatch Logs writes them.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delivery<'a> {
    message_type: &'a str,
    owner: &'a str,
    log_group: &'a str,
    log_stream: &'a str,
    subscription_filters: [&'a str; 1],
    log_events: Vec<LogEvent<'a>>,
}

#[derive(Serialize)]
struct LogEvent<'a> {
    id: String,
    timestamp: u64,
    message: &'a str,
}

impl Payload {
    /// The same one for the same number of log events.
    pub(crate) fn of(events: usize) -> anyhow::Result<Self> {
        let mut chance = fastrand::Rng::with_seed(7);
        let mut messages = Vec::new();
        while messages.len() < events {
            messages.extend(request(&mut chance));
        }
        let mut time: u64 = 1_795_428_930_123;
        let log_events = messages[..events]
            .iter()
            .map(|message| {
                time += chance.u64(0..5);
                let id = format!("3858{:052}", u128::from(time) << 40 | u128::from(chance.u32(..)));
                LogEvent { id, timestamp: time, message }
            })
            .collect();
        let json = serde_json::to_vec(&Delivery {
            message_type: "DATA_MESSAGE",
            owner: "123456789012",
            log_group: "/aws/lambda/checkout",
            log_stream: "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef",
            subscription_filters: ["lambda-to-search"],
            log_events,
        })?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&json)?;
        let data = STANDARD.encode(gzip.finish().context("compressing an event")?);
        let event = serde_json::to_vec(&json!({"awslogs": {"data": data}}))?;
        Ok(Self { events, json_bytes: json.len(), event })
    }
}

/// The lines of one request.
fn request(chance: &mut fastrand::Rng) -> Vec<String> {
    let id = request_id(chance);
    let function = chance.choice(sample::FUNCTIONS).unwrap_or(sample::FUNCTIONS[0]);
    let mut messages: Vec<String> = sample::lines(function, chance.u32(1..1_000_000))
        .into_iter()
        .map(|line| line.message.replace(&line.request_id, &id).replace(SAMPLE_TIME, &time(chance)))
        .collect();
    let end = messages.len().saturating_sub(2);
    let own = [structured(&id, chance), prose(&id, chance), structured(&id, chance)];
    messages.splice(end..end, own);
    messages
}

/// A line as loggers for structured lines write it.
fn structured(id: &str, chance: &mut fastrand::Rng) -> String {
    json!({
        "level": chance.choice(["INFO", "INFO", "INFO", "WARN", "ERROR"]),
        "location": format!("handler:{}", chance.u8(..)),
        "message": words(7, chance),
        "timestamp": time(chance),
        "service": "payment",
        "cold_start": false,
        "function_name": "checkout",
        "function_memory_size": "128",
        "function_request_id": id,
        "xray_trace_id": format!("1-{:08x}-{:024x}", chance.u32(..), chance.u64(..)),
        "amount": f64::from(chance.u32(1..100_000)) / 100.0,
        "customer": {"id": chance.u32(..), "tags": [words(1, chance), words(1, chance)]},
    })
    .to_string()
}

fn prose(id: &str, chance: &mut fastrand::Rng) -> String {
    format!("{}\t{id}\tINFO\t{}", time(chance), words(12, chance))
}

fn words(count: usize, chance: &mut fastrand::Rng) -> String {
    let words: Vec<&str> = (0..count).filter_map(|_| chance.choice(WORDS)).collect();
    words.join(" ")
}

fn request_id(chance: &mut fastrand::Rng) -> String {
    let (a, b) = (chance.u64(..), chance.u64(..));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xffff,
        b >> 48,
        b & 0xffff_ffff_ffff
    )
}

fn time(chance: &mut fastrand::Rng) -> String {
    format!(
        "2026-11-23T10:{:02}:{:02}.{:03}Z",
        chance.u8(..60),
        chance.u8(..60),
        chance.u16(..1000)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_order_of_cloudwatch_logs() {
        let payload = Payload::of(1).unwrap();
        let event: serde_json::Value = serde_json::from_slice(&payload.event).unwrap();
        let gzip = STANDARD.decode(event["awslogs"]["data"].as_str().unwrap()).unwrap();
        let json = std::io::read_to_string(flate2::read::GzDecoder::new(&gzip[..])).unwrap();
        let names = ["messageType", "owner", "logGroup", "logEvents", "id", "timestamp", "message"];
        let places = names.map(|name| json.find(&format!("\"{name}\":")).unwrap());
        assert!(places.is_sorted(), "{json}");
    }

    #[test]
    fn a_payload_has_so_many_events_and_the_size_of_real_ones() {
        for events in [10, 500, 5_000] {
            let payload = Payload::of(events).unwrap();
            assert_eq!(payload.events, events);
            assert!((250..400).contains(&(payload.json_bytes / events)), "{}", payload.json_bytes);
            let compressed = payload.event.len() * 3 / 4;
            assert!((2..10).contains(&(payload.json_bytes / compressed)), "{compressed}");
        }
    }
}
