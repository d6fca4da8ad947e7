//! What each field of a document costs when it is sent.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use logagg_e2e::workspace;
use serde_json::{Map, Value};

use super::function::Function;
use super::payload::Payload;
use super::sink::{Admission, Service, Sink};

/// How many log events are in the event.
const EVENTS: usize = 5_000;

/// Prints how many compressed bytes of each field there are, for destinations that take JSON.
pub(crate) fn run() -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--package", "logagg-shipper"])
        .current_dir(workspace::root())
        .status()
        .context("running cargo")?;
    ensure!(status.success(), "the build failed ({status})");
    let shipper = workspace::build_dir()?.join("bootstrap");
    let payload = Payload::of(EVENTS)?;
    for service in [Service::Bulk, Service::Hec, Service::Datadog] {
        let sink = Sink::start(service)?;
        let function = Function::start(&shipper, &sink.configuration(Admission::OfAll))?;
        function.invoke(&payload.event)?;
        let bodies: Vec<Vec<u8>> = sink.take().into_iter().map(|(_, body)| body).collect();
        ensure!(!bodies.is_empty(), "nothing was sent");
        report(service.name(), &bodies)?;
    }
    Ok(())
}

fn report(name: &str, bodies: &[Vec<u8>]) -> anyhow::Result<()> {
    let mut documents = Vec::new();
    for body in bodies {
        for value in serde_json::Deserializer::from_slice(body).into_iter::<Value>() {
            match value.context("reading a request")? {
                Value::Array(items) => documents.extend(items),
                other => documents.push(other),
            }
        }
    }
    let mut paths = BTreeMap::new();
    documents.iter().for_each(|document| leaves(document, "", &mut paths));
    let all = compressed(&documents)?;
    println!("{name}: {EVENTS} events, {:.0} kB", all as f64 / 1e3);
    let mut costs = Vec::new();
    for (path, count) in paths {
        let mut without = documents.clone();
        without.iter_mut().for_each(|document| remove(document, &path));
        costs.push((all.saturating_sub(compressed(&without)?), path, count));
    }
    costs.sort_unstable_by(|one, other| other.cmp(one));
    for (bytes, path, count) in costs {
        println!("  {path:<40} {:>7.1} kB {count:>6} times", bytes as f64 / 1e3);
    }
    println!();
    Ok(())
}

/// The paths of all fields, but not below `json`, whose fields are those of messages.
fn leaves(value: &Value, path: &str, found: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(fields) if !path.ends_with("/json") => {
            for (name, value) in fields {
                leaves(value, &format!("{path}/{name}"), found);
            }
        }
        _ => *found.entry(path.to_owned()).or_default() += 1,
    }
}

fn remove(document: &mut Value, path: &str) {
    let Some((parent, name)) = path.rsplit_once('/') else {
        return;
    };
    if let Some(fields) = document.pointer_mut(parent).and_then(Value::as_object_mut) {
        fields.remove(name);
        if fields.is_empty() && !parent.is_empty() {
            remove(document, parent);
        }
    }
}

fn compressed(documents: &[Value]) -> anyhow::Result<usize> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(super::GZIP_LEVEL));
    for document in documents {
        if *document != Value::Object(Map::new()) {
            serde_json::to_writer(&mut gzip, document)?;
            gzip.write_all(b"\n")?;
        }
    }
    Ok(gzip.finish()?.len())
}
