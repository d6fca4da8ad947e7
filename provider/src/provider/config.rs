use std::collections::BTreeMap;

use tfplugin::{Attr, Convert};

tfplugin::object! {
    /// The provider block.
    #[derive(Clone, Debug)]
    pub(crate) struct Config {
        pub(crate) region: Attr<String>,
        pub(crate) profile: Attr<String>,
        pub(crate) access_key: Attr<String>,
        pub(crate) secret_key: Attr<String>,
        pub(crate) token: Attr<String>,
        pub(crate) shared_config_files: Attr<Vec<Attr<String>>>,
        pub(crate) shared_credentials_files: Attr<Vec<Attr<String>>>,
        pub(crate) assume_role: Attr<Vec<AssumeRoleBlock>>,
        pub(crate) assume_role_with_web_identity: Attr<Vec<WebIdentityBlock>>,
        pub(crate) endpoints: Attr<Vec<EndpointsBlock>>,
        pub(crate) allowed_account_ids: Attr<Vec<Attr<String>>>,
        pub(crate) forbidden_account_ids: Attr<Vec<Attr<String>>>,
        pub(crate) max_retries: Attr<i64>,
        pub(crate) retry_mode: Attr<String>,
        pub(crate) requests_per_second: Attr<BTreeMap<String, Attr<f64>>>,
        pub(crate) http_proxy: Attr<String>,
        pub(crate) https_proxy: Attr<String>,
        pub(crate) no_proxy: Attr<String>,
        pub(crate) insecure: Attr<bool>,
        pub(crate) custom_ca_bundle: Attr<String>,
        pub(crate) use_fips_endpoint: Attr<bool>,
        pub(crate) use_dualstack_endpoint: Attr<bool>,
        pub(crate) sts_region: Attr<String>,
        pub(crate) skip_credentials_validation: Attr<bool>,
        pub(crate) skip_region_validation: Attr<bool>,
        pub(crate) skip_requesting_account_id: Attr<bool>,
        pub(crate) skip_metadata_api_check: Attr<bool>,
    }

    /// An `assume_role` block of the provider.
    #[derive(Clone, Debug)]
    pub(crate) struct AssumeRoleBlock {
        pub(crate) role_arn: Attr<String>,
        pub(crate) external_id: Attr<String>,
        pub(crate) session_name: Attr<String>,
        pub(crate) duration: Attr<String>,
        pub(crate) policy: Attr<String>,
        pub(crate) policy_arns: Attr<Vec<Attr<String>>>,
        pub(crate) source_identity: Attr<String>,
        pub(crate) tags: Attr<BTreeMap<String, Attr<String>>>,
        pub(crate) transitive_tag_keys: Attr<Vec<Attr<String>>>,
    }

    /// The `assume_role_with_web_identity` block.
    #[derive(Clone, Debug)]
    pub(crate) struct WebIdentityBlock {
        pub(crate) role_arn: Attr<String>,
        pub(crate) web_identity_token: Attr<String>,
        pub(crate) web_identity_token_file: Attr<String>,
        pub(crate) session_name: Attr<String>,
        pub(crate) duration: Attr<String>,
        pub(crate) policy: Attr<String>,
        pub(crate) policy_arns: Attr<Vec<Attr<String>>>,
    }

    /// The `endpoints` block.
    #[derive(Clone, Debug)]
    pub(crate) struct EndpointsBlock {
        pub(crate) cloudtrail: Attr<String>,
        pub(crate) firehose: Attr<String>,
        pub(crate) kinesis: Attr<String>,
        pub(crate) lambda: Attr<String>,
        pub(crate) logs: Attr<String>,
        pub(crate) pipes: Attr<String>,
        pub(crate) sts: Attr<String>,
    }
}

impl Config {
    /// Without those arguments that are not known and matter only to what is written, or to how fast:
    /// a plan reads AWS without them, and before anything is written they are known.
    pub(super) fn without_the_unimportant(mut self) -> Self {
        forget(&mut self.max_retries);
        forget(&mut self.retry_mode);
        forget(&mut self.requests_per_second);
        forget(&mut self.skip_region_validation);
        forget(&mut self.skip_credentials_validation);
        forget(&mut self.forbidden_account_ids);
        // A single allowed account can determine the account.
        if let Attr::Null | Attr::Known(false) = self.skip_requesting_account_id {
            forget(&mut self.allowed_account_ids);
        }
        self
    }
}

fn forget<T: Clone>(argument: &mut Attr<T>)
where
    Attr<T>: Convert,
{
    if !argument.clone().into_value().is_wholly_known() {
        *argument = Attr::Null;
    }
}
