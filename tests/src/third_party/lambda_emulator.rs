//! AWS's own emulator of Lambda's runtime interface, as it is in its images: it runs a `bootstrap` and
//! invokes it, one event at a time.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::progress::Progress;
use crate::python::Python;
use crate::runtime;
use crate::server::{Launch, Server, free_port};

/// A running emulator with a function in it.
#[derive(Debug)]
pub struct LambdaEmulator {
    server: Server,
}

impl LambdaEmulator {
    /// Starts one for a program with these variables.
    ///
    /// # Errors
    /// What it printed, when it does not come up.
    pub fn start(
        progress: Progress,
        program: &Path,
        variables: &[(&'static str, String)],
    ) -> anyhow::Result<Self> {
        let python = Python::of_third_party(progress)?;
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "x86_64",
            "aarch64" => "arm64",
            other => bail!("AWS has no emulator for {other}"),
        };
        let emulator =
            python.package("samcli")?.join(format!("local/rapid/aws-lambda-rie-{architecture}"));
        let runtime_api = format!("127.0.0.1:{}", free_port()?);
        let server = Server::start(
            &python,
            &Launch {
                name: "aws-lambda-rie",
                program: &emulator,
                arguments: &|port| {
                    let address = format!("127.0.0.1:{port}");
                    let flags =
                        ["--runtime-interface-emulator-address", &address, "--runtime-api-address"];
                    let program = program.display().to_string();
                    let flags = flags.iter().map(|flag| (*flag).to_owned());
                    flags.chain([runtime_api.clone(), program]).collect()
                },
                environment: &|_| variables.to_vec(),
                ready_path: None,
            },
        )
        .context("starting aws-lambda-rie, AWS's emulator of Lambda's runtime interface")?;
        Ok(Self { server })
    }

    /// Invokes the function and waits for its response: an error inside is the function's own.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn invoke(&self, event: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/2015-03-31/functions/function/invocations", self.server.endpoint());
        let request = runtime::CLIENT.post(&url).body(event.to_string());
        runtime::block_on(async {
            let answer = request.send().await.with_context(|| format!("calling {url}"))?;
            let body = answer.bytes().await.with_context(|| format!("reading from {url}"))?;
            serde_json::from_slice(&body)
                .with_context(|| format!("{url} answered {}", String::from_utf8_lossy(&body)))
        })
    }

    /// Everything it has printed, the function's own lines too.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn printed(&self) -> anyhow::Result<String> {
        self.server.printed()
    }
}
