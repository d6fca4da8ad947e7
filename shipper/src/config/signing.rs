//! Requests that are signed for an AWS service.

use reqwest::Url;
use reqwest::header::HeaderMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::auth::{Basic, Token};
use super::headers::authorization;
use super::schema::{FieldError, by_type};
use crate::destination::Signing;

/// The pattern of names of services and regions, in lower case.
const NAME: &str = "^[a-z0-9-]+$";

/// Credentials for the header `Authorization`, or the function's own for signatures.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(transform = by_type)]
pub(super) enum Auth {
    Basic(Basic),
    Bearer {
        token: Token,
    },
    Aws {
        #[schemars(extend(
            "pattern" = NAME,
            "errorMessage" = "must be the signing name of a service, such as \"osis\"",
        ))]
        service: Option<String>,
        #[schemars(extend(
            "pattern" = NAME,
            "errorMessage" = "must be a region, such as \"eu-west-1\"",
        ))]
        region: Option<String>,
    },
}

impl Auth {
    /// The header for `auth`, and how requests to `url` are signed, if they are.
    pub(super) fn of(
        auth: Option<&Self>,
        url: &Url,
    ) -> Result<(HeaderMap, Option<Signing>), FieldError> {
        let header = match auth {
            None => return Ok((HeaderMap::new(), None)),
            Some(Self::Aws { service, region }) => {
                let signing = signing(url, service.as_deref(), region.as_deref());
                let signing = signing.map_err(|error| error.below("auth"))?;
                return Ok((HeaderMap::new(), Some(signing)));
            }
            Some(Self::Basic(basic)) => basic.header(),
            Some(Self::Bearer { token }) => token.header("Bearer ", "token"),
        };
        Ok((authorization(header.map_err(|error| error.below("auth"))?), None))
    }
}

/// The service and region to sign for, which default to those in the host name.
fn signing(url: &Url, service: Option<&str>, region: Option<&str>) -> Result<Signing, FieldError> {
    let host = OfHost::in_url(url);
    let service = service.or(host.service).ok_or_else(|| {
        FieldError::new(
            "service",
            "is missing and cannot be derived from the host name: set the signing name of the \
             service, such as \"osis\" for OpenSearch Ingestion, \"logs\" for CloudWatch Logs, \
             \"execute-api\" for API Gateway, \"lambda\" for a function URL",
        )
    })?;
    let region = region.or(host.region).map(str::to_owned);
    Ok(Signing { service: service.to_owned().into(), region })
}

/// The service and region in a host name of AWS.
#[derive(Debug, Default, PartialEq)]
pub(super) struct OfHost<'u> {
    /// The signing name.
    pub(super) service: Option<&'u str>,
    pub(super) region: Option<&'u str>,
}

impl<'u> OfHost<'u> {
    /// Services whose signing name is before the region.
    const BEFORE_REGION: [&'static str; 4] = ["execute-api", "lambda", "logs", "xray"];

    /// Services whose signing name is after the region.
    ///
    /// <https://docs.aws.amazon.com/opensearch-service/latest/developerguide/configure-client.html>
    const AFTER_REGION: [&'static str; 3] = ["aoss", "es", "osis"];

    /// What the host name of a URL says.
    pub(super) fn in_url(url: &'u Url) -> Self {
        let labels: Vec<&str> = url.host_str().unwrap_or_default().split('.').collect();
        let of = |service: &'u str, region: &'u str| Self {
            service: Some(service),
            region: Some(region),
        };
        match &labels[..] {
            // <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>
            [.., "lambda-url", region, "on", "aws"] => return of("lambda", region),
            [.., "aos", region, "on", "aws"] => return of("es", region),
            _ => {}
        }
        // `amazonaws.com`, in other partitions `amazonaws.com.cn` and others, and `api.aws` of
        // dual-stack endpoints.
        let is_suffix = |rest: &[&str]| matches!(rest, ["amazonaws", ..] | ["api", "aws", ..]);
        let suffix = (0..labels.len()).find(|&index| is_suffix(&labels[index..]));
        let own = &labels[..suffix.unwrap_or_default()];
        // An interface endpoint.
        let own = own.strip_suffix(&["vpce"]).unwrap_or(own);
        match own {
            [.., region, service] if Self::AFTER_REGION.contains(service) => of(service, region),
            [.., service, region] => {
                let service = service.strip_suffix("-fips").unwrap_or(service);
                match Self::BEFORE_REGION.contains(&service) {
                    true => of(service, region),
                    false => Self::default(),
                }
            }
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::config::{Config, ConfigError};

    fn config(url: &str, auth: &Value) -> Result<Config, ConfigError> {
        let destination = json!({"type": "http", "url": url, "auth": auth});
        Config::parse(&json!({"destinations": {"x": destination}}).to_string())
    }

    #[track_caller]
    fn check(url: &str, service: &str, region: &str) {
        let config = config(url, &json!({"type": "aws"})).unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        let signing = endpoint.signing.clone().unwrap();
        assert_eq!((&*signing.service, signing.region.as_deref()), (service, Some(region)));
    }

    #[track_caller]
    fn check_error(url: &str, auth: &Value, expected: &str) {
        let error = config(url, auth).err().map(|error| error.to_string());
        let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.auth.{expected}");
        assert_eq!(error, Some(expected), "{url} {auth}");
    }

    #[test]
    fn service_and_region_are_those_of_the_host_name() {
        check("https://shop-abc.eu-west-1.osis.amazonaws.com/log/ingest", "osis", "eu-west-1");
        check("https://logs.us-west-2.amazonaws.com/ingest/json", "logs", "us-west-2");
        check("https://logs-fips.us-gov-west-1.amazonaws.com", "logs", "us-gov-west-1");
        check("https://logs.us-west-2.api.aws", "logs", "us-west-2");
        check("https://xray.cn-north-1.amazonaws.com.cn", "xray", "cn-north-1");
        check("https://logs.eusc-de-east-1.amazonaws.eu", "logs", "eusc-de-east-1");
        check("https://vpce-1-2.logs.eu-west-1.vpce.amazonaws.com", "logs", "eu-west-1");
        check("https://a1.execute-api.eu-west-1.amazonaws.com/prod", "execute-api", "eu-west-1");
        check("https://lambda.eu-west-1.amazonaws.com", "lambda", "eu-west-1");
        check("https://a1.lambda-url.eu-west-1.on.aws", "lambda", "eu-west-1");
        check("https://vpc-x.eu-west-1.es.amazonaws.com", "es", "eu-west-1");
        check("https://x.aos.eu-west-1.on.aws", "es", "eu-west-1");
        check("https://x.eu-west-1.aoss.amazonaws.com", "aoss", "eu-west-1");
    }

    #[test]
    fn configured_service_and_region_have_precedence() {
        let auth = json!({"type": "aws", "service": "execute-api", "region": "eu-west-2"});
        for url in ["https://api.example/in", "https://a1.lambda-url.eu-west-1.on.aws"] {
            let config = config(url, &auth).unwrap_or_else(|error| panic!("{error}"));
            let endpoint = config.destinations["x"].destination.endpoint();
            let signing = endpoint.signing.clone().unwrap();
            let both = (&*signing.service, signing.region.as_deref());
            assert_eq!(both, ("execute-api", Some("eu-west-2")));
        }
    }

    #[test]
    fn a_service_that_is_unknown_or_invalid_is_an_error() {
        for url in [
            "https://api.example",
            "https://logs.amazonaws.com",
            "https://data.iot.eu-west-1.amazonaws.com",
            "https://amazonaws.com",
        ] {
            let expected = "service: is missing and cannot be derived from the host name: set the \
                signing name of the service, such as \"osis\" for OpenSearch Ingestion, \"logs\" \
                for CloudWatch Logs, \"execute-api\" for API Gateway, \"lambda\" for a function URL";
            check_error(url, &json!({"type": "aws"}), expected);
        }
        check_error(
            "https://api.example",
            &json!({"type": "aws", "service": "Amazon OSIS"}),
            "service: is \"Amazon OSIS\", must be the signing name of a service, such as \"osis\"",
        );
        check_error(
            "https://logs.eu-west-1.amazonaws.com",
            &json!({"type": "aws", "region": "eu west"}),
            "region: is \"eu west\", must be a region, such as \"eu-west-1\"",
        );
    }
}
