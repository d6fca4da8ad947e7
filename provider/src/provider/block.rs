use tfplugin::{Attribute, Block, NestedBlock, Type};

use crate::checks;
use crate::connection::{role_arn, session_name, with_role};

pub(super) fn block() -> Block {
    let block = Block::new()
        .describe("Declarative log forwarding and retention for AWS CloudWatch Logs.")
        .block("assume_role", NestedBlock::list(assume_role()))
        .block(
            "assume_role_with_web_identity",
            NestedBlock::list(assume_role_with_web_identity()).max_items(1),
        )
        .block("endpoints", NestedBlock::list(endpoints()).max_items(1));
    skips(connections(calls(accounts(credentials(regions(block))))))
}

fn regions(block: Block) -> Block {
    block
        .attribute(
            "region",
            text().describe(
                "Region of resources that set none. Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, \
                 the profile's region or that of the EC2 instance.",
            ),
        )
        .attribute("sts_region", text().describe("Region of STS. Default: `region`."))
        .attribute(
            "use_fips_endpoint",
            flag().describe("Use FIPS endpoints. Default: `AWS_USE_FIPS_ENDPOINT` or the profile."),
        )
        .attribute(
            "use_dualstack_endpoint",
            flag().describe(
                "Use dual-stack endpoints (IPv6). Default: `AWS_USE_DUALSTACK_ENDPOINT` or the \
                 profile.",
            ),
        )
}

fn credentials(block: Block) -> Block {
    block
        .attribute(
            "profile",
            given().describe(
                "Profile of the shared configuration files. Its credentials take precedence over \
                 keys in the environment. Default: `AWS_PROFILE`.",
            ),
        )
        .attribute(
            "access_key",
            given().describe(
                "Access key, together with `secret_key`. Without them the credentials come from \
                 the default credential chain of the AWS SDKs: environment, shared files, SSO, \
                 process, container or instance.",
            ),
        )
        .attribute("secret_key", given().sensitive().describe("Secret key of `access_key`."))
        .attribute("token", given().sensitive().describe("Session token of `access_key`."))
        .attribute(
            "shared_config_files",
            texts().describe(
                "Shared configuration files to read instead of `~/.aws/config` or \
                 `AWS_CONFIG_FILE`.",
            ),
        )
        .attribute(
            "shared_credentials_files",
            texts().describe(
                "Shared credentials files to read instead of `~/.aws/credentials` or \
                 `AWS_SHARED_CREDENTIALS_FILE`.",
            ),
        )
}

fn accounts(block: Block) -> Block {
    let ids = || {
        Attribute::optional(Type::set(Type::String))
            .check_each(|id: &String| checks::account_id(id))
    };
    block
        .attribute(
            "allowed_account_ids",
            ids().describe(
                "IDs of the only accounts that the provider may use. Checked before the first read \
                 or write, and for the roles of resources too.",
            ),
        )
        .attribute(
            "forbidden_account_ids",
            ids().describe("IDs of accounts that the provider must not use."),
        )
}

fn calls(block: Block) -> Block {
    block
        .attribute(
            "max_retries",
            Attribute::optional(Type::Number)
                .describe(
                    "Maximum number of retries of a request that AWS throttled, aborted or could \
                     not serve. Default: one less than `AWS_MAX_ATTEMPTS` or the profile's \
                     `max_attempts`, or else 25.",
                )
                .check(|retries: &i64| checks::max_retries(*retries)),
        )
        .attribute(
            "retry_mode",
            text()
                .describe(
                    "`standard`, the only mode: exponential backoff with jitter. Instead of \
                     `adaptive`, `requests_per_second` limits the rate from the first request on.",
                )
                .check(|mode: &String| checks::retry_mode(mode)),
        )
        .attribute(
            "requests_per_second",
            Attribute::optional(Type::map(Type::Number)).describe(
                "Maximum requests per second in one account and region by API operation, for \
                 example `{ DescribeLogGroups = 20 }`. Default: 10 for `DescribeLogGroups`, \
                 `ListLogGroups` and `GetCallerIdentity`, 15 for the operations of Lambda, 2 for \
                 `LookupEvents`, 5 for every other. These are AWS's default quotas where AWS \
                 documents one.",
            ),
        )
}

fn connections(block: Block) -> Block {
    let proxy = || text().check(|url: &String| checks::proxy(url));
    block
        .attribute(
            "http_proxy",
            proxy().describe(
                "Proxy for endpoints with http://, and for those with https:// if `https_proxy` is \
                 not set. Default: `HTTP_PROXY`; an empty string disables it. Requests to this \
                 machine and to the metadata services never use a proxy.",
            ),
        )
        .attribute(
            "https_proxy",
            proxy().describe(
                "Proxy for endpoints with https://. Default: `HTTPS_PROXY`; an empty string \
                 disables it.",
            ),
        )
        .attribute(
            "no_proxy",
            text().describe(
                "Hosts to connect to without a proxy, separated by commas: names, which include \
                 their subdomains, IP addresses, or networks such as 10.0.0.0/8. Default: \
                 `NO_PROXY`.",
            ),
        )
        .attribute(
            "insecure",
            flag().describe(
                "Skip TLS certificate verification. For testing only: traffic can be intercepted.",
            ),
        )
        .attribute(
            "custom_ca_bundle",
            path().describe(
                "File with the certificate authorities to trust instead of the system's, in PEM \
                 format. Default: `AWS_CA_BUNDLE` or the profile's `ca_bundle`.",
            ),
        )
}

fn skips(block: Block) -> Block {
    block
        .attribute(
            "skip_credentials_validation",
            flag().describe(
                "Do not validate the credentials with STS before the first read or write.",
            ),
        )
        .attribute(
            "skip_region_validation",
            flag().describe(
                "Do not check that `region` and `sts_region` have the form of a region's name.",
            ),
        )
        .attribute(
            "skip_requesting_account_id",
            flag().describe(
                "Do not ask STS for the account ID. It is then the account of the last \
                 `assume_role` block, or the only one of `allowed_account_ids`.",
            ),
        )
        .attribute(
            "skip_metadata_api_check",
            flag().describe(
                "Do not read region and credentials from the EC2 instance metadata \
                     service.",
            ),
        )
}

fn assume_role() -> Block {
    let block = Block::new().describe(
        "Role to assume for all requests. Multiple blocks are chained: each role is assumed with \
         the previous role's credentials.",
    );
    session(with_role(block))
        .attribute(
            "source_identity",
            text()
                .describe(
                    "Source identity of the session, which AWS keeps for all roles that are \
                     assumed from it.",
                )
                .check(|name: &String| checks::source_identity(name)),
        )
        .attribute(
            "tags",
            Attribute::optional(Type::map(Type::String)).describe("Tags of the session."),
        )
        .attribute(
            "transitive_tag_keys",
            Attribute::optional(Type::set(Type::String)).describe(
                "Keys of the tags that are passed to roles that are assumed from this \
                     session.",
            ),
        )
}

fn assume_role_with_web_identity() -> Block {
    let block = Block::new().describe(
        "Role to assume with the token of a CI job or another identity provider, before any \
         `assume_role`.",
    );
    session(block.attribute("role_arn", role_arn()).attribute("session_name", session_name()))
        .attribute(
            "web_identity_token",
            text().sensitive().describe("The token.").check(|token: &String| checks::token(token)),
        )
        .attribute(
            "web_identity_token_file",
            path().describe(
                "File with the token, read whenever the credentials are renewed. Default without \
                 `web_identity_token`: `AWS_WEB_IDENTITY_TOKEN_FILE`.",
            ),
        )
}

/// The limits of a session, however its role is assumed.
fn session(block: Block) -> Block {
    block
        .attribute(
            "duration",
            text()
                .describe(
                    "Lifetime of the credentials before they are renewed, for example `1h` or \
                     `1h30m`: 15 minutes to 12 hours. Default: 1 hour.",
                )
                .check(|duration: &String| checks::session_duration(duration)),
        )
        .attribute(
            "policy",
            text()
                .describe(
                    "Session policy (IAM policy in JSON) that limits the permissions of the \
                     session.",
                )
                .check(|policy: &String| checks::iam_policy(policy)),
        )
        .attribute(
            "policy_arns",
            Attribute::optional(Type::set(Type::String))
                .describe("ARNs of managed policies that limit the permissions of the session.")
                .check_each(|arn: &String| checks::policy_arn(arn)),
        )
}

fn endpoints() -> Block {
    let url = |service: &str| {
        text()
            .describe(format!("Endpoint of {service} instead of AWS's own."))
            .check(|url: &String| checks::url(url))
    };
    Block::new()
        .describe(
            "Endpoints of emulators or private endpoints. `AWS_ENDPOINT_URL` and \
             `AWS_ENDPOINT_URL_<SERVICE>` are supported too.",
        )
        .attribute("cloudtrail", url("CloudTrail"))
        .attribute("firehose", url("Firehose"))
        .attribute("kinesis", url("Kinesis"))
        .attribute("lambda", url("Lambda"))
        .attribute("logs", url("CloudWatch Logs"))
        .attribute("pipes", url("EventBridge Pipes"))
        .attribute("sts", url("STS"))
}

fn text() -> Attribute {
    Attribute::optional(Type::String)
}

/// A string that must not be empty.
fn given() -> Attribute {
    text().check(|text: &String| checks::given(text))
}

fn path() -> Attribute {
    text().check(|path: &String| checks::path(path))
}

fn texts() -> Attribute {
    Attribute::optional(Type::list(Type::String)).check_each(|path: &String| checks::path(path))
}

fn flag() -> Attribute {
    Attribute::optional(Type::Bool)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Config;
    use tfplugin::{Convert, Value};

    /// The struct and the schema list the same names.
    #[test]
    fn the_configuration_has_the_attributes_of_the_schema() {
        let block = block();
        let names = block.attributes().keys().chain(block.blocks().keys());
        let nulls = Value::Map(names.map(|name| (name.clone(), Value::Null)).collect());
        assert_eq!(Config::from_value(nulls.clone()).unwrap().into_value(), nulls);
    }
}
