//! The page of third-party servers: made of the pinned versions and of the recorded cases.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use logagg_e2e::third_party::versions;

use crate::third_party::Recorded;

pub(super) const PATH: &str = "destinations/tested-with.md";

const HEAD: &str = "\
# Third-party servers

<!-- Rendered by `cargo xtask docs` from tests/third-party.toml and the recorded exchanges. -->

`cargo xtask third-party` builds these servers from package registries, ships to them with the release build
of the shipper, and reads back what they have: log events of every shape and thousands of ordinary ones,
compared one by one. The recorded cases are exchanges with the server of this version; the mock servers of
the tests are held to them.

| server | version | destination | recorded cases |
|---|---|---|---|
";

pub(super) fn render() -> anyhow::Result<String> {
    let recorded = Recorded::all()?;
    let mut page = HEAD.to_owned();
    for (section, server) in versions::all()? {
        let mut cases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for destination in &server.destinations {
            cases.entry(destination).or_default();
        }
        for (case, recorded) in recorded.iter().filter(|(_, case)| case.server == section) {
            cases
                .get_mut(recorded.destination.as_str())
                .with_context(|| {
                    format!("{case} is of {}, which {section} does not name", recorded.destination)
                })?
                .push(case);
        }
        for (destination, cases) in cases {
            let prefix = format!("{destination}_");
            let name = |case: &&str| case.strip_prefix(&prefix).unwrap_or(case).replace('_', " ");
            let cases: Vec<_> = cases.iter().map(name).collect();
            let cases = if cases.is_empty() { "none".to_owned() } else { cases.join(", ") };
            // Writing to a string does not fail.
            let _ = writeln!(
                page,
                "| {} | {} | [{destination}]({destination}.md) | {cases} |",
                server.name, server.version
            );
        }
    }
    page.push_str(
        "\nrotel, nginx and AWS's emulator of Lambda's runtime interface are tested with too; OpenTofu runs\n\
         the provider. [Testing](../testing.md#third-party-servers) has the details.\n",
    );
    Ok(page)
}
