//! The endpoints of AWS services.

use reqwest::Url;

use super::environment::{Environment, Switch};
use super::error::Problem;
use super::service::{Service, USE_FIPS};

/// The endpoint of a service, as in [`Aws::endpoint`](super::Aws::endpoint), by this process's environment.
pub fn address(service: Service, region: Option<&str>) -> Result<Url, Problem> {
    let environment = Environment::of_process();
    of(service, environment.region(region)?, environment)
}

/// Whether an endpoint is configured in place of AWS's own.
pub(super) fn is_set(service: Service, environment: &Environment) -> bool {
    set(service, environment).is_some()
}

fn set(service: Service, environment: &Environment) -> Option<(&'static str, &str)> {
    [service.variable(), "AWS_ENDPOINT_URL"]
        .into_iter()
        .find_map(|name| Some((name, environment.variable(name)?)))
}

/// The endpoint of a service in a region.
pub(super) fn of(
    service: Service,
    region: &str,
    environment: &Environment,
) -> Result<Url, Problem> {
    if let Some((variable, url)) = set(service, environment) {
        let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        return url.filter(Url::has_host).ok_or(Problem::NoUrl { variable });
    }
    // The region becomes part of the host name.
    let is_region = !region.is_empty()
        && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let no_region = || Problem::NoRegion { region: region.to_owned() };
    if !is_region {
        return Err(no_region());
    }
    let fips = environment.switch(USE_FIPS)?;
    let dual_stack = environment.switch(USE_DUAL_STACK)?;
    let host = host(service, region, fips, dual_stack)
        .ok_or_else(|| Problem::NoFips { service, region: region.to_owned() })?;
    Url::parse(&format!("https://{host}/")).map_err(|_| no_region())
}

/// Enables dual-stack (IPv6) endpoints.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html>
const USE_DUAL_STACK: &str = "AWS_USE_DUALSTACK_ENDPOINT";

/// The host of a service's endpoint, by the endpoint rules of AWS's SDKs; `None` if the rules have
/// no such endpoint. Whether the host exists in a region is known only to DNS.
///
/// <https://smithy.io/2.0/aws/rules-engine/index.html>,
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
fn host(service: Service, region: &str, fips: Switch, dual_stack: Switch) -> Option<String> {
    let partition = Partition::of(region);
    let name = service.name();
    let dual_stack = dual_stack == Switch::On;
    let suffix = match service {
        // S3's dual-stack hosts have the standard suffix and `dualstack` in the name.
        Service::S3 => partition.suffix,
        // Secrets Manager's standard endpoints are dual-stack.
        Service::SecretsManager
            if partition.is(&["aws", "aws-us-gov"])
                || partition.is(&["aws-cn"]) && fips == Switch::Off =>
        {
            partition.suffix
        }
        _ if dual_stack => partition.dual_stack_suffix,
        _ => partition.suffix,
    };
    let has_standard_fips_endpoint = partition.is(&["aws-us-gov"])
        && !dual_stack
        && matches!(
            service,
            Service::Sqs | Service::Kinesis | Service::CloudWatchLogs | Service::Ssm
        );
    let fips = match fips {
        Switch::On if service == Service::S3 && partition.is(&["aws-cn"]) => return None,
        Switch::On if !has_standard_fips_endpoint => "-fips",
        _ => "",
    };
    let dual_stack = if service == Service::S3 && dual_stack { ".dualstack" } else { "" };
    Some(format!("{name}{fips}{dual_stack}.{region}.{suffix}"))
}

/// The name of a region's partition.
pub(crate) fn partition(region: &str) -> &'static str {
    Partition::of(region).name
}

/// What the regions of a partition share.
struct Partition {
    name: &'static str,
    /// The prefix of its regions.
    prefix: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
}

impl Partition {
    /// All partitions except the first, which contains all other regions.
    ///
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoint-discovery.html>,
    /// <https://smithy.io/2.0/aws/rules-engine/library-functions.html#aws-partition-function>
    const OTHERS: [Self; 7] = [
        Self::new("aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
        Self::new("aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"),
        Self::new("aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
        Self::new("aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
        Self::new("aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
        Self::new("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
        Self::new("aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ];
    const AWS: Self = Self::new("aws", "", "amazonaws.com", "api.aws");

    const fn new(
        name: &'static str,
        prefix: &'static str,
        suffix: &'static str,
        dual_stack_suffix: &'static str,
    ) -> Self {
        Self { name, prefix, suffix, dual_stack_suffix }
    }

    /// The partition of a region.
    fn of(region: &str) -> Self {
        let mut others = Self::OTHERS.into_iter();
        others.find(|partition| region.starts_with(partition.prefix)).unwrap_or(Self::AWS)
    }

    fn is(&self, names: &[&str]) -> bool {
        names.contains(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(service: Service, region: &str, variables: &[(&str, &str)], expected: &str) {
        let url = of(service, region, &Environment::from_pairs(variables));
        assert_eq!(url.as_ref().map(Url::as_str), Ok(expected));
    }

    #[test]
    fn a_service_has_the_endpoint_of_its_partition() {
        check(Service::S3, "eu-west-1", &[], "https://s3.eu-west-1.amazonaws.com/");
        check(Service::Sqs, "cn-north-1", &[], "https://sqs.cn-north-1.amazonaws.com.cn/");
        check(Service::Ssm, "us-gov-west-1", &[], "https://ssm.us-gov-west-1.amazonaws.com/");
        check(Service::Ssm, "eusc-de-east-1", &[], "https://ssm.eusc-de-east-1.amazonaws.eu/");
    }

    #[test]
    fn a_service_specific_endpoint_has_precedence() {
        let all = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        let s3 = ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000/base");
        check(Service::S3, "eu-west-1", &[all, s3], "http://127.0.0.1:9000/base");
        check(Service::Sqs, "eu-west-1", &[all, s3], "http://127.0.0.1:4566/");
        check(Service::Sqs, "eu-west-1", &[s3], "https://sqs.eu-west-1.amazonaws.com/");
    }

    const FIPS: (&str, &str) = ("AWS_USE_FIPS_ENDPOINT", "true");
    const DUAL_STACK: (&str, &str) = ("AWS_USE_DUALSTACK_ENDPOINT", "true");

    /// The FIPS, dual-stack, and FIPS dual-stack hosts, from the endpoint tests of AWS's SDKs.
    #[track_caller]
    fn check_variants(service: Service, region: &str, expected: [&str; 3]) {
        let variants: [&[(&str, &str)]; 3] = [&[FIPS], &[DUAL_STACK], &[FIPS, DUAL_STACK]];
        for (variables, host) in variants.into_iter().zip(expected) {
            check(service, region, variables, &format!("https://{host}/"));
        }
    }

    #[test]
    fn fips_and_dual_stack_endpoints_follow_the_endpoint_rules_of_aws() {
        check_variants(
            Service::S3,
            "us-west-2",
            [
                "s3-fips.us-west-2.amazonaws.com",
                "s3.dualstack.us-west-2.amazonaws.com",
                "s3-fips.dualstack.us-west-2.amazonaws.com",
            ],
        );
        check_variants(
            Service::S3,
            "us-gov-west-1",
            [
                "s3-fips.us-gov-west-1.amazonaws.com",
                "s3.dualstack.us-gov-west-1.amazonaws.com",
                "s3-fips.dualstack.us-gov-west-1.amazonaws.com",
            ],
        );
        let s3_in_china = "https://s3.dualstack.cn-north-1.amazonaws.com.cn/";
        check(Service::S3, "cn-north-1", &[DUAL_STACK], s3_in_china);
        for (service, name) in [
            (Service::Sqs, "sqs"),
            (Service::Kinesis, "kinesis"),
            (Service::Firehose, "firehose"),
            (Service::CloudWatchLogs, "logs"),
            (Service::Lambda, "lambda"),
            (Service::Pipes, "pipes"),
            (Service::Ssm, "ssm"),
            (Service::Tagging, "tagging"),
        ] {
            let fips_in_aws = format!("{name}-fips.us-east-1.amazonaws.com");
            let dual_stack_in_aws = format!("{name}.us-east-1.api.aws");
            let both_in_aws = format!("{name}-fips.us-east-1.api.aws");
            check_variants(service, "us-east-1", [&fips_in_aws, &dual_stack_in_aws, &both_in_aws]);
            let fips_in_china = format!("{name}-fips.cn-north-1.amazonaws.com.cn");
            let dual_stack_in_china = format!("{name}.cn-north-1.api.amazonwebservices.com.cn");
            let both_in_china = format!("{name}-fips.cn-north-1.api.amazonwebservices.com.cn");
            check_variants(
                service,
                "cn-north-1",
                [&fips_in_china, &dual_stack_in_china, &both_in_china],
            );
            // Their standard endpoints are FIPS endpoints there.
            let is_standard = matches!(name, "sqs" | "kinesis" | "logs" | "ssm");
            let mark = if is_standard { "" } else { "-fips" };
            let fips_in_gov = format!("{name}{mark}.us-gov-east-1.amazonaws.com");
            let dual_stack_in_gov = format!("{name}.us-gov-east-1.api.aws");
            let both_in_gov = format!("{name}-fips.us-gov-east-1.api.aws");
            check_variants(
                service,
                "us-gov-east-1",
                [&fips_in_gov, &dual_stack_in_gov, &both_in_gov],
            );
        }
        check_variants(
            Service::SecretsManager,
            "us-east-1",
            [
                "secretsmanager-fips.us-east-1.amazonaws.com",
                "secretsmanager.us-east-1.amazonaws.com",
                "secretsmanager-fips.us-east-1.amazonaws.com",
            ],
        );
        check_variants(
            Service::SecretsManager,
            "us-gov-east-1",
            [
                "secretsmanager-fips.us-gov-east-1.amazonaws.com",
                "secretsmanager.us-gov-east-1.amazonaws.com",
                "secretsmanager-fips.us-gov-east-1.amazonaws.com",
            ],
        );
        check_variants(
            Service::SecretsManager,
            "cn-north-1",
            [
                "secretsmanager-fips.cn-north-1.amazonaws.com.cn",
                "secretsmanager.cn-north-1.amazonaws.com.cn",
                "secretsmanager-fips.cn-north-1.api.amazonwebservices.com.cn",
            ],
        );
        let iso = "https://sqs-fips.us-iso-east-1.c2s.ic.gov/";
        check(Service::Sqs, "us-iso-east-1", &[FIPS], iso);
        let sovereign = "https://sqs.eusc-de-east-1.api.amazonwebservices.eu/";
        check(Service::Sqs, "eusc-de-east-1", &[DUAL_STACK], sovereign);
    }

    #[test]
    fn a_configured_endpoint_has_precedence_over_fips_and_dual_stack() {
        let set = ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000/");
        check(Service::S3, "cn-north-1", &[set, FIPS, DUAL_STACK], "http://127.0.0.1:9000/");
    }

    #[test]
    fn fips_and_dual_stack_are_disabled_by_false_in_any_case() {
        let variables =
            [("AWS_USE_FIPS_ENDPOINT", "False"), ("AWS_USE_DUALSTACK_ENDPOINT", "TRUE")];
        check(Service::Ssm, "eu-west-1", &variables, "https://ssm.eu-west-1.api.aws/");
    }

    #[test]
    fn a_missing_endpoint_is_an_error_without_fallback() {
        let error = |variables: &[(&str, &str)]| {
            let environment = Environment::from_pairs(variables);
            of(Service::S3, "cn-north-1", &environment).unwrap_err().to_string()
        };
        let none = "s3 has no FIPS endpoint in cn-north-1: unset AWS_USE_FIPS_ENDPOINT, or set \
                    AWS_ENDPOINT_URL_S3 to the one to use";
        assert_eq!(error(&[FIPS]), none);
        assert_eq!(error(&[FIPS, DUAL_STACK]), none);
        assert_eq!(
            error(&[("AWS_USE_DUALSTACK_ENDPOINT", "yes")]),
            "AWS_USE_DUALSTACK_ENDPOINT must be true or false"
        );
    }

    #[test]
    fn invalid_urls_are_rejected() {
        let environment = Environment::from_pairs(&[("AWS_ENDPOINT_URL_SSM", "127.0.0.1:4566")]);
        let problem = of(Service::Ssm, "eu-west-1", &environment);
        assert_eq!(problem, Err(Problem::NoUrl { variable: "AWS_ENDPOINT_URL_SSM" }));
        for region in ["", "a b", "evil.example/", "x@evil.example#"] {
            let problem = of(Service::Ssm, region, &Environment::from_pairs(&[]));
            assert_eq!(problem, Err(Problem::NoRegion { region: region.to_owned() }));
        }
    }
}
