//! Lambda: the shipper as a real function in the AWS of the tests.

use std::path::Path;

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use logagg_release::archive;
use serde_json::{Value, json};

use crate::api::Api;
use crate::aws::{Caller, Refusal};
use crate::{wait, workspace};

/// The functions of one account in one region.
#[derive(Debug, Clone)]
pub struct Lambda {
    caller: Caller,
    account: String,
}

/// A function to be created.
#[derive(Debug, Clone, Copy)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// The program that becomes its `bootstrap`.
    pub program: &'a Path,
    /// Its environment variables.
    pub environment: &'a [(&'a str, String)],
    /// How long one invocation may take.
    pub timeout_seconds: u32,
}

impl Lambda {
    /// Speaks to `endpoint` for an account, with its access key.
    pub fn new(endpoint: &str, access_key: &str, account: &str, region: &str) -> Self {
        Self { caller: Caller::new(endpoint, access_key, region), account: account.to_owned() }
    }

    /// Creates a function on `provided.al2023`, lets CloudWatch Logs invoke it, and waits until
    /// it is active. The answer is its ARN.
    ///
    /// # Errors
    /// When AWS refuses, or the function never becomes active.
    pub fn create(&self, function: &Function) -> anyhow::Result<String> {
        let zip = archive::of_program(function.program, "bootstrap")?;
        let variables: serde_json::Map<_, _> = function
            .environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
            .collect();
        let account = &self.account;
        self.create_role("shipper")?;
        let created = self.answer(
            "POST",
            "/2015-03-31/functions",
            &json!({
                "FunctionName": function.name,
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "Role": format!("arn:aws:iam::{account}:role/shipper"),
                "Timeout": function.timeout_seconds,
                "MemorySize": 128,
                "Environment": {"Variables": variables},
                "Code": {"ZipFile": BASE64_STANDARD.encode(zip)},
            }),
        )?;
        let arn = created["FunctionArn"]
            .as_str()
            .with_context(|| format!("no FunctionArn in {created}"))?
            .to_owned();
        let path = format!("/2015-03-31/functions/{}", function.name);
        self.answer(
            "POST",
            &format!("{path}/policy"),
            &json!({
                "StatementId": "cloudwatch-logs",
                "Action": "lambda:InvokeFunction",
                "Principal": "logs.amazonaws.com",
                "SourceAccount": account,
            }),
        )?;
        wait::until(&format!("function {} to be active", function.name), || {
            let answer = self.answer("GET", &path, &Value::Null).map_err(|e| format!("{e:#}"))?;
            match &answer["Configuration"]["State"] {
                state if state == "Active" => Ok(()),
                state => Err(format!("its state is {state}")),
            }
        })?;
        Ok(arn)
    }

    /// Invokes a function and waits for its response: an error inside is the function's own.
    ///
    /// # Errors
    /// When AWS refuses.
    pub fn invoke(&self, name: &str, event: &Value) -> anyhow::Result<Value> {
        self.answer("POST", &format!("/2015-03-31/functions/{name}/invocations"), event)
    }

    /// Has a function invoked with each message of a queue.
    ///
    /// # Errors
    /// When AWS refuses.
    pub fn consume(&self, name: &str, queue_arn: &str) -> anyhow::Result<()> {
        let mapping = json!({
            "FunctionName": name, "EventSourceArn": queue_arn, "BatchSize": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        });
        self.answer("POST", "/2015-03-31/event-source-mappings/", &mapping).map(drop)
    }

    /// Creates a function that does nothing, and has a tag.
    ///
    /// # Errors
    /// When AWS refuses.
    pub fn create_tagged(&self, name: &str, key: &str, value: &str) -> anyhow::Result<()> {
        let program = workspace::kept("functions")?.join("nothing");
        std::fs::write(&program, "#!/bin/sh\n").context("writing a program that does nothing")?;
        let function = Function { name, program: &program, environment: &[], timeout_seconds: 1 };
        let arn = self.create(&function)?;
        let path = format!("/2017-03-31/tags/{arn}");
        self.answer("POST", &path, &json!({"Tags": {key: value}})).map(drop)
    }

    /// Gives a function another value of one environment variable.
    ///
    /// # Errors
    /// When AWS refuses.
    pub fn configure(&self, name: &str, variable: &str, value: &str) -> anyhow::Result<()> {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        let current = self.answer("GET", &path, &Value::Null)?;
        let mut variables = current["Environment"]["Variables"].clone();
        variables[variable] = Value::from(value);
        let input = json!({"Environment": {"Variables": variables}});
        self.answer("PUT", &path, &input).map(drop)
    }

    /// Creates the role of a function, where there is none yet.
    fn create_role(&self, name: &str) -> anyhow::Result<()> {
        let Caller { endpoint, access_key, region } = &self.caller;
        let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D";
        let form = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName={name}&AssumeRolePolicyDocument={trust}"
        );
        let (status, xml) = Api::new(endpoint, access_key, region).query("iam", &form)?;
        match status {
            200 => Ok(()),
            409 if xml.contains("EntityAlreadyExists") => Ok(()),
            _ => Err(anyhow!("CreateRole {name}: {status} {xml}")),
        }
    }

    fn answer(&self, method: &str, path: &str, input: &Value) -> anyhow::Result<Value> {
        let headers = [("content-type", "application/json".to_owned())];
        let body = match input {
            Value::Null => String::new(),
            input => input.to_string(),
        };
        self.caller.send("lambda", method, path, &headers, body)?.map_err(
            |Refusal { status, code, message }| {
                anyhow!("{method} {path}: {status} {code}: {message}")
            },
        )
    }
}
