/// The calls we make, each with a quota of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    DescribeLogGroups,
    ListLogGroups,
    ListTagsForResource,
    DescribeSubscriptionFilters,
    DescribeDestinations,
    DescribeAccountPolicies,
    PutSubscriptionFilter,
    DeleteSubscriptionFilter,
    PutRetentionPolicy,
    DeleteRetentionPolicy,
    PutLogGroupDeletionProtection,
    GetCallerIdentity,
    GetFunctionConfiguration,
    ListEventSourceMappings,
    GetPolicy,
    AddPermission,
    RemovePermission,
    ListStreamConsumers,
    DescribeDeliveryStream,
    ListDeliveryStreams,
    DescribePipe,
    ListPipes,
    LookupEvents,
}

impl Operation {
    pub(crate) const ALL: [Self; 23] = [
        Self::DescribeLogGroups,
        Self::ListLogGroups,
        Self::ListTagsForResource,
        Self::DescribeSubscriptionFilters,
        Self::DescribeDestinations,
        Self::DescribeAccountPolicies,
        Self::PutSubscriptionFilter,
        Self::DeleteSubscriptionFilter,
        Self::PutRetentionPolicy,
        Self::DeleteRetentionPolicy,
        Self::PutLogGroupDeletionProtection,
        Self::GetCallerIdentity,
        Self::GetFunctionConfiguration,
        Self::ListEventSourceMappings,
        Self::GetPolicy,
        Self::AddPermission,
        Self::RemovePermission,
        Self::ListStreamConsumers,
        Self::DescribeDeliveryStream,
        Self::ListDeliveryStreams,
        Self::DescribePipe,
        Self::ListPipes,
        Self::LookupEvents,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DescribeLogGroups => "DescribeLogGroups",
            Self::ListLogGroups => "ListLogGroups",
            Self::ListTagsForResource => "ListTagsForResource",
            Self::DescribeSubscriptionFilters => "DescribeSubscriptionFilters",
            Self::DescribeDestinations => "DescribeDestinations",
            Self::DescribeAccountPolicies => "DescribeAccountPolicies",
            Self::PutSubscriptionFilter => "PutSubscriptionFilter",
            Self::DeleteSubscriptionFilter => "DeleteSubscriptionFilter",
            Self::PutRetentionPolicy => "PutRetentionPolicy",
            Self::DeleteRetentionPolicy => "DeleteRetentionPolicy",
            Self::PutLogGroupDeletionProtection => "PutLogGroupDeletionProtection",
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::GetFunctionConfiguration => "GetFunctionConfiguration",
            Self::ListEventSourceMappings => "ListEventSourceMappings",
            Self::GetPolicy => "GetPolicy",
            Self::AddPermission => "AddPermission",
            Self::RemovePermission => "RemovePermission",
            Self::ListStreamConsumers => "ListStreamConsumers",
            Self::DescribeDeliveryStream => "DescribeDeliveryStream",
            Self::ListDeliveryStreams => "ListDeliveryStreams",
            Self::DescribePipe => "DescribePipe",
            Self::ListPipes => "ListPipes",
            Self::LookupEvents => "LookupEvents",
        }
    }

    /// The action an IAM policy names for it.
    pub(crate) fn iam_action(self) -> String {
        format!("{}:{}", self.service_prefix(), self.name())
    }

    fn service_prefix(self) -> &'static str {
        match self {
            Self::DescribeLogGroups
            | Self::ListLogGroups
            | Self::ListTagsForResource
            | Self::DescribeSubscriptionFilters
            | Self::DescribeDestinations
            | Self::DescribeAccountPolicies
            | Self::PutSubscriptionFilter
            | Self::DeleteSubscriptionFilter
            | Self::PutRetentionPolicy
            | Self::DeleteRetentionPolicy
            | Self::PutLogGroupDeletionProtection => "logs",
            Self::GetCallerIdentity => "sts",
            Self::GetFunctionConfiguration
            | Self::ListEventSourceMappings
            | Self::GetPolicy
            | Self::AddPermission
            | Self::RemovePermission => "lambda",
            Self::ListStreamConsumers => "kinesis",
            Self::DescribeDeliveryStream | Self::ListDeliveryStreams => "firehose",
            Self::DescribePipe | Self::ListPipes => "pipes",
            Self::LookupEvents => "cloudtrail",
        }
    }

    /// The requests a second that an account may make in a region unless AWS granted more.
    /// Those of ListLogGroups, DescribeAccountPolicies, PutLogGroupDeletionProtection and of pipes
    /// are not documented; they are taken for those of calls like them.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>,
    /// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>,
    /// <https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html>,
    /// <https://docs.aws.amazon.com/firehose/latest/dev/limits.html>,
    /// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>
    pub(crate) fn default_quota(self) -> f64 {
        match self {
            Self::DescribeLogGroups | Self::ListLogGroups | Self::GetCallerIdentity => 10.0,
            Self::GetFunctionConfiguration
            | Self::ListEventSourceMappings
            | Self::GetPolicy
            | Self::AddPermission
            | Self::RemovePermission => 15.0,
            Self::DescribeSubscriptionFilters
            | Self::ListTagsForResource
            | Self::DescribeDestinations
            | Self::DescribeAccountPolicies
            | Self::ListStreamConsumers
            | Self::DescribeDeliveryStream
            | Self::ListDeliveryStreams
            | Self::DescribePipe
            | Self::ListPipes
            | Self::PutSubscriptionFilter
            | Self::DeleteSubscriptionFilter
            | Self::PutRetentionPolicy
            | Self::DeleteRetentionPolicy
            | Self::PutLogGroupDeletionProtection => 5.0,
            Self::LookupEvents => 2.0,
        }
    }
}
