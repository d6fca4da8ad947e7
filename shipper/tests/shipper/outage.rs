//! How long an outage may last with the settings of the shipper's module.

use std::path::Path;
use std::time::Duration;

use hcl_edit::structure::Body;
use logagg_shipper::undelivered::schedule::longest_outage;
use serde_json::json;

use crate::event;
use crate::http::{Reply, Response};
use crate::lambda::Lambda;
use crate::logzio::{self, Logzio};
use crate::storage::{MAX_RECEIVE_COUNT, Storage, VISIBILITY_TIMEOUT};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A number among the locals of the shipper's module.
fn setting(name: &str) -> u64 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../modules/shipper/undelivered.tf");
    let body: Body = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let locals = body.get_blocks("locals").find_map(|block| block.body.get_attribute(name));
    let value = locals.unwrap_or_else(|| panic!("no local {name}"));
    value.value.to_string().trim().parse().unwrap()
}

#[test]
fn a_three_day_outage_moves_nothing_to_the_dead_letter_queue() {
    let attempts = u32::try_from(setting("undelivered_attempts")).unwrap();
    let [first_delay, visibility, retention] = ["delay", "visibility", "retention"]
        .map(|it| Duration::from_secs(setting(&format!("undelivered_{it}"))));
    let longest = longest_outage(attempts, first_delay, retention);
    assert!(longest > 4 * DAY, "{longest:?}");
    // Failed, killed or throttled invocations use the queue's own visibility timeout.
    assert!(visibility * attempts > 4 * DAY);
    // The mock queue has the settings of the module.
    assert_eq!((attempts, visibility), (MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT));
}

/// The same in a simulation with the test's clock.
#[test]
fn an_event_stored_at_the_beginning_of_a_three_day_outage_is_delivered_after_it() {
    let stop = || logzio::Behavior::Does(Reply::Response(Response::new(401, "")));
    let (logzio, storage) =
        (Logzio::with_behaviors(std::iter::repeat_n(stop(), 1_000)), Storage::start());
    let config =
        json!({"destinations": {"logs": logzio.config()}, "undelivered": Storage::config()});
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    lambda.invoke(&event::of(1));
    let mut passed = Duration::ZERO;
    let mut attempts = 0;
    while passed < 3 * DAY {
        let event = storage.receive(10).unwrap();
        let invoked = lambda.invoke(&event);
        storage.complete(&event, &invoked.result);
        attempts += 1;
        let wait = storage.next_visible().unwrap();
        storage.advance(wait);
        passed += wait;
    }
    assert!(storage.dead_letters().is_empty());
    // 1, 2, 4 and 8 minutes, and then every 15.
    assert_eq!(attempts, 4 + (3 * 24 * 60 - 15) / 15);
    logzio.recover();
    let event = storage.receive(10).unwrap();
    let invoked = lambda.invoke(&event);
    storage.complete(&event, &invoked.result);
    assert_eq!(logzio.held().messages, [event::message(0)]);
    assert!(storage.queue().is_empty());
}
