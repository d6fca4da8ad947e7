//! Mock servers respond like third-party servers: compared with exchanges that `cargo xtask
//! third-party --record` recorded with the pinned versions.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::contract::{self, ALL, Contract, decompressed, opensearch};
use crate::event;
use crate::http::{Request, Response};
use crate::lambda::Lambda;
use crate::mock_server::MockServer;

/// The time of a case in `cargo xtask third-party`.
const TIME: Duration = Duration::from_secs(5);
const LONG_TIME: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Recorded {
    server: String,
    version: String,
    destination: String,
    messages: Vec<String>,
    exchanges: Vec<Exchange>,
    counts: Value,
}

#[derive(Deserialize)]
struct Exchange {
    request: Sent,
    response: Received,
}

#[derive(Deserialize)]
struct Sent {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Deserialize)]
struct Received {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Recorded {
    /// All cases by name.
    fn all() -> Vec<(String, Self)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shipper/contract/recorded");
        let read = |path: PathBuf| {
            let case = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            (case, serde_json::from_str(&text).unwrap())
        };
        files(&folder).into_iter().flat_map(|server| files(&server)).map(read).collect()
    }

    fn contract(&self) -> &'static dyn Contract {
        *ALL.iter().find(|contract| contract.kind() == self.destination).unwrap()
    }
}

impl Sent {
    fn request(&self) -> Request {
        let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let body = bytes(&self.body.replace("{now}", &now));
        let body = match self.headers.get("content-encoding").map(String::as_str) {
            Some("gzip") => {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
                gzip.write_all(&body).unwrap();
                gzip.finish().unwrap()
            }
            // A body that is not gzip is recorded as sent.
            _ => body,
        };
        Request {
            method: self.method.clone(),
            target: self.target.clone(),
            headers: self.headers.clone(),
            body,
        }
    }
}

/// A body from its recorded form.
fn bytes(text: &str) -> Vec<u8> {
    let Some(digits) = text.strip_prefix("0x") else { return text.as_bytes().to_vec() };
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The mock server's response in a case.
fn response(
    recorded: &Recorded,
    case: &str,
    request: &Request,
    earlier: usize,
) -> Result<Response, String> {
    if let Some(response) = contract::in_case(&recorded.server, case, request, earlier) {
        return Ok(response);
    }
    let contract = recorded.contract();
    let items = contract.check(&contract::at_its_own_path(request))?;
    Ok(contract.take(items, &mut Vec::new()))
}

#[test]
fn recorded_exchanges_are_with_the_pinned_versions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/third-party.toml");
    let pinned: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (case, Recorded { server, version, .. }) in Recorded::all() {
        let pinned = pinned[&server]["version"].as_str().unwrap();
        assert_eq!(
            version, pinned,
            "{case} is another version's: cargo xtask third-party --only {server} --record"
        );
    }
}

#[test]
fn mock_servers_respond_like_third_party_servers() {
    let mut wrong = Vec::new();
    for (case, recorded) in Recorded::all() {
        let exchanges = recorded.exchanges.iter().enumerate();
        for (earlier, Exchange { request, response: expected }) in exchanges {
            let request = request.request();
            let name = format!("{} {case} {}", recorded.server, request.target);
            let response = match response(&recorded, &case, &request, earlier) {
                Ok(response) => response,
                Err(violation) => {
                    wrong.push(format!("{name}: the request is rejected: {violation}"));
                    continue;
                }
            };
            let header = |name: &str| {
                let of_name = response.headers.iter().find(|(other, _)| *other == name);
                of_name.map(|(_, value)| value.clone())
            };
            let is = |name: &str| header(name) == expected.headers.get(name).cloned();
            if response.status != expected.status
                || response.body != bytes(&expected.body)
                || !["content-type", "retry-after"].into_iter().all(is)
            {
                let body = String::from_utf8_lossy(&response.body);
                wrong.push(format!(
                    "{name}: the mock server says {} {:?} {body:?} instead of {} {:?} {:?}",
                    response.status,
                    response.headers,
                    expected.status,
                    expected.headers,
                    expected.body
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a destination has another URL or index in these tests, or the case is made by it.
fn is_of_another_configuration(case: &str) -> bool {
    ["http_", "elasticsearch_"].into_iter().any(|kind| case.starts_with(kind))
}

#[test]
fn mock_servers_have_the_same_results_as_third_party_servers() {
    let servers = ["collector", "victorialogs", "opensearch-2", "opensearch-3"];
    let all = Recorded::all();
    let cases: Vec<_> = all
        .iter()
        .filter(|(_, recorded)| servers.contains(&recorded.server.as_str()))
        .filter(|(case, _)| !is_of_another_configuration(case))
        .collect();
    // Cases mostly wait.
    thread::scope(|scope| {
        for (case, recorded) in cases {
            scope.spawn(move || ship(case, recorded));
        }
    });
}

fn ship(case: &str, recorded: &Recorded) {
    let mock_server = MockServer::start(recorded.contract(), []).in_case(&recorded.server, case);
    let mut destination = mock_server.config();
    destination["max_in_flight"] = json!(1);
    let asks =
        |exchange: &Exchange| exchange.request.headers.contains_key("x-splunk-request-channel");
    if recorded.exchanges.iter().any(asks) {
        destination["indexer_acknowledgement"] = json!(true);
    }
    let config = json!({"destinations": {"x": destination}});
    // OpenSearch accepts events of any age, so requests can be compared too.
    let is_of_opensearch = recorded.server.starts_with("opensearch-");
    let messages = &recorded.messages;
    let event = if is_of_opensearch { event::with(messages) } else { event::fresh(messages) };
    // Short only if the deadline must be reached: the others need more on a busy machine.
    let time = if recorded.counts["returned_to_source"] == 0 { LONG_TIME } else { TIME };
    let invoked = Lambda::start(&config).invoke_within(&event, time);
    let counts = &invoked.summary["destinations"]["x"];
    for (name, expected) in recorded.counts.as_object().unwrap() {
        if name == "reasons" {
            for (disposition, reasons) in expected.as_object().unwrap() {
                assert_eq!(&counts["reasons"][disposition], reasons, "{case}: {disposition}");
            }
        } else {
            assert_eq!(&counts[name], expected, "{} {case}: {name} of {counts}", recorded.server);
        }
    }
    if is_of_opensearch {
        same_requests(case, recorded, &mock_server.sent());
    }
}

/// Checks that the mock server and the third-party server received the same requests.
fn same_requests(case: &str, recorded: &Recorded, sent: &[Request]) {
    let headers = |headers: &BTreeMap<String, String>, names: &[&String]| {
        names.iter().map(|name| headers.get(*name).cloned()).collect::<Vec<_>>()
    };
    let mut sent: Vec<_> = sent.iter().map(|request| (request, decompressed(request))).collect();
    // Retries are recorded once.
    sent.dedup_by(|(_, one), (_, other)| one == other);
    let mut expected: Vec<_> =
        recorded.exchanges.iter().map(|exchange| &exchange.request).collect();
    expected.dedup_by(|one, other| one.body == other.body);
    assert_eq!(sent.len(), expected.len(), "{} {case}: requests", recorded.server);
    for ((request, body), expected) in sent.iter().zip(expected) {
        let described = format!("{} {case} {}", recorded.server, expected.target);
        let names: Vec<_> = expected.headers.keys().collect();
        assert_eq!((&request.method, &request.target), (&expected.method, &expected.target));
        assert_eq!(
            headers(&request.headers, &names),
            headers(&expected.headers, &names),
            "{described}"
        );
        let body = String::from_utf8_lossy(body);
        let (lines, recorded): (Vec<_>, Vec<_>) =
            (body.lines().collect(), expected.body.lines().collect());
        assert_eq!(lines.len(), recorded.len(), "{described}: {body}");
        for (line, recorded) in lines.into_iter().zip(recorded) {
            let [sent, recorded]: [Value; 2] =
                [line, recorded].map(|text| serde_json::from_str(text).unwrap());
            assert_eq!(sent, recorded, "{described}");
        }
    }
}

#[test]
fn the_recorded_cases_of_opensearch_are_those_of_its_mock_server() {
    let of_mock: Vec<_> = opensearch::CASES.iter().map(|(case, _)| (*case).to_owned()).collect();
    for server in ["opensearch-2", "opensearch-3"] {
        let all = Recorded::all().into_iter();
        let recorded: Vec<_> =
            all.filter(|(_, recorded)| recorded.server == server).map(|(case, _)| case).collect();
        assert_eq!(recorded, of_mock, "{server}");
    }
}
