use crate::kept::Kept;

const STREAM: &str = "by-hand";

/// Writes a line into a log group of the kept demo, which is created when it does not exist.
pub(crate) fn run(group: &str, line: &str) -> anyhow::Result<()> {
    let logs = Kept::expect()?.logs();
    if !logs.groups()?.iter().any(|name| name == group) {
        logs.create_group(group)?;
        println!("Created {group}: `terraform plan` shows it as missing its subscription.");
    }
    if !logs.streams(group)?.iter().any(|name| name == STREAM) {
        logs.create_stream(group, STREAM)?;
    }
    logs.put_events(group, STREAM, &[line.to_owned()])?;
    println!("Written to {group}.");
    Ok(())
}
