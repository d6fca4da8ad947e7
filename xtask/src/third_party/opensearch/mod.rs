//! OpenSearch, by `elasticsearch`: what it has of every shape of event, what becomes of events when an
//! index or a limit is in the way, and when the server is killed.

mod accident;
mod contents;
mod limits;
mod restarts;

use logagg_e2e::third_party::opensearch::OpenSearch;

pub(super) use logagg_e2e::third_party::opensearch::needs;

use super::checks::KnownFault;
use super::{Checks, Shipper, progress};

pub(super) const KNOWN_FAULTS_OF_2: &[KnownFault] = &known_faults("opensearch-2");
pub(super) const KNOWN_FAULTS_OF_3: &[KnownFault] = &known_faults("opensearch-3");

/// What is wrong with both versions.
const fn known_faults(suite: &'static str) -> [KnownFault; 9] {
    [
        KnownFault::new(suite, "date_like_log_stream: all are returned to Lambda", "18"),
        KnownFault::new(suite, "shard_limit: all are returned to Lambda", "18"),
        KnownFault::new(suite, "closed_index: all are returned to Lambda", "18"),
        KnownFault::new(suite, "alias_without_write_index: all are returned to Lambda", "18"),
        KnownFault::new(suite, "field_limit: all are returned to Lambda", "18"),
        KnownFault::new(suite, "strict_mapping: all are returned to Lambda", "18"),
        KnownFault::new(suite, "missing_default_pipeline: all are returned to Lambda", "18"),
        KnownFault::new(suite, "own_field_is_text: all are returned to Lambda", "18"),
        KnownFault::new(suite, "request_over_memory_limit: all are there", "19"),
    ]
}

pub(super) fn run(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let mut server = OpenSearch::start(&progress, checks.suite(), &[])?;
    contents::check(shipper, &server, checks);
    accident::check_all(shipper, &server, checks, &accident::OF_INDICES);
    limits::check_red_shard(shipper, &server, checks);
    server.reset()?;
    restarts::check(shipper, &mut server, checks);
    drop(server);
    limits::check(shipper, checks)
}
