//! The OpenTelemetry Collector on free ports of this machine, with the receivers that there are
//! destinations for, and a file behind each.

use std::cell::RefCell;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::go::Go;
use super::versions::Pinned;
use super::{cache, versions};
use crate::progress::Progress;
use crate::python::Python;
use crate::server::{Launch, Server, free_port};
use crate::workspace;

const NAME: &str = "collector";

/// A way into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    /// OTLP over HTTP.
    Otlp,
    /// The HTTP Event Collector of Splunk, without acknowledgement.
    SplunkHec,
    /// The same with acknowledgement.
    SplunkHecAcknowledged,
    /// Datadog's intake.
    Datadog,
}

impl Receiver {
    const ALL: [Self; 4] =
        [Self::Otlp, Self::SplunkHec, Self::SplunkHecAcknowledged, Self::Datadog];

    fn name(self) -> &'static str {
        match self {
            Self::Otlp => "otlp",
            Self::SplunkHec => "splunk_hec",
            Self::SplunkHecAcknowledged => "splunk_hec/acknowledged",
            Self::Datadog => "datadog",
        }
    }

    /// The header with the token, and what stands before the token there.
    fn token_header(self) -> (&'static str, &'static str) {
        match self {
            Self::Otlp => ("X-Api-Key", ""),
            Self::SplunkHec | Self::SplunkHecAcknowledged => ("Authorization", "Splunk"),
            Self::Datadog => ("DD-API-KEY", ""),
        }
    }

    fn file(self) -> String {
        format!("{}.jsonl", self.name().replace('/', "-"))
    }
}

/// How it is set up.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The token that all receivers want; any will do where it is left out.
    pub token: Option<String>,
    /// The largest request, decompressed.
    pub max_request_bytes: Option<usize>,
    /// The memory above which it refuses everything.
    pub memory_mib: Option<u32>,
    /// How it proves who it is; without it, it speaks in the clear.
    pub tls: Option<Tls>,
    /// Where it passes on to by OTLP, and waits for the response, in place of files.
    pub backend: Option<String>,
    /// Whether the datadog receiver reads the JSON in messages, as Datadog does.
    pub reads_json_in_messages: bool,
}

/// A server's side of TLS, in PEM.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Its certificate.
    pub certificate: String,
    /// The key of that.
    pub key: String,
    /// Who has to vouch for clients, which are asked for a certificate then.
    pub clients: Option<String>,
}

/// A log record that it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its body.
    pub body: String,
    /// Its time in nanoseconds since 1970; 0 for none.
    pub nanos: u64,
    /// When it was observed, likewise.
    pub observed_nanos: u64,
    /// The severity as text.
    pub severity: String,
    /// Attributes of the resource and of the record.
    pub attributes: Map<String, Value>,
}

/// A running Collector, whose files outlive a restart.
#[derive(Debug)]
pub struct Collector {
    program: PathBuf,
    python: Python,
    settings: Settings,
    /// That of the health check, and those of the receivers.
    ports: (u16, [u16; 4]),
    // It ends before its files are removed.
    server: Option<Server>,
    folder: TempDir,
}

impl Collector {
    /// Starts one.
    ///
    /// # Errors
    /// Why it cannot be built, or what it printed when it does not come up.
    pub fn start(progress: Progress, settings: Settings) -> anyhow::Result<Self> {
        let program = program(progress)?;
        let python = Python::ready(progress)?;
        let folder = workspace::scratch("collector-files")?;
        let mut collector =
            Self { program, python, settings, folder, ports: (0, [0; 4]), server: None };
        collector.write_certificates()?;
        let chosen = RefCell::new((0, [0; 4]));
        let server = collector.launched(
            |port| {
                // Without its file it does not come up, and says so.
                let mut ports = [0; 4];
                for port in &mut ports {
                    *port = free_port().unwrap_or(0);
                }
                chosen.replace((port, ports));
                let _ = collector.write_configuration(port, ports);
            },
            |launch, python| Server::start(python, launch),
        )?;
        collector.ports = chosen.into_inner();
        collector.server = Some(server);
        Ok(collector)
    }

    /// Kills it.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server.take().context("the Collector does not run")?.kill()
    }

    /// Starts it again, with the files it had, on the ports it had.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        for receiver in Receiver::ALL {
            self.drop_half_written(receiver)?;
        }
        let port = self.ports.0;
        let server =
            self.launched(|_| {}, |launch, python| Server::start_again(python, launch, port))?;
        self.server = Some(server);
        Ok(())
    }

    /// The URL of a receiver.
    pub fn endpoint(&self, receiver: Receiver) -> String {
        let scheme = if self.settings.tls.is_some() { "https" } else { "http" };
        let port = Receiver::ALL.iter().zip(self.ports.1).find(|(one, _)| **one == receiver);
        format!("{scheme}://127.0.0.1:{}", port.map_or(0, |(_, port)| port))
    }

    /// The records that came in by a receiver, in their order.
    ///
    /// # Errors
    /// When its file is not as it should be.
    pub fn records(&self, receiver: Receiver) -> anyhow::Result<Vec<Record>> {
        let path = self.folder.path().join(receiver.file());
        if !path.exists() {
            return Ok(Vec::new());
        }
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        let mut records = Vec::new();
        // It may be writing the last.
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in complete.lines().filter(|line| !line.is_empty()) {
            let logs: Value = serde_json::from_str(line)
                .with_context(|| format!("reading a line of {}", path.display()))?;
            for resource_logs in list(&logs["resourceLogs"]) {
                for scope_logs in list(&resource_logs["scopeLogs"]) {
                    for record in list(&scope_logs["logRecords"]) {
                        records.push(Record::read(&resource_logs["resource"], record)?);
                    }
                }
            }
        }
        Ok(records)
    }

    /// How many bytes it has written of what came in by a receiver.
    ///
    /// # Errors
    /// When they cannot be counted.
    pub fn written(&self, receiver: Receiver) -> anyhow::Result<u64> {
        let path = self.folder.path().join(receiver.file());
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error).with_context(|| format!("asking for {}", path.display())),
        }
    }

    /// What it was writing when it was killed.
    fn drop_half_written(&self, receiver: Receiver) -> anyhow::Result<()> {
        let path = self.folder.path().join(receiver.file());
        let Ok(mut bytes) = fs::read(&path) else { return Ok(()) };
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        bytes.truncate(end);
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))
    }

    fn launched(
        &self,
        prepare: impl Fn(u16),
        start: impl FnOnce(&Launch, &Python) -> anyhow::Result<Server>,
    ) -> anyhow::Result<Server> {
        let configuration = self.path("collector.json");
        let launch = Launch {
            name: NAME,
            program: &self.program,
            arguments: &|port| {
                prepare(port);
                vec!["--config".to_owned(), configuration.clone()]
            },
            environment: &|_| Vec::new(),
            ready_path: Some("/"),
        };
        start(&launch, &self.python).context("starting the OpenTelemetry Collector")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write_certificates(&self) -> anyhow::Result<()> {
        let Some(Tls { certificate, key, clients }) = &self.settings.tls else { return Ok(()) };
        let clients = clients.as_deref().unwrap_or_default();
        for (name, pem) in
            [("certificate.pem", certificate.as_str()), ("key.pem", key), ("clients.pem", clients)]
        {
            fs::write(self.path(name), pem).with_context(|| format!("writing {name}"))?;
        }
        Ok(())
    }

    fn write_configuration(&self, health: u16, ports: [u16; 4]) -> anyhow::Result<()> {
        let configuration = self.configuration(health, ports);
        // JSON is YAML too.
        fs::write(self.path("collector.json"), configuration.to_string())
            .context("writing the Collector's configuration")
    }

    fn configuration(&self, health: u16, ports: [u16; 4]) -> Value {
        let Settings { token, memory_mib, backend, .. } = &self.settings;
        let mut configuration = json!({
            "extensions": {"health_check": {"endpoint": format!("127.0.0.1:{health}")}, "ack": {}},
            "receivers": {},
            "processors": {},
            "exporters": {},
            "service": {"pipelines": {}, "telemetry": {"metrics": {"level": "none"}}},
        });
        let mut extensions = vec!["health_check".to_owned(), "ack".to_owned()];
        let mut processors = Vec::new();
        if let Some(memory_mib) = memory_mib {
            configuration["processors"]["memory_limiter"] =
                json!({"check_interval": "20ms", "limit_mib": memory_mib, "spike_limit_mib": 0});
            processors.push("memory_limiter");
        }
        if let Some(backend) = backend {
            configuration["exporters"]["otlp_http"] = json!({
                "endpoint": backend, "compression": "none", "timeout": "30s",
                "sending_queue": {"enabled": false}, "retry_on_failure": {"enabled": false},
            });
        }
        for (receiver, port) in Receiver::ALL.into_iter().zip(ports) {
            let name = receiver.name();
            if let Some(token) = token {
                let (header, scheme) = receiver.token_header();
                let extension = format!("bearertokenauth/{}", name.replace('/', "-"));
                configuration["extensions"][&extension] =
                    json!({"header": header, "scheme": scheme, "token": token});
                extensions.push(extension);
            }
            configuration["receivers"][name] = self.receiver(receiver, port);
            let exporter = match backend {
                Some(_) => "otlp_http".to_owned(),
                None => {
                    let exporter = format!("file/{}", name.replace('/', "-"));
                    // With rotation every write reaches the file at once; it is never rotated.
                    configuration["exporters"][&exporter] = json!({
                        "path": self.path(&receiver.file()),
                        "rotation": {"max_megabytes": 100_000},
                    });
                    exporter
                }
            };
            let pipeline = format!("logs/{}", name.replace('/', "-"));
            configuration["service"]["pipelines"][pipeline] =
                json!({"receivers": [name], "processors": processors, "exporters": [exporter]});
        }
        configuration["service"]["extensions"] = json!(extensions);
        configuration
    }

    fn receiver(&self, receiver: Receiver, port: u16) -> Value {
        let Settings { token, max_request_bytes, tls, reads_json_in_messages, .. } = &self.settings;
        let mut server =
            json!({"endpoint": format!("127.0.0.1:{port}"), "keep_alives_enabled": true});
        if token.is_some() {
            let authenticator = format!("bearertokenauth/{}", receiver.name().replace('/', "-"));
            server["auth"] = json!({"authenticator": authenticator});
        }
        if let Some(bytes) = max_request_bytes {
            server["max_request_body_size"] = json!(bytes);
        }
        if let Some(tls) = tls {
            server["tls"] = json!({
                "cert_file": self.path("certificate.pem"), "key_file": self.path("key.pem"),
            });
            if tls.clients.is_some() {
                server["tls"]["client_ca_file"] = json!(self.path("clients.pem"));
            }
        }
        match receiver {
            Receiver::Otlp => json!({"protocols": {"http": server}}),
            Receiver::SplunkHec => server,
            Receiver::SplunkHecAcknowledged => {
                server["ack"] = json!({"extension": "ack"});
                server
            }
            Receiver::Datadog => {
                server["logs"] = json!({"decode_json_message": reads_json_in_messages});
                server
            }
        }
    }
}

impl Record {
    fn read(resource: &Value, record: &Value) -> anyhow::Result<Self> {
        let mut attributes = Map::new();
        for attribute in list(&resource["attributes"]).iter().chain(list(&record["attributes"])) {
            let name = attribute["key"].as_str().context("an attribute without a name")?;
            attributes.insert(name.to_owned(), any(&attribute["value"]));
        }
        let nanos =
            |name: &str| record[name].as_str().unwrap_or("0").parse().context("reading a time");
        Ok(Self {
            body: any(&record["body"]).as_str().unwrap_or_default().to_owned(),
            nanos: nanos("timeUnixNano")?,
            observed_nanos: nanos("observedTimeUnixNano")?,
            severity: record["severityText"].as_str().unwrap_or_default().to_owned(),
            attributes,
        })
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The value in OTLP's `AnyValue`, whose numbers can be strings.
fn any(value: &Value) -> Value {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "intValue" => match value.as_str().and_then(|digits| digits.parse::<i64>().ok()) {
            Some(number) => json!(number),
            None => value.clone(),
        },
        "arrayValue" => list(&value["values"]).iter().map(any).collect(),
        "kvlistValue" => {
            let pairs = list(&value["values"]).iter();
            let pair = |pair: &Value| Some((pair["key"].as_str()?.to_owned(), any(&pair["value"])));
            Value::Object(pairs.filter_map(pair).collect())
        }
        _ => value.clone(),
    }
}

/// Says what this machine lacks to build it.
///
/// # Errors
/// Likewise.
pub fn needs() -> anyhow::Result<()> {
    let pinned = versions::of(NAME)?;
    Go::needed(&key(&pinned, &builder_file(&pinned)?), &what(&pinned))
}

/// The program, built where it is missing.
fn program(progress: Progress) -> anyhow::Result<PathBuf> {
    let pinned = versions::of(NAME)?;
    let parts = builder_file(&pinned)?;
    let key = key(&pinned, &parts);
    let folder = cache::built(&key, |folder| build(progress, &pinned, &parts, folder))?;
    Ok(folder.join("otelcol"))
}

/// One of other parts is another program.
fn key(pinned: &Pinned, parts: &Value) -> String {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    format!("{NAME}-{}-{:016x}", pinned.version, hasher.finish())
}

fn what(pinned: &Pinned) -> String {
    format!("the OpenTelemetry Collector {}", pinned.version)
}

fn build(progress: Progress, pinned: &Pinned, parts: &Value, folder: &Path) -> anyhow::Result<()> {
    let version = &pinned.version;
    let what = what(pinned);
    let go = Go::to_build(&what)?;
    progress(&format!("building {what} (once, some 6 minutes): its builder"));
    go.install(&format!("go.opentelemetry.io/collector/cmd/builder@v{version}"), folder)?;
    progress("  its modules");
    let file = folder.join("builder.yaml");
    fs::write(&file, parts.to_string()).context("writing the builder's file")?;
    let mut builder = Command::new(folder.join("builder"));
    builder
        .args(["--skip-compilation", "--skip-strict-versioning", "--config"])
        .arg(&file)
        .current_dir(folder);
    go.run_generator(&mut builder)?;
    progress("  the program");
    let module = folder.join("module");
    let program = folder.join("otelcol").display().to_string();
    go.in_module(
        &module,
        ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", &program, "."],
    )
}

const CONTRIB: &str = "github.com/open-telemetry/opentelemetry-collector-contrib";
const CORE: &str = "go.opentelemetry.io/collector";

fn part<'a>(pinned: &'a Pinned, name: &str) -> anyhow::Result<&'a str> {
    let version = pinned.parts.get(name).map(String::as_str);
    version.with_context(|| format!("tests/third-party.toml has no {name} in [{NAME}]"))
}

/// Its components, in the builder's configuration.
fn builder_file(pinned: &Pinned) -> anyhow::Result<Value> {
    let version = &pinned.version;
    let splunk_hec = part(pinned, "splunk_hec")?;
    let replaced = |module: &str, part: &str| -> anyhow::Result<String> {
        Ok(format!("{module} => {module} v{}", self::part(pinned, part)?))
    };
    let of = |from: &str, part: &str, version: &str| json!({"gomod": format!("{from}/{part} v{version}")});
    Ok(json!({
        "dist": {"name": "otelcol", "output_path": "./module", "module": "logagg.test/otelcol"},
        "receivers": [
            of(CORE, "receiver/otlpreceiver", version),
            of(CONTRIB, "receiver/splunkhecreceiver", splunk_hec),
            of(CONTRIB, "receiver/datadogreceiver", version),
        ],
        "processors": [of(CORE, "processor/memorylimiterprocessor", version)],
        "exporters": [
            of(CONTRIB, "exporter/fileexporter", version),
            of(CORE, "exporter/otlphttpexporter", version),
        ],
        "extensions": [
            of(CONTRIB, "extension/ackextension", splunk_hec),
            of(CONTRIB, "extension/bearertokenauthextension", version),
            of(CONTRIB, "extension/healthcheckextension", version),
        ],
        "replaces": [
            replaced(&format!("{CONTRIB}/internal/datadog"), "datadog")?,
            replaced("github.com/DataDog/datadog-agent/pkg/util/hostname/validate", "datadog_agent")?,
        ],
    }))
}
