use std::collections::BTreeMap;

use tfplugin::{
    Attr, Attribute, AttributePath, Block, Context, Convert, Diagnostics, ErasedDataSource,
    ErasedResource, NestedBlock, Provider, Schema, Type,
};

use crate::aws::{Account, Api, AssumeRole, Endpoints, Settings, StaticKeys};
use crate::policy::PolicyResource;
use crate::{checks, diagnostics};

/// The provider: its block of configuration, and the resources it has.
pub(crate) struct Logagg;

tfplugin::object! {
    /// The provider block.
    #[derive(Clone, Debug)]
    pub(crate) struct Config {
        pub(crate) region: Attr<String>,
        pub(crate) profile: Attr<String>,
        pub(crate) access_key: Attr<String>,
        pub(crate) secret_key: Attr<String>,
        pub(crate) token: Attr<String>,
        pub(crate) max_retries: Attr<i64>,
        pub(crate) requests_per_second: Attr<BTreeMap<String, Attr<f64>>>,
        pub(crate) assume_role: Attr<Vec<AssumeRoleBlock>>,
        pub(crate) endpoints: Attr<Vec<EndpointsBlock>>,
    }
}

tfplugin::object! {
    /// The `assume_role` block.
    #[derive(Clone, Debug)]
    pub(crate) struct AssumeRoleBlock {
        pub(crate) role_arn: Attr<String>,
        pub(crate) session_name: Attr<String>,
        pub(crate) external_id: Attr<String>,
    }
}

tfplugin::object! {
    /// The `endpoints` block.
    #[derive(Clone, Debug)]
    pub(crate) struct EndpointsBlock {
        pub(crate) logs: Attr<String>,
        pub(crate) sts: Attr<String>,
    }
}

/// What the resources are given: a way to AWS, or none yet.
#[derive(Debug)]
pub(crate) enum Client {
    /// Some of the provider block is only known at apply: nothing may be called before.
    Unknown,
    Known(Box<Account>),
}

impl Client {
    /// The way to AWS, where the provider block was known.
    pub(crate) fn known(cx: &Context<Self>) -> Option<&Account> {
        match cx.client() {
            Self::Known(account) => Some(account),
            Self::Unknown => None,
        }
    }
}

/// As many as the AWS provider's default.
const DEFAULT_MAX_RETRIES: u32 = 25;

impl Provider for Logagg {
    type Config = Config;
    type Client = Client;

    fn schema(&self) -> Schema {
        Schema::new(0, block())
    }

    fn validate(&self, config: &Config, diagnostics: &mut Diagnostics) {
        for (present, absent, path) in [
            (&config.access_key, &config.secret_key, "secret_key"),
            (&config.secret_key, &config.access_key, "access_key"),
            (&config.token, &config.access_key, "access_key"),
        ] {
            if present.known().is_some() && absent.is_null() {
                diagnostics.push(diagnostics::incomplete_keys(path));
            }
        }
        for (api, rate) in config.requests_per_second.known().into_iter().flatten() {
            let path = AttributePath::root("requests_per_second").key(api);
            if !Api::ALL.iter().any(|known| known.name() == api) {
                diagnostics.push(diagnostics::unknown_api(api, path));
            } else if rate.known().is_some_and(|rate| !(0.01..=10_000.0).contains(rate)) {
                diagnostics.push(diagnostics::impossible_rate(api, path));
            }
        }
    }

    async fn configure(&self, _version: &str, config: Config) -> Result<Client, Diagnostics> {
        if !config.clone().into_value().is_wholly_known() {
            return Ok(Client::Unknown);
        }
        match settings(config).account().await {
            Ok(account) => Ok(Client::Known(Box::new(account))),
            Err(error) => Err(diagnostics::no_region(&error).into()),
        }
    }

    fn resources(&self) -> Vec<ErasedResource<Client>> {
        vec![ErasedResource::new(PolicyResource)]
    }

    fn data_sources(&self) -> Vec<ErasedDataSource<Client>> {
        Vec::new()
    }
}

fn settings(config: Config) -> Settings {
    let keys = config.access_key.into_known().zip(config.secret_key.into_known());
    let token = config.token.into_known();
    let role = config.assume_role.into_known().and_then(|blocks| blocks.into_iter().next());
    let endpoints = config.endpoints.into_known().and_then(|blocks| blocks.into_iter().next());
    let rates = config.requests_per_second.into_known().unwrap_or_default();
    Settings {
        region: config.region.into_known(),
        profile: config.profile.into_known(),
        keys: keys.map(|(access_key, secret_key)| StaticKeys { access_key, secret_key, token }),
        assume_role: role.and_then(|role| {
            Some(AssumeRole {
                role_arn: role.role_arn.into_known()?,
                session_name: role.session_name.into_known(),
                external_id: role.external_id.into_known(),
            })
        }),
        endpoints: endpoints.map_or_else(Endpoints::default, |endpoints| Endpoints {
            logs: endpoints.logs.into_known(),
            sts: endpoints.sts.into_known(),
        }),
        max_retries: config
            .max_retries
            .into_known()
            .and_then(|retries| u32::try_from(retries).ok())
            .unwrap_or(DEFAULT_MAX_RETRIES),
        requests_per_second: rates
            .into_iter()
            .filter_map(|(api, rate)| Some((api, rate.into_known()?)))
            .collect(),
    }
}

fn block() -> Block {
    let text = || Attribute::optional(Type::String);
    Block::new()
        .describe(
            "Log aggregation for AWS Lambda: which CloudWatch log groups are shipped where, and how \
             long they are kept.",
        )
        .attribute(
            "region",
            text().describe(
                "Region of resources that name none. Without it, `AWS_REGION`, \
                 `AWS_DEFAULT_REGION` or the profile's region.",
            ).check(|region: &String| checks::region(region)),
        )
        .attribute(
            "profile",
            text().describe("Profile of the shared configuration files. Without it, `AWS_PROFILE`."),
        )
        .attribute(
            "access_key",
            text().describe(
                "Access key, together with `secret_key`. Without them the credentials come from \
                 where every AWS SDK finds them: environment, shared files, SSO, process, \
                 container or instance.",
            ),
        )
        .attribute("secret_key", text().sensitive().describe("Secret key of `access_key`."))
        .attribute("token", text().sensitive().describe("Session token of `access_key`."))
        .attribute(
            "max_retries",
            Attribute::optional(Type::Number)
                .describe(
                    "How often a call that AWS throttled, aborted or could not serve is made again. \
                     Default: 25.",
                )
                .check(|retries: &i64| checks::max_retries(*retries)),
        )
        .attribute(
            "requests_per_second",
            Attribute::optional(Type::map(Type::Number)).describe(
                "How many calls a second to make, by the name of the call, as in \
                 `{ DescribeLogGroups = 20 }`. Without it AWS's default quota: 10 for \
                 `DescribeLogGroups`, 5 for each of `DescribeSubscriptionFilters`, \
                 `PutSubscriptionFilter`, `DeleteSubscriptionFilter`, `PutRetentionPolicy` and \
                 `DeleteRetentionPolicy`.",
            ),
        )
        .block("assume_role", NestedBlock::list(assume_role_block()).max_items(1))
        .block("endpoints", NestedBlock::list(endpoints_block()).max_items(1))
}

fn assume_role_block() -> Block {
    Block::new()
        .describe("The role whose credentials all calls are made with.")
        .attribute(
            "role_arn",
            Attribute::required(Type::String)
                .describe("ARN of the role.")
                .check(|arn: &String| checks::role_arn(arn)),
        )
        .attribute(
            "session_name",
            Attribute::optional(Type::String)
                .describe("Name of the session, as CloudTrail shows it. Default: `terraform-provider-logagg`."),
        )
        .attribute(
            "external_id",
            Attribute::optional(Type::String).describe("External id that the role's trust policy asks for."),
        )
}

fn endpoints_block() -> Block {
    let url = |service: &str| {
        Attribute::optional(Type::String)
            .describe(format!("Address of {service} instead of AWS's own."))
            .check(|url: &String| checks::url(url))
    };
    Block::new()
        .describe(
            "Addresses of emulators or private endpoints. `AWS_ENDPOINT_URL` and its relatives are \
             honoured as well.",
        )
        .attribute("logs", url("CloudWatch Logs"))
        .attribute("sts", url("STS"))
}
