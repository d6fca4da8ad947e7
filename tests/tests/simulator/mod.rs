//! The simulator itself: it answers as ministack does where ministack answers, and as AWS's
//! documentation says where it does not.

mod alike;
mod cloudtrail;
mod destinations;
mod faults;
mod filters;
mod identity;
mod lambda;
mod listing;
mod quotas;
mod scenarios;
mod strict;

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::api::{Api, Refusal};
use logagg_e2e::simulator::{Builder, Region, Simulator};
use serde_json::Value;

use crate::scene::SIMULATED_ACCOUNT as ACCOUNT;

/// A simulator, and an account in it.
struct Simulated {
    aws: Simulator,
    /// The account's hand.
    here: Region,
    /// The account's caller.
    api: Api,
    account: Account,
}

impl Simulated {
    fn new() -> Self {
        Self::with(Simulator::builder())
    }

    fn with(builder: Builder) -> Self {
        let aws = builder.start().unwrap();
        let account = Account::at(&aws.endpoint(), ACCOUNT);
        let here = aws.region(account.id(), REGION);
        let api = account.api();
        Self { aws, here, api, account }
    }

    /// Calls CloudWatch Logs.
    #[track_caller]
    fn logs(&self, operation: &str, input: Value) -> Result<Value, Refusal> {
        logs(&self.api, operation, input)
    }
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "so that a test writes json!() and no &")]
fn logs(api: &Api, operation: &str, input: Value) -> Result<Value, Refusal> {
    api.json("logs", &format!("Logs_20140328.{operation}"), &input).unwrap()
}

/// AWS says no in these words.
#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Refusal>, expected: &str) {
    assert_eq!(outcome.unwrap_err().to_string(), expected);
}

/// The values of a field in a list of a response.
#[track_caller]
fn each<'a>(answer: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    let list = answer[list].as_array().unwrap();
    list.iter().map(|item| item[field].as_str().unwrap()).collect()
}
