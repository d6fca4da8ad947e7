//! Runs the fuzz targets a limited number of times: with any bytes, and with almost valid bytes.

#[path = "../../fuzz/bodies.rs"]
mod bodies;

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use logagg_shipper::decode::{self, DecodeError};
use proptest::prelude::*;
use proptest::sample::Index;

const LINES: [&str; 6] = [
    "START RequestId: 8f507cfc-1234-4697-b07a-ac58fc914c95 Version: $LATEST\n",
    "REPORT RequestId: 8f507cfc-1234-4697-b07a-ac58fc914c95\tDuration: 1.25 ms\tBilled Duration: 2 ms\t\n",
    "2023-11-06T10:00:00.000Z\t8f507cfc-1234-4697-b07a-ac58fc914c95\tWARN\tlow\ton\tstock\n",
    "[INFO]\t2023-11-06T10:00:00.000Z\t8f507cfc-1234-4697-b07a-ac58fc914c95\tZoë 🧾\n",
    r#"{"level":"INFO","requestId":"8f507cfc-1234-4697-b07a-ac58fc914c95","message":{"a":[1,1.5e3]}}"#,
    r#"{"time":"t","type":"platform.report","record":{"requestId":"r","metrics":{"durationMs":7.5}}}"#,
];

const ANSWERS: [&str; 3] = [
    r#"{"items":[{"create":{"status":201}},{"create":{"status":400,"error":{"type":"x"}}}]}"#,
    r#"{"malformedLines":2,"successfulLines":7,"oversizedLines":1,"emptyLogLines":0}"#,
    r#"{"text":"Success","code":0,"ackId":3}"#,
];

const CONFIGURATION: &str = r#"{"destinations":{"a":{"type":"elasticsearch","url":"http://127.0.0.1:9200","index":"logs","auth":{"type":"basic","username":"u","password":"p"}}},"reserve_ms":500,"gzip_level":1}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn delivery() -> Vec<u8> {
    let log_event = |message| serde_json::json!({"id": "1", "timestamp": 1, "message": message});
    let log_events: Vec<_> = LINES.into_iter().map(log_event).collect();
    serde_json::to_vec(&serde_json::json!({
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/f",
        "logStream": "s", "subscriptionFilters": ["x"], "logEvents": log_events,
    }))
    .unwrap()
}

fn event() -> Vec<u8> {
    format!(r#"{{"awslogs":{{"data":"{}"}}}}"#, STANDARD.encode(gzip(&delivery()))).into_bytes()
}

/// Bytes that begin as `right`, with some of them changed, removed or repeated.
fn nearly(right: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), any::<u8>(), 0..4_u8);
    prop::collection::vec(change, 0..6).prop_map(move |changes| {
        let mut bytes = right.clone();
        for (place, byte, kind) in changes {
            let place = place.index(bytes.len().max(1));
            match kind {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[place] = byte,
                1 => drop(bytes.remove(place)),
                2 => bytes.insert(place, byte),
                _ => bytes.truncate(place),
            }
        }
        bytes
    })
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(texts).prop_flat_map(|text| nearly(text.as_bytes().to_vec()))
}

proptest! {
    #[test]
    fn events(data in prop_oneof![any_bytes(), nearly(event())]) {
        bodies::event(&data);
    }

    #[test]
    fn compressed_data(data in prop_oneof![any_bytes(), nearly(gzip(&delivery()))]) {
        bodies::gzip(&data);
    }

    #[test]
    fn deliveries(data in prop_oneof![any_bytes(), nearly(delivery())]) {
        bodies::delivery(&data);
    }

    #[test]
    fn lines(data in prop_oneof![any_bytes(), one_of(&LINES)]) {
        bodies::line(&data);
    }

    #[test]
    fn responses(
        status in any::<[u8; 2]>(), sent in 1..12_u8, body in prop_oneof![any_bytes(), one_of(&ANSWERS)],
    ) {
        bodies::classify(&[&status[..], &[sent], &body].concat());
    }

    #[test]
    fn configurations(data in prop_oneof![any_bytes(), nearly(CONFIGURATION.into())]) {
        bodies::configuration(&data);
    }
}

#[test]
fn a_decompression_bomb_stops_at_the_limit_with_any_number_of_members() {
    const BOMB_BYTES: usize = 32 * 1024 * 1024;

    let one = gzip(&vec![b' '; BOMB_BYTES]);
    let part = gzip(&vec![b' '; BOMB_BYTES / 64]);
    let many = part.repeat(64);
    let mut nested = gzip(&one);
    nested.extend_from_slice(&many);
    for bomb in [&one, &many] {
        let data = STANDARD.encode(bomb);
        let rejected = decode::inflate(&data, bodies::CAP_BYTES, Vec::new());
        assert_eq!(rejected, Err(DecodeError::TooLarge { cap_bytes: bodies::CAP_BYTES }));
        let taken = decode::inflate(&data, BOMB_BYTES, Vec::new()).unwrap();
        assert_eq!(taken.len(), BOMB_BYTES);
        assert!(taken.capacity() <= 2 * BOMB_BYTES);
    }
    // What was compressed twice is decompressed once.
    let data = STANDARD.encode(&nested);
    assert!(decode::inflate(&data, bodies::CAP_BYTES, Vec::new()).is_err());
}
