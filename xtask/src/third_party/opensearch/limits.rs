//! Limits of the server's own: of requests, of memory, of its queues; and a shard that is nowhere.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use logagg_e2e::search_api::SearchApi;
use logagg_e2e::third_party::opensearch::OpenSearch;
use logagg_e2e::wait;
use serde_json::{Value, json};

use super::super::{Checks, Shipper, progress};
use super::accident::{self, Accident, INDEX, Promise, Scene};

/// More than the limits below, and none of them more than one by itself.
fn many_messages() -> Vec<String> {
    (0..10).map(|number| format!("PAYL0AD order {number} {}", "paid by card ".repeat(30))).collect()
}

fn one_large_message() -> Vec<String> {
    [accident::messages(), vec![format!("PAYL0AD {}", "large ".repeat(1_200))]].concat()
}

fn nothing(_: &Scene) -> anyhow::Result<()> {
    Ok(())
}

pub(super) fn check(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let server =
        OpenSearch::start(&progress, checks.suite(), &[("http.max_content_length", "5kb")])?;
    let of_requests = [
        Accident {
            messages: many_messages,
            ..Accident::new("request_too_large", Promise::AllThere, nothing)
        },
        Accident {
            messages: one_large_message,
            ..Accident::new("event_too_large", Promise::LastRejected, nothing)
        },
    ];
    accident::check_all(shipper, &server, checks, &of_requests);
    drop(server);

    let limit = [("indexing_pressure.memory.limit", "5kb")];
    let server = OpenSearch::start(&progress, checks.suite(), &limit)?;
    let of_memory = [Accident {
        messages: many_messages,
        time: Duration::from_secs(6),
        ..Accident::new("request_over_memory_limit", Promise::AllThere, nothing)
    }];
    accident::check_all(shipper, &server, checks, &of_memory);
    drop(server);

    let one_thread = [("thread_pool.write.size", "1"), ("thread_pool.write.queue_size", "1")];
    let server = OpenSearch::start(&progress, checks.suite(), &one_thread)?;
    let of_queues = [Accident::new("write_queue_full", Promise::AllThere, |scene| {
        scene.api().create_index(INDEX, &Value::Null)?;
        occupy(scene.api())
    })];
    accident::check_all(shipper, &server, checks, &of_queues);
    Ok(())
}

/// How long the one thread that writes is to be occupied by an update.
const OCCUPIED: Duration = Duration::from_secs(5);

/// Gives the one thread that writes something to do for some seconds, and fills its queue.
fn occupy(api: &SearchApi) -> anyhow::Result<()> {
    api.call("PUT", "busy/_doc/1?refresh=true", &json!({}))?;
    // The first one compiles the script.
    update(api, 10)?;
    let begin = Instant::now();
    update(api, 100)?;
    let loops = 100 * OCCUPIED.as_millis() / begin.elapsed().as_millis().max(1);
    for (active, queue) in [(1, 0), (1, 1)] {
        let other = api.clone();
        // It ends with the server at the latest.
        thread::spawn(move || update(&other, loops));
        wait::until("a write thread that is occupied, and its queue", || {
            let found = write_threads(api).map_err(|error| format!("{error:#}"))?;
            if found == (Some(active), Some(queue)) { Ok(()) } else { Err(format!("{found:?}")) }
        })?;
    }
    Ok(())
}

/// Updates a document by a script that looks so many times for what is not there.
fn update(api: &SearchApi, loops: u128) -> anyhow::Result<()> {
    let script = "StringBuilder text = new StringBuilder(); \
         for (int i = 0; i < 100000; i++) { text.append('aaaaaaaaaa'); } \
         String haystack = text.toString(); int found = 0; \
         for (int i = 0; i < params.loops; i++) { found += haystack.indexOf('ab'); }";
    let loops = u64::try_from(loops).context("a number of loops")?;
    let update = json!({"script": {"source": script, "params": {"loops": loops}}});
    api.call("POST", "busy/_update/1?retry_on_conflict=3", &update).map(drop)
}

/// How many of the threads that write are at work, and how much waits for them.
fn write_threads(api: &SearchApi) -> anyhow::Result<(Option<u64>, Option<u64>)> {
    let path = "_nodes/stats/thread_pool?filter_path=nodes.*.thread_pool.write";
    let stats = api.call("GET", path, &Value::Null)?;
    let (_, node) = stats["nodes"].as_object().into_iter().flatten().next().context("a node")?;
    let pool = &node["thread_pool"]["write"];
    Ok((pool["active"].as_u64(), pool["queue"].as_u64()))
}

/// A shard that no node may have: the server waits for it longer than the shipper does, so that there
/// is no response to record.
pub(super) fn check_red_shard(shipper: &Shipper, server: &OpenSearch, checks: &mut Checks) {
    checks.check("red_shard: all are returned to Lambda", |_| {
        server.reset()?;
        let settings = json!({"index.routing.allocation.require._name": "nobody"});
        let path = format!("{INDEX}?wait_for_active_shards=0");
        server.api().call("PUT", &path, &json!({"settings": settings}))?;
        let sent = accident::events(&accident::messages(), "s", 0);
        let more = json!({"request_timeout_ms": 1_000});
        let shipped = accident::ship(shipper, server, &sent, Duration::from_secs(5), &more)?;
        ensure!(
            shipped.count("returned_to_source") == sent.len() as u64,
            "{} of {} returned",
            shipped.count("returned_to_source"),
            sent.len()
        );
        // Rejected events must not be indexed later.
        server.reset().map_err(|error| anyhow!("removing a red index: {error:#}"))?;
        Ok(format!("{} events", sent.len()))
    });
}
