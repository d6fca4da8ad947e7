//! OpenSearch, by `elasticsearch`: what it has of every shape of event, what becomes of events when an
//! index or a limit is in the way, and when the server is killed.

mod accident;
mod backfill;
mod contents;
mod limits;
mod restarts;

use logagg_e2e::third_party::opensearch::OpenSearch;

pub(super) use logagg_e2e::third_party::opensearch::needs;

use super::{Checks, Shipper, progress};

pub(super) fn run(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let mut server = OpenSearch::start(&progress, checks.suite(), &[])?;
    contents::check(shipper, &server, checks);
    contents::check_template(shipper, &server, checks);
    backfill::check(shipper, &server, checks);
    server.reset()?;
    accident::check_all(shipper, &server, checks, &accident::OF_INDICES);
    limits::check_red_shard(shipper, &server, checks);
    server.reset()?;
    restarts::check(shipper, &mut server, checks);
    drop(server);
    limits::check(shipper, checks)
}
