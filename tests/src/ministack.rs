//! The AWS of the tests: ministack on a free port of this machine.

use anyhow::Context;

use crate::progress::{self, Progress};
use crate::python::Python;
use crate::server::{Launch, Server};
use crate::shared::Shared;

/// A running ministack. Each 12-digit access key is an account of its own in it.
#[derive(Debug)]
pub struct Ministack {
    server: Server,
}

impl Ministack {
    /// Starts one and waits until it takes requests.
    ///
    /// # Errors
    /// What it printed, when it does not come up.
    pub fn start(progress: Progress) -> anyhow::Result<Self> {
        Self::launch(progress, false)
    }

    /// One that evaluates policies of IAM: a function has what its role allows, and a service what
    /// the policy of a queue allows. An account's number is the access key of its root still, which
    /// may do everything and is not asked for a signature.
    ///
    /// # Errors
    /// What it printed, when it does not come up.
    pub fn with_iam(progress: Progress) -> anyhow::Result<Self> {
        Self::launch(progress, true)
    }

    fn launch(progress: Progress, evaluates_iam: bool) -> anyhow::Result<Self> {
        let python = Python::ready(progress)?;
        let server = Server::start(
            &python,
            &Launch {
                name: "ministack",
                program: &python.program("ministack"),
                arguments: &|_| Vec::new(),
                environment: &|port| {
                    vec![
                        ("GATEWAY_PORT", port.to_string()),
                        ("BIND_HOST", "127.0.0.1".to_owned()),
                        (
                            "SERVICES",
                            "logs,lambda,sts,iam,s3,sqs,ssm,kinesis,monitoring,tagging".to_owned(),
                        ),
                        ("AUTH", evaluates_iam.to_string()),
                        ("IOT_MTLS_ENABLED", "0".to_owned()),
                        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
                    ]
                },
                ready_path: Some("/_ministack/ready"),
            },
        )
        .context("starting ministack, the AWS of the tests")?;
        Ok(Self { server })
    }

    /// The one that all tests of this process share; each has an account of its own in it.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub fn shared() -> &'static Self {
        static SHARED: Shared<Ministack> = Shared::new();
        SHARED.get(|| Self::start(&progress::to_stderr))
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// The end of its log, for the message of a failing test.
    pub fn last_lines(&self) -> String {
        self.server.last_lines()
    }

    /// Lets it outlive this process; returns the process that ends it at SIGTERM.
    ///
    /// # Errors
    /// When its guard is gone.
    pub fn keep(self) -> anyhow::Result<u32> {
        self.server.keep()
    }
}
