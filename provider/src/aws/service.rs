/// The services of AWS that have an endpoint of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    CloudTrail,
    Firehose,
    Kinesis,
    Lambda,
    Logs,
    Pipes,
    Sts,
}

impl Service {
    pub(crate) const ALL: [Self; 7] = [
        Self::CloudTrail,
        Self::Firehose,
        Self::Kinesis,
        Self::Lambda,
        Self::Logs,
        Self::Pipes,
        Self::Sts,
    ];
}
