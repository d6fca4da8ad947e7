use std::collections::BTreeMap;

use tfplugin::Attr;

use crate::connection::RoleBlock;
use crate::selection::RuleBlock;

tfplugin::object! {
    /// The data source, as configuration and state hold it.
    #[derive(Clone, Debug)]
    pub(crate) struct LogGroups {
        pub(crate) id: Attr<String>,
        pub(crate) account_id: Attr<String>,
        pub(crate) region: Attr<String>,
        pub(crate) include_subscription_filters: Attr<bool>,
        pub(crate) assume_role: Attr<Vec<RoleBlock>>,
        pub(crate) select: Attr<Vec<RuleBlock>>,
        pub(crate) exclude: Attr<Vec<RuleBlock>>,
        pub(crate) names: Attr<Vec<String>>,
        pub(crate) log_groups: Attr<BTreeMap<String, Found>>,
    }

    /// One log group in `log_groups`.
    #[derive(Clone, Debug)]
    pub(crate) struct Found {
        pub(crate) arn: String,
        pub(crate) log_group_class: String,
        pub(crate) retention_in_days: i64,
        pub(crate) retention_policy_name: Option<String>,
        pub(crate) deletion_protection: bool,
        pub(crate) stored_bytes: u64,
        pub(crate) creation_time: String,
        pub(crate) subscription_filters: Attr<Vec<Filter>>,
    }

    /// One subscription filter of a log group.
    #[derive(Clone, Debug)]
    pub(crate) struct Filter {
        pub(crate) name: String,
        pub(crate) destination_arn: String,
        pub(crate) filter_pattern: String,
        pub(crate) role_arn: Option<String>,
        pub(crate) distribution: String,
    }
}
