//! The configuration of tags, which the shipper reads and the enforcer writes.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::schema::number;
use super::undelivered;
pub(crate) use super::undelivered::PREFIX;
use crate::tags::{TableBucket, TagSource};

/// The fields of the shipper's `tags`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    #[schemars(extend("pattern" = undelivered::BUCKET, "errorMessage" = undelivered::NO_BUCKET))]
    bucket: String,
    #[serde(default = "undelivered::default_prefix")]
    #[schemars(extend("pattern" = undelivered::PREFIX_PATTERN, "format" = PREFIX.name))]
    prefix: String,
    region: Option<String>,
    #[schemars(extend("pattern" = undelivered::ACCOUNT, "errorMessage" = undelivered::NO_ACCOUNT))]
    bucket_owner: Option<String>,
    #[schemars(extend(
        "minItems" = 1,
        "uniqueItems" = true,
        "items" = json!({
            "type": "string", "pattern": undelivered::ACCOUNT,
            "errorMessage": undelivered::NO_ACCOUNT,
        }),
        "errorMessage" = "must list at least one account ID, each once",
    ))]
    accounts: Vec<String>,
    #[serde(default = "number::<300>")]
    #[schemars(range(min = 60, max = 86_400))]
    refresh_s: u64,
}

/// The fields of the enforcer's `tag_table`.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct TableSettings {
    #[schemars(extend("pattern" = undelivered::BUCKET, "errorMessage" = undelivered::NO_BUCKET))]
    bucket: String,
    #[serde(default = "undelivered::default_prefix")]
    #[schemars(extend("pattern" = undelivered::PREFIX_PATTERN, "format" = PREFIX.name))]
    prefix: String,
    region: Option<String>,
    #[schemars(extend("pattern" = undelivered::ACCOUNT, "errorMessage" = undelivered::NO_ACCOUNT))]
    bucket_owner: Option<String>,
    #[schemars(extend(
        "minItems" = 1,
        "maxItems" = 50,
        "uniqueItems" = true,
        "items" = json!({"type": "string", "minLength": 1, "maxLength": 128}),
        "errorMessage" = "must list 1 to 50 tag keys, each once",
    ))]
    pub(crate) keys: Vec<String>,
}

impl Settings {
    /// The source of tags, for the keys that routes and templates use.
    pub(super) fn source(self, used_keys: impl Iterator<Item = String>) -> TagSource {
        TagSource {
            bucket: TableBucket {
                bucket: self.bucket,
                region: self.region,
                bucket_owner: self.bucket_owner,
                prefix: self.prefix,
            },
            accounts: self.accounts.into_iter().collect(),
            refresh: Duration::from_secs(self.refresh_s),
            used_keys: used_keys.collect(),
        }
    }
}

impl TableSettings {
    /// The bucket of the tables, and the chosen keys.
    pub(crate) fn into_parts(self) -> (TableBucket, Vec<String>) {
        let bucket = TableBucket {
            bucket: self.bucket,
            region: self.region,
            bucket_owner: self.bucket_owner,
            prefix: self.prefix,
        };
        (bucket, self.keys)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Config;

    fn config(tags: &Value, routes: &Value) -> Result<Config, String> {
        let mut document = json!({
            "destinations": {
                "archive": {"type": "s3", "bucket": "logs", "region": "eu-west-1"},
                "search": {"type": "elasticsearch", "url": "https://s.example", "index": "logs"},
            },
            "undelivered": {"bucket": "kept"},
        });
        for (field, value) in [("tags", tags), ("routes", routes)] {
            if !value.is_null() {
                document[field] = value.clone();
            }
        }
        Config::parse(&document.to_string()).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(tags: &Value, routes: &Value, errors: &[&str]) {
        let error = config(tags, routes).err().unwrap_or_default();
        let lines: Vec<&str> = error.lines().skip(1).map(str::trim).collect();
        assert_eq!(lines, errors);
    }

    #[test]
    fn optional_fields_have_defaults() {
        let tags = json!({"bucket": "tables", "accounts": ["123456789012"]});
        let tags = config(&tags, &Value::Null).unwrap().tags.unwrap();
        assert_eq!((tags.refresh, &*tags.bucket.prefix), (Duration::from_secs(300), "logagg/"));
    }

    #[test]
    fn errors_name_the_field() {
        check(
            &json!({"bucket": "arn:aws:s3:::b", "accounts": ["1"], "refresh_s": 5, "prefix": "x"}),
            &Value::Null,
            &[
                "tags.accounts[0]: is \"1\", must be an account ID of 12 digits",
                "tags.bucket: is \"arn:aws:s3:::b\", must be a bucket name: 3 to 63 characters of \
                 a to z, 0 to 9, - and . (the name, not an ARN)",
                "tags.prefix: invalid prefix \"x\": must end with a slash and not begin with one, \
                 such as \"logagg/\"",
                "tags.refresh_s: invalid value 5: must be between 60 and 86400",
            ],
        );
        let nothing = json!({"bucket": "tables", "accounts": []});
        check(
            &nothing,
            &Value::Null,
            &["tags.accounts: must list at least one account ID, each once"],
        );
    }

    #[test]
    fn a_required_tag_without_tags_is_an_error_at_its_field() {
        let routes = json!([
            {
                "name": "pay", "match": {"tags": {"team": "pay*"}}, "destinations": ["search"],
                "set": {"index": "logs-{tag:team}-{tag:env|none}"},
            },
            {"name": "rest", "destinations": ["archive"], "set": {"prefix": "{tag:env|none}/"}},
        ]);
        check(
            &Value::Null,
            &routes,
            &[
                "routes[0].match.tags.team: can never match: it requires the tag \"team\", but no \
                 tags are read; configure \"tags\"",
                "routes[0].set.index: uses the tag \"team\", but no tags are read: configure \
                 \"tags\", or give it a default, as in {tag:team|none}",
            ],
        );
        let tags = json!({"bucket": "tables", "accounts": ["123456789012"]});
        let used = config(&tags, &routes).unwrap().tags.unwrap().used_keys;
        assert_eq!(used.into_iter().collect::<Vec<_>>(), ["env", "team"]);
        let document = json!({
            "destinations": {"x": {
                "type": "elasticsearch", "url": "https://s.example", "index": "logs-{tag:team}",
            }},
        });
        let error = Config::parse(&document.to_string()).err().unwrap().to_string();
        assert!(error.contains("destinations.x.index: uses the tag \"team\""), "{error}");
    }
}
