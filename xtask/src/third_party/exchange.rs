//! What goes to and fro between the shipper and a server, small enough to be recorded, and whether
//! the sums of a delivery are true.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use logagg_e2e::function::{Function, Invoked};
use logagg_e2e::interrupt;
use logagg_e2e::recorder::{Exchange, Recorder, hexadecimal};
use logagg_e2e::wait;
use serde_json::{Value, json};

use super::case::Recorded;
use super::content::{self, Found, Keeps, LogEvent};
use super::shipper::{self, DISPOSITIONS};
use super::{Checks, Shipper};

/// The token of every request that is recorded: the mock servers want it.
pub(crate) const TOKEN: &str = "S3CR3T";

/// Where the time of a record is that has to be recent.
const NOW: &str = "{now}";

/// A few messages for a server, and how the shipper is set up for it.
pub(crate) struct Case<'a> {
    /// What it is recorded as.
    pub(crate) name: &'static str,
    /// The server's URL, without a path.
    pub(crate) server: String,
    /// The destination at a server of this URL.
    pub(crate) destination: &'a dyn Fn(&str) -> Value,
    pub(crate) messages: &'a [&'a str],
    /// When they were written.
    pub(crate) written: Written,
    /// How much the shipper has.
    pub(crate) time: Duration,
}

/// When the events of a case were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// In November 2026.
    Always,
    /// In January 2020, which is too old for a server with a retention.
    LongAgo,
    /// Within the last minutes.
    Recently,
}

/// 1 January 2020.
const LONG_AGO_MS: i64 = 1_577_836_800_000;

/// Ships the messages of a case, and records what went to and fro or makes sure that it is what
/// was recorded; that is a check of its own. The response is what came of it.
pub(crate) fn exchange(
    shipper: &Shipper,
    checks: &mut Checks,
    case: &Case,
) -> anyhow::Result<Invoked> {
    let recorder = Recorder::start(&case.server)?;
    let mut destination = (case.destination)(&recorder.endpoint());
    // One after the other, so that they are always in one order.
    destination["max_in_flight"] = json!(1);
    let mut events = events(case.messages);
    match case.written {
        Written::Always => {}
        Written::LongAgo => events = long_ago(case.messages),
        Written::Recently => make_recent(&mut events),
    }
    let deliveries = content::deliveries(&events)?;
    let delivery = deliveries.first().context("there are no messages")?;
    let invoked = shipper.ship(&destination, delivery, case.time)?;
    let mut exchanges = recorder.exchanges();
    // Once for each instance, whatever the case is.
    exchanges.retain(|exchange| !asks_for_mapping(exchange));
    for exchange in &mut exchanges {
        normalize(exchange, case.written);
    }
    // How often something is retried is a matter of chance.
    exchanges.dedup();
    let counts = counts(&invoked.summary);
    let kind = destination["type"].as_str().context("a type of destination")?.to_owned();
    let messages: Vec<_> = case.messages.iter().map(|message| (*message).to_owned()).collect();
    checks.check(&format!("{}, as recorded", case.name), |checks| {
        ensure!(!exchanges.is_empty(), "nothing was sent: {}", invoked.summary);
        let recorded = Recorded::new(checks, &kind, &messages, exchanges, counts)?;
        recorded.hold(checks, case.name)?;
        let statuses: Vec<_> =
            recorded.exchanges.iter().map(|it| it.response.status.to_string()).collect();
        Ok(format!("responded with {}", statuses.join(", ")))
    });
    Ok(invoked)
}

/// Events with these messages, written long ago.
pub(crate) fn long_ago(messages: &[&str]) -> Vec<LogEvent> {
    let mut events = events(messages);
    for (event, number) in events.iter_mut().zip(0..) {
        event.timestamp_ms = LONG_AGO_MS + number;
    }
    events
}

/// Whether the shipper asks how an index is mapped.
pub(crate) fn asks_for_mapping(exchange: &Exchange) -> bool {
    let target = &exchange.request.target;
    target.contains("/_mapping?") || target.contains("/_index_template/_simulate_index/")
}

/// Events with these messages, of one log stream.
pub(crate) fn events(messages: &[&str]) -> Vec<LogEvent> {
    let ordinary = content::fill(messages.len());
    let stream = ordinary.first().map(|event| event.log_stream.clone()).unwrap_or_default();
    let with = |(event, message): (LogEvent, &&str)| LogEvent {
        message: (*message).to_owned(),
        function: "orders",
        log_stream: stream.clone(),
        level: None,
        request_id: None,
        ..event
    };
    ordinary.into_iter().zip(messages).map(with).collect()
}

/// Moves events to now: some servers take no others.
pub(crate) fn make_recent(events: &mut [LogEvent]) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_millis()).unwrap_or_default();
    let first = events.first().map_or(now, |event| event.timestamp_ms);
    for event in events {
        event.timestamp_ms += now - 60_000 - first;
    }
}

/// Takes out what differs from run to run.
fn normalize(exchange: &mut Exchange, written: Written) {
    const CHANNEL: &str = "x-splunk-request-channel";
    /// VictoriaLogs says where its data is.
    const DATA: &str = "-storageDataPath=";

    let Exchange { request, response } = exchange;
    if let Some(channel) = request.headers.get_mut(CHANNEL) {
        request.target = request.target.replace(channel.as_str(), "{channel}");
        *channel = "{channel}".to_owned();
    } else if let Some((path, _)) = request.target.split_once("?channel=") {
        request.target = format!("{path}?channel={{channel}}");
    }
    if written == Written::Recently
        && let Ok(mut records) = serde_json::from_str::<Value>(&request.body)
    {
        for record in records.as_array_mut().into_iter().flatten() {
            record["@timestamp"] = json!(NOW);
        }
        request.body = records.to_string();
    }
    if request.target.ends_with("/v1/logs") {
        request.body = without_observed_times(&request.body);
    }
    // The machine's name.
    response.headers.remove("x-server-hostname");
    response.body = without_ports(&response.body);
    if let Some((before, rest)) = response.body.split_once(DATA) {
        let after = rest.trim_start_matches(|character: char| !character.is_whitespace());
        response.body = format!("{before}{DATA}{{folder}}{after}");
    }
}

/// OTLP with a fixed time for `observed_time_unix_nano`, which is that of the run: field 11, of 64
/// bits.
fn without_observed_times(body: &str) -> String {
    const FIELD: &str = "59";
    /// 14 November 2023.
    const FIXED: &str = "00002a36fe9c9717";

    let Some(digits) = body.strip_prefix("0x") else {
        return body.to_owned();
    };
    let (mut fixed, mut rest) = ("0x".to_owned(), digits);
    while let Some((byte, after)) = rest.split_at_checked(2) {
        fixed.push_str(byte);
        rest = after;
        if let Some((time, after)) = rest.split_at_checked(FIXED.len())
            && byte == FIELD
            && is_of_this_run(time)
        {
            fixed.push_str(FIXED);
            rest = after;
        }
    }
    fixed
}

/// Whether these nanoseconds since 1970 are of the last hour.
fn is_of_this_run(little_endian: &str) -> bool {
    let Ok(nanos) = u64::from_str_radix(little_endian, 16) else {
        return false;
    };
    let time = UNIX_EPOCH + Duration::from_nanos(nanos.swap_bytes());
    let age = SystemTime::now().duration_since(time);
    age.is_ok_and(|age| age < Duration::from_secs(3_600))
}

/// With `00000` for a port: as long, since lengths are written before text.
fn without_ports(body: &str) -> String {
    const HOST: &[u8] = b"127.0.0.1:";

    let decoded = body.strip_prefix("0x").and_then(|digits| {
        let byte = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        (0..digits.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>()
    });
    let mut bytes = decoded.clone().unwrap_or_else(|| body.as_bytes().to_vec());
    let hosts: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(HOST)).collect();
    for host in hosts {
        bytes[host + HOST.len()..]
            .iter_mut()
            .take_while(|byte| byte.is_ascii_digit())
            .for_each(|digit| *digit = b'0');
    }
    match decoded {
        None => String::from_utf8_lossy(&bytes).into_owned(),
        Some(_) => hexadecimal(&bytes),
    }
}

/// What became of the events, without how often something was tried.
fn counts(summary: &Value) -> Value {
    let counts = &summary["destinations"]["x"];
    let mut kept = json!({});
    for name in DISPOSITIONS.into_iter().chain(["received", "additional_parts"]) {
        kept[name] = counts[name].clone();
    }
    for disposition in ["rejected", "returned_to_source"] {
        if let Some(reasons) = counts["reasons"].get(disposition) {
            kept["reasons"][disposition] = reasons.clone();
        }
    }
    kept
}

/// Ships events and looks for them, once, and again: all there, as they were sent, and as often.
pub(crate) fn content(
    shipper: &Shipper,
    checks: &mut Checks,
    name: &str,
    destination: &Value,
    events: &[LogEvent],
    keeps: Keeps,
    find: &dyn Fn() -> anyhow::Result<Vec<Found>>,
) {
    let mut events = events.to_vec();
    if destination["type"] == "splunk_hec" {
        // Splunk takes no blank events, so none is sent.
        events.retain(|event| !event.message.trim_ascii().is_empty());
    }
    let events = events.as_slice();
    let ship = |function: &Function| -> anyhow::Result<()> {
        for delivery in content::deliveries(events)? {
            interrupt::check()?;
            shipper::deliver_with(function, &delivery)?;
        }
        Ok(())
    };
    let once = || -> anyhow::Result<(Function, String)> {
        let function = shipper.start(destination, &Value::Null, &[])?;
        ship(&function)?;
        let found = content::compare(events, find()?, 1, keeps)?;
        Ok((function, found))
    };
    let mut function = None;
    checks.check(&format!("{name}: every event once, unchanged"), |_| {
        let (started, found) = once()?;
        function = Some(started);
        Ok(found)
    });
    // Where they are not there once, they are not there twice either.
    if let Some(function) = function {
        checks.check(&format!("{name}: sent twice"), |_| {
            ship(&function)?;
            content::compare(events, find()?, 2, keeps)
        });
    }
}

/// A count of the destination.
pub(crate) fn count(invoked: &Invoked, name: &str) -> u64 {
    shipper::count(&invoked.summary, name)
}

/// The counts are these, and the other outcomes are 0.
pub(crate) fn expect(invoked: &Invoked, expected: &[(&str, u64)]) -> anyhow::Result<String> {
    for disposition in DISPOSITIONS.into_iter().chain(["possible_duplicates"]) {
        let should =
            expected.iter().find(|(name, _)| *name == disposition).map_or(0, |(_, count)| *count);
        let is = count(invoked, disposition);
        ensure!(is == should, "{is} {disposition} instead of {should}: {}", invoked.summary);
    }
    let requests = count(invoked, "requests");
    let dispositions: Vec<_> =
        expected.iter().map(|(name, count)| format!("{count} {name}")).collect();
    Ok(format!("{} in {requests} requests", dispositions.join(", ")))
}

/// A reason for which events had a disposition.
pub(crate) fn ensure_reason(
    invoked: &Invoked,
    disposition: &str,
    reason: &str,
) -> anyhow::Result<()> {
    let reasons = &invoked.summary["destinations"]["x"]["reasons"][disposition];
    ensure!(reasons.get(reason).is_some(), "{disposition} for {reasons} instead of {reason}");
    Ok(())
}

/// Holds the summary of a delivery against what a server has that was empty before it: what was
/// delivered is there, what is there twice or against the summary was counted as possible, and
/// every event has one disposition.
pub(crate) fn account(
    invoked: &Invoked,
    sent: &[LogEvent],
    stored: &[String],
) -> anyhow::Result<String> {
    let counts = &invoked.summary["destinations"]["x"];
    let count = |name| count(invoked, name);
    let received = shipper::accounted(invoked)?;
    let mut copies: BTreeMap<&str, u64> =
        sent.iter().map(|event| (event.message.as_str(), 0)).collect();
    for message in stored {
        let copies = copies.get_mut(message.as_str());
        *copies.with_context(|| format!("never sent: {message:?}"))? += 1;
    }
    let there = u64::try_from(copies.values().filter(|copies| **copies > 0).count())?;
    let again: u64 = copies.values().map(|copies| copies.saturating_sub(1)).sum();
    let delivered = count("delivered") + count("deduplicated");
    let possible = count("possible_duplicates");
    ensure!(there >= delivered, "{delivered} delivered, and {there} are there: {counts}");
    ensure!(
        there - delivered + again <= possible,
        "{there} are there and {again} more copies, {delivered} were delivered, and {possible} \
         possible duplicates counted: {counts}"
    );
    Ok(format!(
        "{received} received = {there} there, {again} of them more than once (of {possible} possible \
         duplicates), + {} others",
        received - there
    ))
}

/// A delivery, and what the summary says of it.
pub(crate) struct Shipped {
    events: Vec<LogEvent>,
    invoked: Invoked,
}

/// Ships one delivery after the other with one instance and calls `interrupt` meanwhile: twice, and on
/// until a request has been retried. A server that is back within milliseconds is else interrupted
/// between two requests.
pub(crate) fn ship_while(
    shipper: &Shipper,
    destination: &Value,
    written: Written,
    mut interrupt: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Shipped>> {
    const MOST_EVENTS: usize = 600_000;
    const OF_A_DELIVERY: usize = 10_000;
    const AT_LEAST: usize = 6;

    // So that it takes a while.
    let mut destination = destination.clone();
    destination["max_in_flight"] = json!(1);
    let destination = &destination;
    let messages: Vec<_> =
        content::fill(MOST_EVENTS).into_iter().map(|event| event.message).collect();
    let messages: Vec<_> = messages.iter().map(String::as_str).collect();
    let mut events = events(&messages);
    if written == Written::Recently {
        make_recent(&mut events);
    }
    let function = shipper.start(destination, &json!({"request_timeout_ms": 5_000}), &[])?;
    let (is_over, retries) = (&AtomicBool::new(false), &AtomicU64::new(0));
    thread::scope(|scope| {
        let shipping = scope.spawn(move || -> anyhow::Result<Vec<Shipped>> {
            let ship = |events: &[LogEvent]| {
                let deliveries = content::deliveries(events)?;
                ensure!(deliveries.len() == 1, "{} deliveries", deliveries.len());
                let invoked = function.summarize(&deliveries[0], Duration::from_secs(50))?;
                Ok(Shipped { events: events.to_vec(), invoked })
            };
            let mut shipped = Vec::new();
            for events in events.chunks(OF_A_DELIVERY) {
                if shipped.len() >= AT_LEAST && is_over.load(Ordering::SeqCst) {
                    break;
                }
                let one = ship(events)?;
                retries.fetch_add(count(&one.invoked, "retries"), Ordering::SeqCst);
                shipped.push(one);
            }
            Ok(shipped)
        });
        let mut interruptions = 0;
        let mut interrupted = Ok(());
        while interrupted.is_ok()
            && (interruptions < 2 || retries.load(Ordering::SeqCst) == 0)
            && !shipping.is_finished()
        {
            interrupted = interrupt();
            interruptions += 1;
        }
        is_over.store(true, Ordering::SeqCst);
        interrupted?;
        let Ok(shipped) = shipping.join() else { bail!("shipping panicked") };
        let shipped = shipped?;
        ensure!(
            retries.load(Ordering::SeqCst) > 0,
            "everything was delivered before anything was interrupted"
        );
        Ok(shipped)
    })
}

/// Waits until a server has more than it has now: a delivery is under way.
pub(crate) fn wait_for_more(count: impl Fn() -> anyhow::Result<u64>) -> anyhow::Result<()> {
    let begin = count()?;
    wait::until("a delivery", || match count().map_err(|error| format!("{error:#}"))? {
        now if now > begin => Ok(()),
        _ => Err("nothing more is there".to_owned()),
    })
}

/// Holds all summaries against what a server has.
pub(crate) fn account_all(
    shipped: &[Shipped],
    stored: impl Iterator<Item = String>,
) -> anyhow::Result<String> {
    let mut by_delivery: Vec<Vec<String>> = shipped.iter().map(|_| Vec::new()).collect();
    let mut delivery_of = BTreeMap::new();
    for (number, Shipped { events, .. }) in shipped.iter().enumerate() {
        delivery_of.extend(events.iter().map(|event| (event.message.as_str(), number)));
    }
    for message in stored {
        let number = delivery_of.get(message.as_str());
        let number = *number.with_context(|| format!("never sent: {message:?}"))?;
        by_delivery[number].push(message);
    }
    let (mut received, mut there, mut possible) = (0, 0, 0);
    for (Shipped { events, invoked }, stored) in shipped.iter().zip(by_delivery) {
        account(invoked, events, &stored)?;
        received += count(invoked, "received");
        there += stored.len();
        possible += count(invoked, "possible_duplicates");
    }
    Ok(format!("{received} received, {there} there, {possible} possible duplicates"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_of_the_run_are_replaced() {
        let digits = |time: SystemTime| {
            let nanos = time.duration_since(UNIX_EPOCH).unwrap().as_nanos();
            format!("{:016x}", u64::try_from(nanos).unwrap().swap_bytes())
        };
        let now = SystemTime::now();
        let written = digits(now - Duration::from_secs(86_400));
        let body = |time: &str, observed: &str| format!("0x09{time}59{observed}59");
        let fixed = without_observed_times(&body(&written, &digits(now)));
        assert_eq!(fixed, body(&written, "00002a36fe9c9717"));
        for same in [body(&written, &written), "0x59".to_owned(), "no bytes".to_owned()] {
            assert_eq!(without_observed_times(&same), same);
        }
    }
}
