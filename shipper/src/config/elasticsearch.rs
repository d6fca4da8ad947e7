//! The configuration of an Elasticsearch destination.

use boon::Format;
use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::{ApiKey, Basic};
use super::names::Templates;
use super::schema::{FieldError, by_type, check_text, size};
use super::signing::OfHost;
use super::url::HttpUrl;
use crate::aws::Service;
use crate::destination::elasticsearch::{Access, Elasticsearch, Ids, MAX_REQUEST_BYTES};
use crate::destination::time_template::TimeTemplate;
use crate::destination::{Destination, Signing};
use crate::routing::{Allowed, NameField, Template};

/// The fields of type `elasticsearch`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    url: HttpUrl,
    #[schemars(extend("format" = INDEX.name))]
    index: String,
    auth: Option<Auth>,
    #[serde(default)]
    index_in: IndexIn,
    #[serde(default)]
    document_ids: DocumentIds,
    /// The maximum that a server can be configured to accept.
    #[serde(default = "size::<MAX_REQUEST_BYTES>")]
    #[schemars(range(min = 10_000, max = 2_000_000_000))]
    max_request_bytes: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schemars(transform = by_type)]
enum Auth {
    Basic(Basic),
    ApiKey { api_key: ApiKey },
    Aws { service: Option<AwsService>, region: Option<String> },
}

/// The document id.
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum DocumentIds {
    /// An id derived from the log event's id.
    #[default]
    EventId,
    /// No id: the destination generates one for each copy.
    None,
}

/// Where a request contains the index.
#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum IndexIn {
    #[default]
    Path,
    Body,
}

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AwsService {
    Es,
    Aoss,
}

/// The name of an index or data stream, with date fields.
pub(super) const INDEX: Format =
    Format { name: "index", func: |value| check_text(value, |text| index(text).map(drop)) };

impl Settings {
    /// Whether documents have ids of the shipper, by which the cluster removes duplicates.
    pub(super) fn sends_ids(&self) -> bool {
        matches!(self.document_ids, DocumentIds::EventId)
    }

    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        // Times are written by the destination.
        if index(&self.index).is_ok_and(|index| index.is_none()) {
            templates.required(&self.index, NameField::Index)?;
        }
        Ok(())
    }

    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let HttpUrl(url) = self.url;
        let index = index(&self.index).map_err(|text| FieldError::new("index", text))?;
        let access = match &self.auth {
            None => Ok(Access::Anonymous),
            Some(Auth::Basic(basic)) => basic.header().map(Access::Header),
            Some(Auth::ApiKey { api_key }) => api_key.header().map(Access::Header),
            Some(Auth::Aws { service, region }) => {
                signing(&url, *service, region.as_deref()).map(Access::Signed)
            }
        };
        let access = access.map_err(|error| error.below("auth"))?;
        let ids = match self.document_ids {
            DocumentIds::EventId => Ids::Sent,
            DocumentIds::None => Ids::Omitted,
        };
        let is_in_body = self.index_in == IndexIn::Body;
        let max = self.max_request_bytes;
        Ok(Box::new(Elasticsearch::new(url, index, is_in_body, access, ids, max)))
    }
}

/// Parses the name of an index by Elasticsearch's rules.
///
/// <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create>
///
/// `None` for a template with other values than the time.
fn index(text: &str) -> Result<Option<TimeTemplate>, String> {
    const LONGEST_BYTES: usize = 255;

    let Ok(index) = TimeTemplate::parse(text) else {
        let template = Template::parse(text, Allowed::ElasticsearchIndex);
        return template.map(|_| None).map_err(|error| error.to_string());
    };
    let name = index.at_1970();
    let allowed = name.len() <= LONGEST_BYTES
        && !name.starts_with(['-', '_', '+', '.'])
        && !name.contains(|character: char| {
            character.is_uppercase()
                || character.is_whitespace()
                || character.is_control()
                || "\\/*?\"<>|,#:%".contains(character)
        });
    if !allowed {
        return Err(format!(
            "invalid name {text:?} of an index or data stream: must be lower case, at most 255 \
             bytes, without spaces and any of \\ / * ? \" < > | , # : %, not beginning with - _ \
             + ."
        ));
    }
    Ok(Some(index))
}

/// The service and region to sign for; both are in the host name of AWS's own endpoints.
fn signing(
    url: &Url,
    service: Option<AwsService>,
    region: Option<&str>,
) -> Result<Signing, FieldError> {
    let host = OfHost::in_url(url);
    let of_host = match host.service {
        Some("es") => Some(AwsService::Es),
        Some("aoss") => Some(AwsService::Aoss),
        _ => None,
    };
    let service = match service.or(of_host) {
        Some(AwsService::Es) => Service::OpenSearch,
        Some(AwsService::Aoss) => Service::OpenSearchServerless,
        None => {
            return Err(FieldError::new(
                "service",
                "is missing and cannot be derived from the host name: set \"es\" for Amazon \
                 OpenSearch Service, \"aoss\" for OpenSearch Serverless",
            ));
        }
    };
    let region = region.or(host.region).map(str::to_owned);
    Ok(Signing { service: service.name().into(), region })
}

#[cfg(test)]
mod tests {
    use reqwest::header::AUTHORIZATION;

    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(
            r#"{{"destinations":{{"search":{{"type":"elasticsearch",{fields}}}}}}}"#
        ))
    }

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let error = config(fields).err().map(|error| error.to_string());
        let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.search.{expected}");
        assert_eq!(error, Some(expected), "{fields}");
    }

    #[track_caller]
    fn check_authorization(auth: &str, expected: &str) {
        let fields = format!(r#""url":"https://s.example","index":"logs","auth":{auth}"#);
        let config = config(&fields).unwrap_or_else(|error| panic!("{error}"));
        let header = &config.destinations["search"].destination.endpoint().headers[AUTHORIZATION];
        assert_eq!(header, expected);
        assert!(header.is_sensitive());
    }

    #[test]
    fn both_kinds_of_credentials_become_a_header() {
        check_authorization(
            r#"{"type":"basic","username":"u","password":"p:ä"}"#,
            "Basic dTpwOsOk",
        );
        check_authorization(
            r#"{"type":"api_key","api_key":"VnVhQ2ZHY0JDZGJrU=="}"#,
            "ApiKey VnVhQ2ZHY0JDZGJrU==",
        );
    }

    #[test]
    fn errors_name_the_field_and_never_a_secret() {
        let base = r#""url":"https://s.example","index":"logs""#;
        check(
            r#""url":"https://u:s3cr3t@s.example","index":"logs""#,
            "url: must not contain credentials; use the destination's fields for credentials",
        );
        check(
            r#""url":"https://s.example/?x=1","index":"logs""#,
            "url: must not contain a query or a fragment (what follows ? or #)",
        );
        check(
            r#""url":"https://s.example","index":"Logs""#,
            "index: invalid name \"Logs\" of an index or data stream: must be lower case, at \
             most 255 bytes, without spaces and any of \\ / * ? \" < > | , # : %, not beginning \
             with - _ + .",
        );
        check(
            &format!(r#"{base},"auth":{{"type":"basic","username":"a:b","password":"s3cr3t"}}"#),
            "auth.username: must not contain a colon",
        );
        check(
            &format!(r#"{base},"auth":{{"type":"api_key","api_key":"id:s3cr3t"}}"#),
            "auth.api_key: must be the encoded form of the API key, which Elasticsearch returns \
             as \"encoded\"",
        );
        check(
            &format!(r#"{base},"auth":{{"type":"bearer"}}"#),
            "auth.type: invalid value \"bearer\": must be one of \"basic\", \"api_key\", \"aws\"",
        );
        check(
            &format!(r#"{base},"max_request_bytes":1"#),
            "max_request_bytes: invalid value 1: must be between 10000 and 2000000000",
        );
    }

    #[test]
    fn amazon_opensearch_is_signed_for_by_the_name_of_its_host() {
        let signing = |url: &str, auth: &str| {
            let fields = format!(r#""url":"{url}","index":"logs-{{yyyy.MM.dd}}","auth":{auth}"#);
            let config = config(&fields).unwrap_or_else(|error| panic!("{error}"));
            let endpoint = config.destinations["search"].destination.endpoint();
            let signing = endpoint.signing.clone().unwrap();
            (signing.service.into_owned(), signing.region)
        };
        let region = Some("eu-west-1".to_owned());
        assert_eq!(
            signing("https://vpc-logs-x.eu-west-1.es.amazonaws.com", r#"{"type":"aws"}"#),
            ("es".to_owned(), region.clone())
        );
        assert_eq!(
            signing("https://abc.eu-west-1.aoss.amazonaws.com", r#"{"type":"aws"}"#),
            ("aoss".to_owned(), region.clone())
        );
        assert_eq!(
            signing("https://a.cn-north-1.es.amazonaws.com.cn", r#"{"type":"aws"}"#),
            ("es".to_owned(), Some("cn-north-1".to_owned()))
        );
        assert_eq!(
            signing("https://a.aos.eu-west-1.on.aws", r#"{"type":"aws"}"#),
            ("es".to_owned(), region.clone())
        );
        let named = r#"{"type":"aws","service":"es","region":"eu-west-1"}"#;
        assert_eq!(signing("https://search.example", named), ("es".to_owned(), region));
        check(
            r#""url":"https://search.example","index":"logs","auth":{"type":"aws"}"#,
            "auth.service: is missing and cannot be derived from the host name: set \"es\" for \
             Amazon OpenSearch Service, \"aoss\" for OpenSearch Serverless",
        );
        check(
            r#""url":"https://search.example","index":"logs-{DD}""#,
            "index: has the unknown value {DD}: use account, region, log_group, log_stream, function, \
             service, kind, level, tag:<key>, field:<path>, or the time in yyyy, MM, dd and HH",
        );
    }
}
