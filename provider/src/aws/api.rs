/// The calls we make, each with a quota of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Api {
    DescribeLogGroups,
    DescribeSubscriptionFilters,
    PutSubscriptionFilter,
    DeleteSubscriptionFilter,
    PutRetentionPolicy,
    DeleteRetentionPolicy,
    GetCallerIdentity,
}

impl Api {
    pub(crate) const ALL: [Self; 7] = [
        Self::DescribeLogGroups,
        Self::DescribeSubscriptionFilters,
        Self::PutSubscriptionFilter,
        Self::DeleteSubscriptionFilter,
        Self::PutRetentionPolicy,
        Self::DeleteRetentionPolicy,
        Self::GetCallerIdentity,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DescribeLogGroups => "DescribeLogGroups",
            Self::DescribeSubscriptionFilters => "DescribeSubscriptionFilters",
            Self::PutSubscriptionFilter => "PutSubscriptionFilter",
            Self::DeleteSubscriptionFilter => "DeleteSubscriptionFilter",
            Self::PutRetentionPolicy => "PutRetentionPolicy",
            Self::DeleteRetentionPolicy => "DeleteRetentionPolicy",
            Self::GetCallerIdentity => "GetCallerIdentity",
        }
    }

    /// The action an IAM policy names for it.
    pub(crate) fn iam_action(self) -> String {
        match self {
            Self::GetCallerIdentity => format!("sts:{}", self.name()),
            _ => format!("logs:{}", self.name()),
        }
    }

    /// The requests a second that an account may make in a region unless AWS granted more.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
    pub(crate) fn default_quota(self) -> f64 {
        match self {
            Self::DescribeLogGroups | Self::GetCallerIdentity => 10.0,
            Self::DescribeSubscriptionFilters
            | Self::PutSubscriptionFilter
            | Self::DeleteSubscriptionFilter
            | Self::PutRetentionPolicy
            | Self::DeleteRetentionPolicy => 5.0,
        }
    }
}
