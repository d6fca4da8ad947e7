use std::collections::BTreeSet;
use std::time::Duration;

use tfplugin::Attr;

use super::config::{AssumeRoleBlock, Config, WebIdentityBlock};
use crate::aws::{
    AccountIdFrom, AllowedAccounts, AssumeRole, CannotConnect, Credentials, Metadata, Service,
    Settings, StaticKeys, Transport, Trust, WebIdentity, WebIdentityToken,
};

/// The variable that AWS's tools read the token's place from.
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

impl Config {
    /// What a wholly known provider block says of the way to AWS.
    ///
    /// # Errors
    /// When a token is to be used and nothing says where it is.
    pub(super) fn settings(self) -> Result<Settings, CannotConnect> {
        let keys = self.access_key.into_known().zip(self.secret_key.into_known());
        let token = self.token.into_known();
        let web_identity = first(self.assume_role_with_web_identity).map(web_identity);
        Ok(Settings {
            region: self.region.into_known(),
            sts_region: self.sts_region.into_known(),
            profile: self.profile.into_known(),
            keys: keys.map(|(access_key, secret_key)| StaticKeys { access_key, secret_key, token }),
            config_files: texts(self.shared_config_files),
            credentials_files: texts(self.shared_credentials_files),
            web_identity: web_identity.transpose()?,
            roles: self.assume_role.into_known().into_iter().flatten().map(role).collect(),
            accounts: accounts(self.allowed_account_ids, self.forbidden_account_ids),
            account_id: match yes(&self.skip_requesting_account_id) {
                true => AccountIdFrom::Configuration,
                false => AccountIdFrom::Sts,
            },
            metadata: match yes(&self.skip_metadata_api_check) {
                true => Metadata::Skipped,
                false => Metadata::Asked,
            },
            endpoints: first(self.endpoints)
                .into_iter()
                .flat_map(|endpoints| {
                    [
                        (Service::CloudTrail, endpoints.cloudtrail),
                        (Service::Firehose, endpoints.firehose),
                        (Service::Kinesis, endpoints.kinesis),
                        (Service::Lambda, endpoints.lambda),
                        (Service::Logs, endpoints.logs),
                        (Service::Pipes, endpoints.pipes),
                        (Service::Sts, endpoints.sts),
                    ]
                })
                .filter_map(|(service, url)| Some((service, url.into_known()?)))
                .collect(),
            use_fips: self.use_fips_endpoint.into_known(),
            use_dual_stack: self.use_dualstack_endpoint.into_known(),
            transport: Transport {
                http_proxy: self.http_proxy.into_known(),
                https_proxy: self.https_proxy.into_known(),
                no_proxy: self.no_proxy.into_known(),
                custom_ca_bundle: self.custom_ca_bundle.into_known(),
                trust: if yes(&self.insecure) { Trust::Anyone } else { Trust::Verified },
            },
            max_retries: self.max_retries.into_known().and_then(|retries| retries.try_into().ok()),
            requests_per_second: self
                .requests_per_second
                .into_known()
                .into_iter()
                .flatten()
                .filter_map(|(operation, rate)| Some((operation, rate.into_known()?)))
                .collect(),
        })
    }

    /// Whether credentials are tried before anything is done with them.
    pub(super) fn credentials(&self) -> Credentials {
        let skip = yes(&self.skip_credentials_validation) || yes(&self.skip_requesting_account_id);
        if skip { Credentials::Trusted } else { Credentials::Tried }
    }
}

fn role(block: AssumeRoleBlock) -> AssumeRole {
    AssumeRole {
        role_arn: block.role_arn.into_known().unwrap_or_default(),
        external_id: block.external_id.into_known(),
        session_name: block.session_name.into_known(),
        duration: duration(&block.duration),
        policy: block.policy.into_known(),
        policy_arns: texts(block.policy_arns),
        source_identity: block.source_identity.into_known(),
        tags: block
            .tags
            .into_known()
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key, value.into_known()?)))
            .collect(),
        transitive_tag_keys: texts(block.transitive_tag_keys),
    }
}

fn web_identity(block: WebIdentityBlock) -> Result<WebIdentity, CannotConnect> {
    let file = block.web_identity_token_file.into_known().map(Into::into);
    let token = match block.web_identity_token {
        Attr::Known(token) => WebIdentityToken::Text(token),
        Attr::Null | Attr::Unknown(_) => WebIdentityToken::File(
            file.or_else(|| std::env::var_os(TOKEN_FILE).map(Into::into))
                .ok_or(CannotConnect::NoToken)?,
        ),
    };
    Ok(WebIdentity {
        role_arn: block.role_arn.into_known().unwrap_or_default(),
        token,
        session_name: block.session_name.into_known(),
        duration: duration(&block.duration),
        policy: block.policy.into_known(),
        policy_arns: texts(block.policy_arns),
    })
}

fn accounts(
    allowed: Attr<Vec<Attr<String>>>,
    forbidden: Attr<Vec<Attr<String>>>,
) -> AllowedAccounts {
    let set = |ids| texts(ids).into_iter().collect::<BTreeSet<_>>();
    match (allowed, forbidden) {
        (allowed @ Attr::Known(_), _) => AllowedAccounts::Only(set(allowed)),
        (_, forbidden @ Attr::Known(_)) => AllowedAccounts::AllBut(set(forbidden)),
        _ => AllowedAccounts::All,
    }
}

/// The schema's check has seen it.
fn duration(text: &Attr<String>) -> Option<Duration> {
    text.known().and_then(|text| humantime::parse_duration(text).ok())
}

fn yes(flag: &Attr<bool>) -> bool {
    flag.known().copied().unwrap_or_default()
}

fn first<T>(blocks: Attr<Vec<T>>) -> Option<T> {
    blocks.into_known().and_then(|blocks| blocks.into_iter().next())
}

fn texts(list: Attr<Vec<Attr<String>>>) -> Vec<String> {
    list.into_known().into_iter().flatten().filter_map(Attr::into_known).collect()
}
