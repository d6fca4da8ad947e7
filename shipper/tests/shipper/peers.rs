//! Known problems of other log shippers: docs/testing.md names the test for each.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use prost::encoding::encode_varint;
use serde_json::{Value, json};

use crate::bulk::{Behavior, Bulk};
use crate::contract::{ALL, Contract, Item, Rejects};
use crate::event;
use crate::http::{Reply, Request, Response, Server, Service};
use crate::lambda::Lambda;
use crate::mock_server::{MockServer, POISON, with_all_fields};
use crate::settled::settled;
use crate::storage::Storage;

/// Every test named in the table, such as `events::a_control_message_is_not_a_log_event`.
fn named() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once("| what other shippers do | tests |").unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    let tests = rows.flat_map(|row| {
        let tests: Vec<_> = row.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(!tests.is_empty(), "no test is named for: {row}");
        tests
    });
    tests.collect()
}

/// The source file of a module, in these tests or next to the tested code.
fn text_of(module: &str) -> String {
    let module = module.replace("::", "/");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["tests/shipper", "src"].map(|folder| root.join(folder).join(&module));
    let mut files = files.iter().flat_map(|file| [file.with_extension("rs"), file.join("mod.rs")]);
    files.find_map(|file| std::fs::read_to_string(file).ok()).unwrap_or_default()
}

#[test]
fn every_problem_of_other_shippers_has_a_test() {
    let named = named();
    assert!(named.len() > 20, "{named:?}");
    for test in named {
        let (module, name) = test.rsplit_once("::").unwrap();
        let text = text_of(module);
        let (before, _) = text.split_once(&format!("fn {name}()")).unwrap_or_default();
        assert!(before.trim_end().ends_with("#[test]"), "{test} is no test");
    }
}

#[test]
fn a_failed_invocation_writes_its_metrics_and_stored_events() {
    let rejects = || Behavior::RejectsWith(Response::new(401, ""));
    let (bulk, storage) = (Bulk::with_behaviors([rejects(), rejects()]), Storage::start());
    let mut config = json!({
        "destinations": {"search": bulk.config()}, "metrics": {"namespace": "shop/logs"},
    });
    let of_search = |lambda: &Lambda| {
        let lines = lambda.metrics(2);
        lines.into_iter().find(|line| line["destination"] == "search").unwrap()
    };
    let mut lambda = Lambda::start(&config);
    assert!(lambda.invoke(&event::of(3)).result.is_err());
    assert_eq!(of_search(&lambda)["returned_to_source"], 3);

    config["undelivered"] = Storage::config();
    let mut lambda = Lambda::start_with_aws(&config, &storage.url());
    assert!(lambda.invoke(&event::of(3)).result.is_ok());
    assert_eq!(of_search(&lambda)["stored"], 3);
    assert_eq!(storage.messages_in("logagg/undelivered/search/").len(), 3);
}

#[test]
fn a_partial_success_is_never_retried() {
    let counting = ["logzio", "loki", "otlp"];
    for contract in ALL.iter().filter(|contract| counting.contains(&contract.kind())) {
        assert_eq!(contract.rejects(), Rejects::Records);
        let mock_server = MockServer::start(*contract, []);
        let lines = [event::message(0), format!("{POISON} is rejected"), event::message(2)];
        let config = json!({"destinations": {"x": mock_server.config()}});
        let invoked = Lambda::start(&config).invoke(&event::fresh(&lines));
        let counts = settled(&invoked, "x", &lines, &mock_server.held());
        assert_eq!((counts.get("delivered"), counts.get("rejected")), (2, 1));
        assert_eq!(mock_server.requests(), 1, "{}", contract.kind());
    }
}

#[test]
fn node_messages_keep_their_tabs_and_have_the_level_of_their_column() {
    let bulk = Bulk::start();
    let id = "8f507cfc-1234-4697-b07a-ac58fc914c95";
    let line = format!("2023-11-06T10:00:00.000Z\t{id}\tWARN\tone\ttwo\tthree\nfour\n");
    let config = json!({"destinations": {"search": bulk.config()}});
    Lambda::start(&config).invoke(&event::with(&[&line]));
    let document = &bulk.documents()[0];
    assert_eq!(document["message"], line);
    assert_eq!(
        (&document["log"]["level"], &document["faas"]["execution"]),
        (&json!("warn"), &json!(id))
    );
}

/// A server that records its requests.
struct Ear {
    contract: &'static dyn Contract,
    heard: Mutex<Vec<Request>>,
    held: Mutex<Vec<Item>>,
}

impl Service for Ear {
    fn response(&self, request: Request) -> Reply {
        let items = self.contract.check(&request).unwrap();
        self.heard.lock().unwrap().push(request);
        Reply::Response(self.contract.take(items, &mut self.held.lock().unwrap()))
    }
}

/// The decoded body of a request, without compression and base64.
fn plain(request: &Request) -> Vec<u8> {
    let body = match request.header("content-encoding") {
        Some("gzip") => {
            let mut body = Vec::new();
            GzDecoder::new(request.body.as_slice()).read_to_end(&mut body).unwrap();
            body
        }
        Some("snappy") => snap::raw::Decoder::new().decompress_vec(&request.body).unwrap(),
        _ => request.body.clone(),
    };
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    match value["Records"][0]["Data"].as_str() {
        Some(data) => STANDARD.decode(data).unwrap(),
        None => body,
    }
}

/// A time in all formats of the destinations.
fn written(millis: u64) -> Vec<Vec<u8>> {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis);
    let mut protobuf_seconds = vec![0x08];
    encode_varint(millis / 1_000, &mut protobuf_seconds);
    vec![
        humantime::format_rfc3339_millis(time).to_string().into_bytes(),
        format!("{}.{:03}", millis / 1_000, millis % 1_000).into_bytes(),
        format!("\"timestamp\":{millis}").into_bytes(),
        (millis * 1_000_000).to_le_bytes().to_vec(),
        protobuf_seconds,
    ]
}

#[test]
fn every_destination_receives_time_and_id_of_a_log_event() {
    let mut delivery = event::fresh_delivery(7, &[event::message(0)]);
    // In the past, so that it differs from the time of the delivery.
    let millis = delivery["logEvents"][0]["timestamp"].as_u64().unwrap() - 3_600_123;
    delivery["logEvents"][0]["timestamp"] = json!(millis);
    let id = delivery["logEvents"][0]["id"].as_str().unwrap().as_bytes().to_vec();
    for &contract in ALL {
        let ear = Arc::new(Ear { contract, heard: Mutex::default(), held: Mutex::default() });
        let server = Server::start(Arc::clone(&ear));
        let config =
            json!({"destinations": {"x": with_all_fields(contract.config(&server.url()))}});
        let invoked = Lambda::start(&config).invoke(&event::wrap(&delivery));
        assert!(invoked.result.is_ok(), "{}: {invoked:?}", contract.kind());
        let body = plain(&ear.heard.lock().unwrap()[0]);
        let has = |part: &Vec<u8>| body.windows(part.len()).any(|window| window == part);
        assert!(has(&id), "{} is not told the id", contract.kind());
        assert!(written(millis).iter().any(has), "{} is not told the time", contract.kind());
    }
}
