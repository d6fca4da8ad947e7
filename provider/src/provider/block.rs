use tfplugin::{Attribute, Block, NestedBlock, Type};

use super::role::{role_arn, session_name, with_role};
use crate::checks;

pub(super) fn block() -> Block {
    let block = Block::new()
        .describe(
            "Log aggregation for AWS Lambda: which CloudWatch log groups are shipped where, and how \
             long they are kept.",
        )
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
                "Region of resources that name none. Without it, `AWS_REGION`, \
                 `AWS_DEFAULT_REGION`, the profile's region or that of the EC2 instance.",
            ),
        )
        .attribute(
            "sts_region",
            text().describe("Region in which STS is asked. Default: the region."),
        )
        .attribute(
            "use_fips_endpoint",
            flag().describe(
                "Use FIPS endpoints. Without it, `AWS_USE_FIPS_ENDPOINT` or the profile.",
            ),
        )
        .attribute(
            "use_dualstack_endpoint",
            flag().describe(
                "Use endpoints with IPv6. Without it, `AWS_USE_DUALSTACK_ENDPOINT` or the profile.",
            ),
        )
}

fn credentials(block: Block) -> Block {
    block
        .attribute(
            "profile",
            given().describe(
                "Profile of the shared configuration files, which then gives the credentials, \
                 whatever keys the environment has. Without it, `AWS_PROFILE`.",
            ),
        )
        .attribute(
            "access_key",
            given().describe(
                "Access key, together with `secret_key`. Without them the credentials come from \
                 where every AWS SDK finds them: environment, shared files, SSO, process, \
                 container or instance.",
            ),
        )
        .attribute("secret_key", given().sensitive().describe("Secret key of `access_key`."))
        .attribute("token", given().sensitive().describe("Session token of `access_key`."))
        .attribute(
            "shared_config_files",
            texts().describe(
                "Shared configuration files to read in place of `~/.aws/config` or \
                 `AWS_CONFIG_FILE`.",
            ),
        )
        .attribute(
            "shared_credentials_files",
            texts().describe(
                "Shared credentials files to read in place of `~/.aws/credentials` or \
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
                "AllowedAccounts in which anything may be done. Looked at before the first read or write, \
                 for the roles of resources as well.",
            ),
        )
        .attribute(
            "forbidden_account_ids",
            ids().describe("AllowedAccounts in which nothing may be done."),
        )
}

fn calls(block: Block) -> Block {
    block
        .attribute(
            "max_retries",
            Attribute::optional(Type::Number)
                .describe(
                    "How often a call that AWS throttled, aborted or could not serve is made again. \
                     Without it, one less than `AWS_MAX_ATTEMPTS` or the profile's `max_attempts`, \
                     and 25 without these.",
                )
                .check(|retries: &i64| checks::max_retries(*retries)),
        )
        .attribute(
            "retry_mode",
            text()
                .describe(
                    "`standard`, which is what is done in any case: waits grow and are jittered. \
                     What `adaptive` does in AWS's SDKs, `requests_per_second` does here, from the \
                     first call on.",
                )
                .check(|mode: &String| checks::retry_mode(mode)),
        )
        .attribute(
            "requests_per_second",
            Attribute::optional(Type::map(Type::Number)).describe(
                "How many calls a second to make in one account and region, by the name of the \
                 call, as in `{ DescribeLogGroups = 20 }`. Without it AWS's default quota: 10 for \
                 `DescribeLogGroups` and `GetCallerIdentity`, 15 for the calls to Lambda, 2 for \
                 `LookupEvents`, 5 for every other.",
            ),
        )
}

fn connections(block: Block) -> Block {
    let proxy = || text().check(|url: &String| checks::proxy(url));
    block
        .attribute(
            "http_proxy",
            proxy().describe(
                "Proxy for endpoints with http://, and for those with https:// where no other is \
                 given. Without it, `HTTP_PROXY`; empty is none. This machine and the metadata \
                 services are never asked through a proxy.",
            ),
        )
        .attribute(
            "https_proxy",
            proxy().describe(
                "Proxy for endpoints with https://. Without it, `HTTPS_PROXY`; empty is none.",
            ),
        )
        .attribute(
            "no_proxy",
            text().describe(
                "Hosts to reach without a proxy, separated by commas: names, which stand for their \
                 subdomains too, addresses, or networks such as 10.0.0.0/8. Without it, `NO_PROXY`.",
            ),
        )
        .attribute(
            "insecure",
            flag().describe(
                "Accept anybody's certificate. For a test environment only: whoever sits between \
                 can read and change everything.",
            ),
        )
        .attribute(
            "custom_ca_bundle",
            path().describe(
                "File with the certificate authorities to trust in place of the system's, in PEM \
                 format. Without it, `AWS_CA_BUNDLE` or the profile's `ca_bundle`.",
            ),
        )
}

fn skips(block: Block) -> Block {
    block
        .attribute(
            "skip_credentials_validation",
            flag().describe(
                "Do not ask STS whether the credentials are good before anything is done with \
                 them.",
            ),
        )
        .attribute(
            "skip_region_validation",
            flag().describe(
                "Do not look at whether `region` and `sts_region` read like names of regions.",
            ),
        )
        .attribute(
            "skip_requesting_account_id",
            flag().describe(
                "Do not ask STS for the account. It is then that of the last `assume_role` block, \
                 or the only one of `allowed_account_ids`.",
            ),
        )
        .attribute(
            "skip_metadata_api_check",
            flag()
                .describe("Do not look for region and credentials in the metadata service of EC2."),
        )
}

fn assume_role() -> Block {
    let block = Block::new().describe(
        "The role whose credentials all calls are made with. Several blocks are assumed one with \
         the credentials of the one before.",
    );
    session(with_role(block))
        .attribute(
            "source_identity",
            text()
                .describe("Who is behind the session, kept by AWS through all roles assumed after.")
                .check(|name: &String| checks::source_identity(name)),
        )
        .attribute(
            "tags",
            Attribute::optional(Type::map(Type::String)).describe("Tags of the session."),
        )
        .attribute(
            "transitive_tag_keys",
            Attribute::optional(Type::set(Type::String))
                .describe("Keys of those tags that roles assumed after have as well."),
        )
}

fn assume_role_with_web_identity() -> Block {
    let block = Block::new().describe(
        "A role that is assumed with the token of a CI job or another identity provider, before \
         any `assume_role`.",
    );
    session(block.attribute("role_arn", role_arn()).attribute("session_name", session_name()))
        .attribute(
            "web_identity_token",
            text().sensitive().describe("The token.").check(|token: &String| checks::token(token)),
        )
        .attribute(
            "web_identity_token_file",
            path().describe(
                "File with the token, read each time the credentials are renewed. Without it and \
                 `web_identity_token`, `AWS_WEB_IDENTITY_TOKEN_FILE`.",
            ),
        )
}

/// What limits a session, by whichever way it comes about.
fn session(block: Block) -> Block {
    block
        .attribute(
            "duration",
            text()
                .describe(
                    "How long the credentials last before they are renewed, as in `1h` or \
                     `1h30m`: 15 minutes to 12 hours. Default: 1 hour.",
                )
                .check(|duration: &String| checks::session_duration(duration)),
        )
        .attribute(
            "policy",
            text()
                .describe("IAM policy in JSON that limits what the session may do.")
                .check(|policy: &String| checks::iam_policy(policy)),
        )
        .attribute(
            "policy_arns",
            Attribute::optional(Type::set(Type::String))
                .describe("ARNs of managed policies that limit what the session may do.")
                .check_each(|arn: &String| checks::policy_arn(arn)),
        )
}

fn endpoints() -> Block {
    let url = |service: &str| {
        text()
            .describe(format!("Address of {service} instead of AWS's own."))
            .check(|url: &String| checks::url(url))
    };
    Block::new()
        .describe(
            "Addresses of emulators or private endpoints. `AWS_ENDPOINT_URL` and its relatives are \
             honoured as well.",
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

/// A text that is no use empty.
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

    /// The struct and the schema are two lists of the same names.
    #[test]
    fn the_configuration_has_the_attributes_of_the_schema() {
        let block = block();
        let names = block.attributes().keys().chain(block.blocks().keys());
        let nulls = Value::Map(names.map(|name| (name.clone(), Value::Null)).collect());
        assert_eq!(Config::from_value(nulls.clone()).unwrap().into_value(), nulls);
    }
}
