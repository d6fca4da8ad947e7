use std::time::{Duration, SystemTime};

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::simulator::{Class, Filter, Group, Region, Simulator};
use serde_json::{Value, json};

/// When the report is made.
pub(super) const NOW: &str = "2026-11-25T13:00:00Z";
/// The same in seconds since 1970.
const NOW_SECONDS: u64 = 1_795_611_600;

const ID: &str = "111122223333";
const DAY: u64 = 24 * 60 * 60;
const SHIP: &str = "ship-lambda-logs";

/// What functions are called.
const FUNCTIONS: [&str; 24] = [
    "auth-login",
    "auth-token",
    "billing-export",
    "billing-invoice",
    "cart-api",
    "catalog-api",
    "catalog-index",
    "checkout-api",
    "checkout-capture",
    "email-bounce",
    "email-send",
    "fraud-score",
    "image-resize",
    "inventory-sync",
    "orders-api",
    "orders-events",
    "payments-webhook",
    "pricing-batch",
    "recommend-train",
    "refunds-api",
    "reports-nightly",
    "search-suggest",
    "shipping-label",
    "users-api",
];

/// A simulated account with log groups in every state, the same each time.
pub(super) struct MadeUp {
    simulator: Simulator,
}

impl MadeUp {
    pub(super) fn start() -> anyhow::Result<Self> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_SECONDS);
        let simulator = Simulator::builder().starting_at(now).speed(0.0).start()?;
        let here = simulator.region(ID, REGION);
        for function in ["shipper", "security-audit"] {
            here.add_shipper(function);
        }
        fill(&here);
        Ok(Self { simulator })
    }

    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let endpoint = self.simulator.endpoint();
        Account::at(&endpoint, ID).environment(&endpoint)
    }

    /// The policies that are at work there.
    pub(super) fn documents(&self) -> Value {
        let policy = |name: &str, rest: Value| {
            let mut policy = json!({
                "version": 1, "name": name, "region": REGION, "account_id": ID,
            });
            if let (Some(policy), Value::Object(rest)) = (policy.as_object_mut(), rest) {
                policy.extend(rest);
            }
            policy
        };
        json!([
            policy(
                SHIP,
                json!({
                    "destination_arn": function("shipper"), "retention_in_days": 30,
                    "select": [{"name_prefixes": ["/aws/lambda/"]}],
                    "exclude": [{"name_regex": "-canary$"}],
                })
            ),
            policy(
                "retention",
                json!({
                    "retention_in_days": 90, "retention_mode": "at_most",
                    "select": [{"name_prefixes": ["/ecs/", "/aws/apigateway/"]}],
                })
            ),
            policy(
                "orders-for-a-year",
                json!({
                    "retention_in_days": 365, "retention_mode": "at_least",
                    "select": [{"names": ["/aws/lambda/orders-api", "/aws/lambda/orders-events"]}],
                })
            ),
        ])
    }
}

fn function(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ID}:function:{name}")
}

/// A log group of some age and size, by chance that is always the same.
fn group(chance: &mut fastrand::Rng, name: String) -> Group {
    let mut group = Group::named(name);
    let age = DAY * chance.u64(20..1_500);
    group.created = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_SECONDS - age));
    // From some megabytes to some hundred gigabytes.
    group.stored_bytes = (1e6 * 10f64.powf(chance.f64() * 5.3)) as u64;
    // The volume of each of the last days.
    let daily = group.stored_bytes * DAY / age.max(30 * DAY);
    for days in 1..=30 {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_SECONDS - days * DAY);
        group.ingested.push((at, daily));
    }
    group
}

fn fill(here: &Region) {
    let mut chance = fastrand::Rng::with_seed(20_261_125);
    for name in FUNCTIONS {
        let mut group = group(&mut chance, format!("/aws/lambda/{name}"));
        group.filters.insert(SHIP.to_owned(), Filter::named(SHIP, &function("shipper")));
        group.retention_in_days = Some(30);
        match name {
            "billing-export" | "refunds-api" => {
                group.filters.clear();
                group.retention_in_days = None;
            }
            "checkout-api" => {
                let mut filter = Filter::named(SHIP, &function("shipper"));
                "?ERROR ?WARN".clone_into(&mut filter.filter_pattern);
                group.filters.insert(SHIP.to_owned(), filter);
            }
            "fraud-score" => {
                let foreign = Filter::named(SHIP, &function("security-audit"));
                group.filters.insert(SHIP.to_owned(), foreign);
            }
            "image-resize" | "recommend-train" | "reports-nightly" => {
                group.retention_in_days = None;
            }
            "search-suggest" => group.retention_in_days = Some(365),
            _ => {}
        }
        here.add_groups([group]);
    }
    for name in ["/aws/lambda/shipper", "/aws/lambda/checkout-canary", "/ecs/web", "/ecs/worker"] {
        here.add_groups([group(&mut chance, name.to_owned())]);
    }
    for stage in ["prod", "staging"] {
        let name =
            format!("/aws/apigateway/{stage}-requests-with-a-name-that-is-long-as-names-are");
        here.add_groups([group(&mut chance, name)]);
    }
    here.add_groups([
        group(&mut chance, "/aws/lambda/archive".to_owned()).class(Class::InfrequentAccess)
    ]);
    for number in 0..30 {
        let name = format!("/aws/codebuild/project-{number:02}");
        here.add_groups([group(&mut chance, name)]);
    }
}
