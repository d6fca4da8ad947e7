//! The configuration of an Elasticsearch destination.

use reqwest::Url;

use super::auth::{api_key, basic};
use super::fields::Fields;
use super::url::url;
use crate::aws::Service;
use crate::destination::dated::Dated;
use crate::destination::elasticsearch::{Access, Elasticsearch, Ids, MAX_REQUEST_BYTES};
use crate::destination::{Destination, Signing};

/// Reads the fields of type `elasticsearch`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    /// The largest request that a server can be configured to take.
    const LARGEST_REQUEST_BYTES: usize = 2_000_000_000;

    let url = url(fields, "https://search.example:9200");
    let index = index(fields);
    let access = access(fields, url.as_ref());
    let ids = match fields.choice_or_first("ids", &["send", "omit"]) {
        "omit" => Ids::Omitted,
        _ => Ids::Sent,
    };
    let max_request_bytes =
        fields.bytes("max_request_bytes", 10_000..=LARGEST_REQUEST_BYTES, MAX_REQUEST_BYTES);
    Some(Box::new(Elasticsearch::new(url?, index?, access?, ids, max_request_bytes)))
}

/// Reads `index` by the rules of Elasticsearch.
///
/// <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create>
fn index(fields: &mut Fields<'_, '_>) -> Option<Dated> {
    const LONGEST_BYTES: usize = 255;

    let text = fields.text("index")?;
    let index = match Dated::parse(text) {
        Ok(index) => index,
        Err(error) => {
            fields.mistake_in("index", &error.to_string());
            return None;
        }
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
        let mistake = format!(
            "is {text:?}, which is no name of an index or data stream: lower case, at most 255 \
             bytes, without blanks and any of \\ / * ? \" < > | , # : %, not beginning with - _ + ."
        );
        fields.mistake_in("index", &mistake);
        return None;
    }
    Some(index)
}

/// Reads `auth`; `None` for a mistake.
fn access(fields: &mut Fields<'_, '_>, url: Option<&Url>) -> Option<Access> {
    let is_anonymous = !fields.has("auth");
    let Some(mut auth) = fields.optional_object("auth") else {
        return is_anonymous.then_some(Access::Anonymous);
    };
    let access = match auth.choice("type", &["basic", "api_key", "aws"])? {
        "basic" => basic(&mut auth).map(Access::Header),
        "api_key" => api_key(&mut auth).map(Access::Header),
        _ => signing(&mut auth, url).map(Access::Signed),
    };
    auth.finish();
    access
}

/// Reads which service is signed for, and where; both are in the host's name where it is AWS's own.
fn signing(auth: &mut Fields<'_, '_>, url: Option<&Url>) -> Option<Signing> {
    let named = auth.optional_choice("service", &["es", "aoss"]);
    let region = auth.optional_text("region");
    let host: Vec<&str> = url.and_then(Url::host_str).unwrap_or_default().split('.').collect();
    let (of_host, region_of_host) = match &host[..] {
        [.., region, "aoss", "amazonaws", "com"] => (Some("aoss"), Some(*region)),
        [.., region, "es", "amazonaws", "com"] => (Some("es"), Some(*region)),
        _ => (None, None),
    };
    let service = match named.or(of_host) {
        Some("es") => Service::OpenSearch,
        Some("aoss") => Service::OpenSearchServerless,
        _ => {
            auth.mistake_in(
                "service",
                "is missing, and the host's name does not tell: \"es\" for Amazon OpenSearch \
                 Service, \"aoss\" for OpenSearch Serverless",
            );
            return None;
        }
    };
    Some(Signing { service, region: region.or(region_of_host).map(str::to_owned) })
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
        let expected = format!("LOGAGG_CONFIG has 1 mistake:\n  destinations.search.{expected}");
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
    fn mistakes_name_the_field_and_never_a_secret() {
        let base = r#""url":"https://s.example","index":"logs""#;
        check(
            r#""url":"https://u:s3cr3t@s.example","index":"logs""#,
            "url: must not hold credentials; give them in the fields meant for them",
        );
        check(
            r#""url":"https://s.example/?x=1","index":"logs""#,
            "url: must not have a query or a fragment (what follows ? or #)",
        );
        check(
            r#""url":"https://s.example","index":"Logs""#,
            "index: is \"Logs\", which is no name of an index or data stream: lower case, at most 255 bytes, \
             without blanks and any of \\ / * ? \" < > | , # : %, not beginning with - _ + .",
        );
        check(
            &format!(r#"{base},"auth":{{"type":"basic","username":"a:b","password":"s3cr3t"}}"#),
            "auth.username: must not have a colon",
        );
        check(
            &format!(r#"{base},"auth":{{"type":"api_key","api_key":"id:s3cr3t"}}"#),
            "auth.api_key: must be the key in its encoded form, which Elasticsearch shows as \"encoded\"",
        );
        check(
            &format!(r#"{base},"auth":{{"type":"bearer"}}"#),
            "auth.type: is \"bearer\", must be one of \"basic\", \"api_key\", \"aws\"",
        );
        check(
            &format!(r#"{base},"max_request_bytes":1"#),
            "max_request_bytes: is 1, must be between 10000 and 2000000000",
        );
    }

    #[test]
    fn amazon_opensearch_is_signed_for_by_the_name_of_its_host() {
        let signing = |url: &str, auth: &str| {
            let fields = format!(r#""url":"{url}","index":"logs-{{yyyy.MM.dd}}","auth":{auth}"#);
            let config = config(&fields).unwrap_or_else(|error| panic!("{error}"));
            let endpoint = config.destinations["search"].destination.endpoint();
            let signing = endpoint.signing.clone().unwrap();
            (signing.service.name(), signing.region)
        };
        let region = Some("eu-west-1".to_owned());
        assert_eq!(
            signing("https://vpc-logs-x.eu-west-1.es.amazonaws.com", r#"{"type":"aws"}"#),
            ("es", region.clone())
        );
        assert_eq!(
            signing("https://abc.eu-west-1.aoss.amazonaws.com", r#"{"type":"aws"}"#),
            ("aoss", region.clone())
        );
        let named = r#"{"type":"aws","service":"es","region":"eu-west-1"}"#;
        assert_eq!(signing("https://search.example", named), ("es", region));
        check(
            r#""url":"https://search.example","index":"logs","auth":{"type":"aws"}"#,
            "auth.service: is missing, and the host's name does not tell: \"es\" for Amazon \
             OpenSearch Service, \"aoss\" for OpenSearch Serverless",
        );
        check(
            r#""url":"https://search.example","index":"logs-{DD}""#,
            "index: has {DD}, which is no time: use yyyy, MM, dd and HH, as in {yyyy.MM.dd}",
        );
    }
}
