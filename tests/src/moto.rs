//! Another AWS on a free port of this machine: moto, which limits a log group's filters and looks
//! for their destinations, as ministack does not.

use anyhow::Context;

use crate::account::Account;
use crate::api::Api;
use crate::aws::REGION;
use crate::progress::{self, Progress};
use crate::python::Python;
use crate::server::{Launch, Server};
use crate::shared::Shared;

/// A running moto.
#[derive(Debug)]
pub struct Moto {
    server: Server,
}

impl Moto {
    /// Starts one and waits until it takes requests.
    ///
    /// # Errors
    /// What it printed, when it does not come up.
    pub fn start(progress: Progress) -> anyhow::Result<Self> {
        let python = Python::ready(progress)?;
        let server = Server::start(
            &python,
            &Launch {
                name: "moto",
                program: &python.program("moto_server"),
                arguments: &|port| {
                    ["-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned).to_vec()
                },
                environment: &|_| vec![("PYTHONDONTWRITEBYTECODE", "1".to_owned())],
                ready_path: Some("/moto-api/data.json"),
            },
        )
        .context("starting moto, another AWS of the tests")?;
        Ok(Self { server })
    }

    /// The one that all tests of this process share; each has an account of its own in it.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub fn shared() -> &'static Self {
        static SHARED: Shared<Moto> = Shared::new();
        SHARED.get(|| Self::start(&progress::to_stderr))
    }

    /// Its URL.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// The account of this number: a role in it is assumed, whose keys speak for it.
    ///
    /// # Errors
    /// When moto gives no keys.
    pub fn account(&self, id: &str) -> anyhow::Result<Account> {
        let api = Api::new(self.endpoint(), "AKIAIOSFODNN7EXAMPLE", REGION);
        let form = format!(
            "Action=AssumeRole&Version=2011-06-15&RoleSessionName=test&RoleArn=arn:aws:iam::{id}:role/test"
        );
        let (_, xml) = api.sts(&form)?;
        let key = xml.split_once("<AccessKeyId>").and_then(|(_, rest)| rest.split_once('<'));
        let (key, _) = key.with_context(|| format!("no access key in {xml}"))?;
        Ok(Account::at(self.endpoint(), id).with_access_key(key))
    }
}
