//! The simulator: an AWS of our own, over HTTP on 127.0.0.1, for what no emulator plays.
//!
//! It answers the calls to CloudWatch Logs, Lambda, Kinesis, Firehose, EventBridge Pipes, STS,
//! CloudTrail and CloudWatch that the provider and the report make, and is strict about them: what AWS would refuse is refused in AWS's words,
//! and what is not simulated is refused too. Quotas are token buckets on a clock that can run
//! fast; faults follow exact rules or the seed, and the same seed gives the same faults whichever
//! of two calls comes first. One simulator serves all accounts and regions, each with its own
//! state. A test sets it up, changes it and reads it directly, through [`Region`] and [`Account`].
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use logagg_e2e::simulator::{Quotas, Refusal, Simulator};
//! use serde_json::json;
//!
//! let aws = Simulator::builder().seed(7).quotas(Quotas::aws()).speed(100.0).start()?;
//! let region = aws.region("111122223333", "eu-central-1");
//! region.add_groups_named(["/app/a", "/app/b"]);
//! let shipper = region.add_shipper("shipper");
//! aws.on("PutSubscriptionFilter").resource("/app/a").times(1).fail(Refusal::operation_aborted());
//! // A provider works at aws.endpoint() now, and somebody else too:
//! region.call("DeleteLogGroup", json!({"logGroupName": "/app/b"}))?;
//! assert_eq!(aws.counts().of("PutSubscriptionFilter"), 0);
//! # Ok(())
//! # }
//! ```

mod account;
mod region;
mod settings;

mod calls;
mod fault;
mod place;
mod quota;
mod refusal;
mod service;

mod iam;
mod sts;

mod logs;

mod cloudtrail;
mod firehose;
mod kinesis;
mod lambda;
mod metrics;
mod pipes;

mod cbor;
mod chance;
mod clock;
mod glob;
mod input;
mod request;
mod server;
mod shared;
mod token;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use tokio::net::TcpListener;

pub use account::Account;
pub use calls::{Call, Counts, Write};
pub use fault::{Gate, Storm, When};
pub use firehose::{DeliversTo, DeliveryStream};
pub use iam::Role;
pub use lambda::Function;
pub use logs::{AccountPolicy, Class, Destination, Filter, Group, RetentionPolicy};
pub use pipes::Pipe;
pub use place::Place;
pub use quota::Quotas;
pub use refusal::Refusal;
pub use region::Region;
pub use service::Service;
pub use settings::{Essentials, InfrequentAccess};

use clock::Clock;
use settings::Settings;
use shared::Shared;
use world::World;

use crate::runtime;
use crate::wait::PATIENCE;

/// A running simulator. It ends when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

impl Simulator {
    /// One without quotas, delays and faults, on a clock that runs as clocks do.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> anyhow::Result<Self> {
        Self::builder().start()
    }

    /// Begins one with rules of its own.
    pub fn builder() -> Builder {
        Builder { settings: Settings::default() }
    }

    /// Its URL, for every service.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The simulated time.
    pub fn now(&self) -> SystemTime {
        self.shared.clock.now()
    }

    /// Lets time jump.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Changes how many simulated seconds pass in a real one; 0 stops the clock.
    pub fn set_speed(&self, speed: f64) {
        self.shared.clock.set_speed(speed);
    }

    /// Changes the quotas.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.shared.world().settings.quotas = quotas;
    }

    /// Changes how many subscription filters a log group takes.
    pub fn set_filters_per_group(&self, limit: usize) {
        self.shared.world().settings.filters_per_group = limit;
    }

    /// A region of an account.
    pub fn region(&self, account: &str, region: &str) -> Region {
        Region::new(Arc::clone(&self.shared), Place::new(account, region))
    }

    /// The identities of an account.
    pub fn account(&self, id: &str) -> Account {
        Account::new(Arc::clone(&self.shared), id)
    }

    /// Begins a fault for an operation, or for all with `*`.
    ///
    /// # Panics
    /// When there is no such operation.
    pub fn on(&self, operation: &str) -> When<'_> {
        When::new(&self.shared, operation)
    }

    /// Lets chance strike all calls that no rule is about.
    pub fn storm(&self, storm: Storm) {
        self.shared.world().faults.storm = Some(storm);
    }

    /// Ends the storm and forgets all rules.
    pub fn heal(&self) {
        self.shared.world().faults.heal();
    }

    /// The calls so far.
    pub fn counts(&self) -> Counts {
        self.shared.world().counts.clone()
    }

    /// Forgets the calls and the writes so far.
    pub fn forget_calls(&self) {
        let mut world = self.shared.world();
        world.counts = Counts::default();
        world.writes.clear();
    }

    /// The writes so far, in order.
    pub fn writes(&self) -> Vec<Write> {
        self.shared.world().writes.clone()
    }

    /// Waits until an operation was called so often.
    ///
    /// # Errors
    /// When that does not happen.
    pub fn wait_for(&self, operation: &str, calls: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut world = self.shared.world();
        loop {
            let seen = world.counts.of(operation);
            if seen >= calls {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("{operation} was called {seen} times, {calls} were expected");
            }
            (world, _) = self
                .shared
                .arrived
                .wait_timeout(world, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The rules of a simulator that is to be started.
#[derive(Debug, Clone)]
#[must_use = "it is not started yet"]
pub struct Builder {
    settings: Settings,
}

impl Builder {
    /// What chance goes by; 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// How many simulated seconds pass in a real one; 0 for a clock that only [`Simulator::advance`]
    /// moves.
    pub fn speed(mut self, speed: f64) -> Self {
        self.settings.speed = speed;
        self
    }

    /// The simulated time at the start; without this, what the machine's clock says.
    pub fn starting_at(mut self, time: SystemTime) -> Self {
        self.settings.start = Some(time);
        self
    }

    /// The request quotas; without this there are none.
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.settings.quotas = quotas;
        self
    }

    /// How many subscription filters a log group takes; 2 unless said.
    pub fn filters_per_group(mut self, limit: usize) -> Self {
        self.settings.filters_per_group = limit;
        self
    }

    /// How long a fresh statement of a function's policy, or a fresh role, takes to be known, in
    /// simulated time.
    pub fn propagation(mut self, time: Duration) -> Self {
        self.settings.propagation = time;
        self
    }

    /// The minimum and maximum delay of CloudTrail events, in simulated time; it is random, so
    /// events arrive out of order.
    pub fn event_delay(mut self, shortest: Duration, longest: Duration) -> Self {
        self.settings.event_delay = (shortest, longest);
        self
    }

    /// How long a call takes, at least and at most, in simulated time. A second write to a log
    /// group meanwhile is aborted.
    pub fn latency(mut self, shortest: Duration, longest: Duration) -> Self {
        self.settings.latency = (shortest, longest);
        self
    }

    /// How many data points GetMetricData answers with at once where the caller does not say.
    pub fn data_points_per_page(mut self, count: usize) -> Self {
        self.settings.data_points_per_page = count;
        self
    }

    /// What DescribeSubscriptionFilters does for a group of class `INFREQUENT_ACCESS`.
    pub fn infrequent_access(mut self, behavior: InfrequentAccess) -> Self {
        self.settings.infrequent_access = behavior;
        self
    }

    /// What the calls about subscription filters do for a group of class `ESSENTIALS`.
    pub fn essentials(mut self, behavior: Essentials) -> Self {
        self.settings.essentials = behavior;
        self
    }

    /// Starts it on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(self) -> anyhow::Result<Simulator> {
        let listener = runtime::block_on(TcpListener::bind(("127.0.0.1", 0)))
            .context("opening a port for the simulator")?;
        let address = listener.local_addr().context("reading the simulator's port")?;
        let start = self.settings.start.unwrap_or_else(SystemTime::now);
        let clock = Clock::new(start, self.settings.speed);
        let shared = Arc::new(Shared::new(clock, World::new(self.settings)));
        let server = runtime::spawn(server::serve(listener, Arc::clone(&shared)));
        Ok(Simulator { address, shared, server })
    }
}
