use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::Destination;

/// The log groups that a destination's own work writes to, each with why. Subscribing one of them
/// would forward the destination's own events to itself, which makes it log again (log recursion).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoopGuard {
    groups: BTreeMap<String, String>,
    /// The account of the log groups, by which copies of them are recognized.
    account_id: Option<String>,
}

/// The reason for a log group that the destination itself writes to.
const BY_DESTINATION: &str = "the destination itself writes to this log group";

impl LoopGuard {
    /// What the destination's name alone shows. The name of a Kinesis stream or a CloudWatch Logs
    /// destination does not show its readers.
    #[must_use]
    pub fn by_name(destination: &Destination) -> Self {
        let mut guard = Self::default();
        if let Some(group) = destination.usual_log_group() {
            guard.written_by(&group, &[destination.to_string()]);
        }
        guard
    }

    /// The same for log groups of this account.
    #[must_use]
    pub fn in_account(self, account_id: &str) -> Self {
        Self { account_id: Some(account_id.to_owned()), ..self }
    }

    /// Notes that a log group is written to by the last on this way, and that what is shipped
    /// comes there by way of the others, the destination first. The first way noted stays.
    pub fn written_by(&mut self, log_group: &str, way: &[String]) {
        let why = match way {
            [.., writer] if way.len() > 1 => format!(
                "{writer} writes to this log group, and forwarded events reach it: {}",
                way.join(" -> ")
            ),
            _ => BY_DESTINATION.to_owned(),
        };
        self.groups.entry(log_group.to_owned()).or_insert(why);
    }

    /// What was noted before, as [`groups`](Self::groups) gave it.
    pub fn recall<'a>(&mut self, groups: impl IntoIterator<Item = (&'a String, &'a String)>) {
        for (group, why) in groups {
            self.groups.entry(group.clone()).or_insert_with(|| why.clone());
        }
    }

    /// Every log group that would create a loop, with why.
    pub fn groups(&self) -> impl Iterator<Item = (&String, &String)> {
        self.groups.iter()
    }

    /// Whether the destination itself, not a resource behind it, writes to this log group.
    #[must_use]
    pub fn is_written_by_destination(&self, log_group: &str) -> bool {
        self.groups.get(log_group).is_some_and(|why| why == BY_DESTINATION)
    }

    /// Why shipping this group would feed the destination its own logs, if it would: itself, or as
    /// a copy that a centralization rule makes of such a group. Rules are not known here, so a copy
    /// is recognized by a name that has the account and ends with the group's.
    #[must_use]
    pub fn why(&self, log_group: &str) -> Option<Cow<'_, str>> {
        if let Some(why) = self.groups.get(log_group) {
            return Some(Cow::Borrowed(why));
        }
        let account_id = self.account_id.as_deref()?;
        let copied = |source: &&String| {
            let rest = log_group.strip_suffix(source.as_str()).unwrap_or_default();
            let is_whole = source.starts_with('/') || rest.ends_with('/');
            is_whole && rest.split(|c: char| !c.is_ascii_digit()).any(|part| part == account_id)
        };
        let source = self.groups.keys().find(copied)?;
        let why = &self.groups[source];
        Some(Cow::Owned(format!("named as a centralized copy of {source}: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_never_receives_its_own_group() {
        let guard = LoopGuard::by_name(&Destination::Function { name: "shipper".into() });
        let itself = Some("the destination itself writes to this log group");
        assert_eq!(guard.why("/aws/lambda/shipper").as_deref(), itself);
        assert!(guard.is_written_by_destination("/aws/lambda/shipper"));
        assert_eq!(guard.why("/aws/lambda/shipper-two"), None);
        assert_eq!(guard.why("/aws/lambda/"), None);
    }

    #[test]
    fn a_copy_of_its_own_group_is_recognized_by_account_and_name() {
        let guard = LoopGuard::by_name(&Destination::Function { name: "shipper".into() });
        let copy = "/central/111122223333/eu-west-1//aws/lambda/shipper";
        assert_eq!(guard.why(copy), None, "the account is not known");
        let guard = guard.in_account("111122223333");
        assert_eq!(
            guard.why(copy).as_deref(),
            Some(
                "named as a centralized copy of /aws/lambda/shipper: the destination itself \
                 writes to this log group"
            )
        );
        assert!(guard.why("/of-111122223333/aws/lambda/shipper").is_some());
        for other in [
            "/central/444455556666/eu-west-1//aws/lambda/shipper",
            "/central/1111222233334/aws/lambda/shipper",
            "/central/111122223333/aws/lambda/shipper-two",
            "/central/111122223333",
        ] {
            assert_eq!(guard.why(other), None, "{other}");
        }
        assert!(!guard.is_written_by_destination(copy));
        let mut guard = LoopGuard::default().in_account("111122223333");
        guard.written_by("app", &["function app".to_owned()]);
        assert!(guard.why("/central/111122223333/app").is_some());
        assert_eq!(guard.why("/central/111122223333/my-app"), None);
    }

    #[test]
    fn a_firehose_never_receives_its_error_group() {
        let guard = LoopGuard::by_name(&Destination::Firehose { name: "s3".into() });
        assert!(guard.why("/aws/kinesisfirehose/s3").is_some());
    }

    #[test]
    fn the_path_from_the_destination_to_the_group_is_reported() {
        let mut guard = LoopGuard::default();
        let way = ["Kinesis stream logs", "function tail"].map(str::to_owned);
        guard.written_by("/tail", &way);
        guard.written_by("/tail", &way[1..]);
        assert_eq!(
            guard.why("/tail").as_deref(),
            Some(
                "function tail writes to this log group, and forwarded events reach it: Kinesis \
                 stream logs -> function tail"
            )
        );
    }
}
