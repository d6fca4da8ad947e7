//! The largest event that the shipper accepts fits into the function's memory.

use std::iter;

use serde_json::json;

use crate::http::{Reply, Response};
use crate::lambda::Lambda;
use crate::mock_server::{Behavior, MockServer};
use crate::storage::Storage;
use crate::{contract, event};

/// Less than any function has, so that the event is generated quickly.
const MEMORY_MB: usize = 64;

/// AWS is not called.
const NO_AWS: &str = "http://127.0.0.1:1";

/// The limit for this memory: a fifth of what exceeds 48 MiB.
const LARGEST_BYTES: usize = (MEMORY_MB - 48) * 1024 * 1024 / 5;

/// A delivery of at most this many bytes, with as many log events as possible, which need the most
/// memory besides their messages.
fn shortest_lines(bytes: usize) -> (usize, String) {
    delivery(bytes, || r"\n".to_owned())
}

/// A delivery of at most this many bytes, and its number of log events.
fn delivery(bytes: usize, mut message: impl FnMut() -> String) -> (usize, String) {
    let mut delivery = r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/aws/lambda/orders","logStream":"s","subscriptionFilters":["logagg"],"logEvents":["#.to_owned();
    let mut count = 0;
    loop {
        let comma = if count == 0 { "" } else { "," };
        let line = format!(
            r#"{comma}{{"id":"{count:056}","timestamp":1699264800123,"message":"{}"}}"#,
            message()
        );
        if delivery.len() + line.len() + "]}".len() > bytes {
            return (count, delivery + "]}");
        }
        delivery.push_str(&line);
        count += 1;
    }
}

/// A delivery of at most this many bytes with incompressible messages, so that the stored event is
/// as large as possible.
fn random_lines(bytes: usize) -> (usize, String) {
    let mut random = fastrand::Rng::with_seed(7);
    delivery(bytes, || iter::repeat_with(|| random.alphanumeric()).take(500).collect())
}

#[test]
fn the_largest_event_is_stored_within_the_functions_memory() {
    for (count, delivery) in [shortest_lines(LARGEST_BYTES), random_lines(LARGEST_BYTES)] {
        let mock_server = MockServer::start(&contract::Http, [])
            .lasting(Behavior::Does(Reply::Response(Response::new(401, ""))));
        let storage = Storage::start();
        let config =
            json!({"destinations": {"x": mock_server.config()}, "undelivered": Storage::config()});
        let event = event::wrap_bytes(&event::gzip(delivery.as_bytes()));
        let mut lambda = Lambda::start_with_memory(&config, MEMORY_MB, &storage.url());
        let invoked = lambda.invoke(&event);
        assert_eq!(invoked.summary["destinations"]["x"]["stored"], count, "{}", invoked.summary);
        assert_eq!(storage.messages_in("logagg/undelivered/").len(), count);
    }
}

#[test]
fn the_largest_event_is_delivered_within_the_functions_memory() {
    let mock_server = MockServer::start(&contract::Http, []);
    let config = json!({"destinations": {"x": mock_server.config()}});
    let (count, delivery) = shortest_lines(LARGEST_BYTES);
    let event = event::wrap_bytes(&event::gzip(delivery.as_bytes()));
    let invoked = Lambda::start_with_memory(&config, MEMORY_MB, NO_AWS).invoke(&event);
    assert_eq!(invoked.summary["destinations"]["x"]["delivered"], count);
    assert_eq!(mock_server.held().messages.len(), count);

    let (_, delivery) = shortest_lines(LARGEST_BYTES + 200);
    let event = event::wrap_bytes(&event::gzip(delivery.as_bytes()));
    let rejected =
        Lambda::start_with_memory(&config, MEMORY_MB, NO_AWS).invoke(&event).result.unwrap_err();
    let described = format!("more than {LARGEST_BYTES} bytes after decompression");
    assert!(rejected.message.contains(&described), "{}", rejected.message);
}
