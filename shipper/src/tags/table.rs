//! The table of one account and region: log groups and functions by name, with chosen tags.

use std::collections::BTreeMap;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::decode::{self, DecodeError};

/// Tags by their keys.
pub type Tags = BTreeMap<String, String>;

/// The version of the document. A reader refuses any other.
const VERSION: u32 = 1;

/// The maximum size of a table as JSON: about 80,000 log groups with one tag each.
pub const MAX_TABLE_BYTES: usize = 8 * 1024 * 1024;

/// The tags of an account's log groups and functions in a region.
///
/// Tags stay JSON until they are looked up, which takes a tenth of the memory.
#[derive(Debug, Serialize, Deserialize)]
pub struct TagTable {
    logagg: String,
    version: u32,
    account_id: String,
    region: String,
    /// The chosen keys.
    keys: Vec<String>,
    log_groups: BTreeMap<String, Box<RawValue>>,
    functions: BTreeMap<String, Box<RawValue>>,
}

/// Why a table cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It is too large.
    #[error("the table has more than {MAX_TABLE_BYTES} bytes after decompression")]
    TooLarge,
    /// It is not compressed, or damaged.
    #[error("the object is not complete gzip")]
    NoGzip,
    /// It is not a table.
    #[error("the object is not a tag table")]
    NoTable,
    /// It has another version.
    #[error("the table has the version {0}, this program reads {VERSION}")]
    OtherVersion(u32),
    /// It is of another account or region.
    #[error("the table is of account {0} and region {1}")]
    OtherPlace(String, String),
}

impl TagTable {
    /// An empty table.
    pub fn new(account_id: &str, region: &str, keys: &[String]) -> Self {
        Self {
            logagg: "tag_table".to_owned(),
            version: VERSION,
            account_id: account_id.to_owned(),
            region: region.to_owned(),
            keys: keys.to_vec(),
            log_groups: BTreeMap::new(),
            functions: BTreeMap::new(),
        }
    }

    /// Adds the chosen ones of a resource's tags. Resources other than log groups and functions,
    /// and those without a chosen tag, are not in the table.
    ///
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>,
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>
    pub fn add(&mut self, arn: &str, tags: impl Iterator<Item = (String, String)>) {
        let mut parts = arn.splitn(7, ':');
        let service = parts.nth(2);
        let (kind, name) = (parts.nth(2), parts.next());
        let resources = match (service, kind) {
            (Some("logs"), Some("log-group")) => &mut self.log_groups,
            (Some("lambda"), Some("function")) => &mut self.functions,
            _ => return,
        };
        let name = name.and_then(|name| name.split(':').next()).filter(|name| !name.is_empty());
        let chosen: Tags = tags.filter(|(key, _)| self.keys.contains(key)).collect();
        if let (Some(name), Ok(raw), false) = (name, to_raw_value(&chosen), chosen.is_empty()) {
            resources.insert(name.to_owned(), raw);
        }
    }

    /// The numbers of log groups and functions.
    pub fn sizes(&self) -> (usize, usize) {
        (self.log_groups.len(), self.functions.len())
    }

    /// The chosen keys.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The tags of a log group, and those of its function that the log group does not have.
    pub fn tags(&self, log_group: &str, function: Option<&str>) -> Option<Tags> {
        let function = function.and_then(|function| self.functions.get(function));
        let mut tags = function.and_then(|raw| read(raw)).unwrap_or_default();
        tags.extend(self.log_groups.get(log_group).and_then(|raw| read(raw)).unwrap_or_default());
        Some(tags).filter(|tags| !tags.is_empty())
    }

    /// The compressed document. Equal tables have equal documents.
    pub fn encode(&self) -> Result<Vec<u8>, TableError> {
        let json = serde_json::to_vec(self).map_err(|_| TableError::NoTable)?;
        if json.len() > MAX_TABLE_BYTES {
            return Err(TableError::TooLarge);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        std::io::Write::write_all(&mut encoder, &json).map_err(|_| TableError::NoGzip)?;
        encoder.finish().map_err(|_| TableError::NoGzip)
    }

    /// Reads the compressed document of an account and region. Returns its size as JSON too.
    pub fn decode(
        document: &[u8],
        account_id: &str,
        region: &str,
    ) -> Result<(Self, usize), TableError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }

        let json = decode::gunzip(document, MAX_TABLE_BYTES, Vec::new());
        let json = json.map_err(|error| match error {
            DecodeError::TooLarge { .. } => TableError::TooLarge,
            _ => TableError::NoGzip,
        })?;
        let Head { version } = serde_json::from_slice(&json).map_err(|_| TableError::NoTable)?;
        if version != VERSION {
            return Err(TableError::OtherVersion(version));
        }
        let table: Self = serde_json::from_slice(&json).map_err(|_| TableError::NoTable)?;
        if table.account_id != account_id || table.region != region {
            return Err(TableError::OtherPlace(table.account_id, table.region));
        }
        let mut all = table.log_groups.values().chain(table.functions.values());
        if all.any(|raw| read(raw).is_none()) {
            return Err(TableError::NoTable);
        }
        Ok((table, json.len()))
    }
}

fn read(raw: &RawValue) -> Option<Tags> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "123456789012";
    const REGION: &str = "eu-west-1";

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn table(resources: &[(&str, &[(&str, &str)])]) -> TagTable {
        let mut table = TagTable::new(ACCOUNT, REGION, &["team".to_owned(), "env".to_owned()]);
        for (resource, pairs) in resources {
            let (service, rest) = resource.split_once(' ').unwrap();
            let arn = format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}");
            table.add(&arn, tags(pairs).into_iter());
        }
        table
    }

    #[test]
    fn a_log_group_has_its_functions_tags_and_its_own_take_precedence() {
        let table = table(&[
            ("lambda function:pay", &[("team", "payments"), ("env", "prod")]),
            ("logs log-group:/aws/lambda/pay", &[("team", "audit"), ("cost", "7")]),
            ("logs log-group:/ecs/web:*", &[("env", "test")]),
        ]);
        let of = |group, function| table.tags(group, function);
        let both = tags(&[("team", "audit"), ("env", "prod")]);
        assert_eq!(of("/aws/lambda/pay", Some("pay")), Some(both));
        let of_function = tags(&[("team", "payments"), ("env", "prod")]);
        assert_eq!(of("/shop/all", Some("pay")), Some(of_function));
        assert_eq!(of("/ecs/web", None), Some(tags(&[("env", "test")])));
        assert_eq!(of("/ecs/other", Some("other")), None);
        assert_eq!(table.sizes(), (2, 1));
    }

    #[test]
    fn only_resources_with_a_chosen_tag_are_in_the_table() {
        let table = table(&[
            ("lambda function:a", &[("cost", "7")]),
            ("lambda function:b", &[]),
            ("lambda layer:c", &[("team", "x")]),
            ("logs destination:d", &[("team", "x")]),
            ("s3 function:e", &[("team", "x")]),
        ]);
        assert_eq!(table.sizes(), (0, 0));
    }

    #[test]
    fn a_document_is_read_as_it_was_written_and_equal_tables_are_equal_documents() {
        let resources: [(&str, &[(&str, &str)]); 2] = [
            ("lambda function:pay", &[("team", "\"ü\"")]),
            ("logs log-group:a", &[("env", "prod")]),
        ];
        let document = table(&resources).encode().unwrap();
        let reversed = [resources[1], resources[0]];
        assert_eq!(table(&reversed).encode().unwrap(), document);
        let (read, bytes) = TagTable::decode(&document, ACCOUNT, REGION).unwrap();
        assert_eq!(read.tags("x", Some("pay")), Some(tags(&[("team", "\"ü\"")])));
        assert!(bytes > 0);
    }

    #[test]
    fn another_document_is_refused_with_the_reason() {
        let check = |json: &str, expected: TableError| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            std::io::Write::write_all(&mut encoder, json.as_bytes()).unwrap();
            let document = encoder.finish().unwrap();
            let error = TagTable::decode(&document, ACCOUNT, REGION).unwrap_err();
            assert_eq!(error, expected, "{}", &json[..json.len().min(80)]);
        };
        check("{", TableError::NoTable);
        check("{\"version\":2}", TableError::OtherVersion(2));
        check("{\"version\":1}", TableError::NoTable);
        let of = |account: &str, functions: &str| {
            format!(
                "{{\"logagg\":\"tag_table\",\"version\":1,\"account_id\":\"{account}\",\
                 \"region\":\"{REGION}\",\"keys\":[],\"log_groups\":{{}},\"functions\":{functions}}}"
            )
        };
        let place = TableError::OtherPlace("999999999999".to_owned(), REGION.to_owned());
        check(&of("999999999999", "{}"), place);
        check(&of(ACCOUNT, "{\"a\":{\"team\":5}}"), TableError::NoTable);
        check(&" ".repeat(MAX_TABLE_BYTES + 1), TableError::TooLarge);
        let error = TagTable::decode(b"plain", ACCOUNT, REGION).unwrap_err();
        assert_eq!(error, TableError::NoGzip);
    }

    #[test]
    fn a_table_that_no_reader_would_accept_is_not_written() {
        let mut table = table(&[]);
        let value = "x".repeat(MAX_TABLE_BYTES);
        let arn = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:a");
        table.add(&arn, [("team".to_owned(), value)].into_iter());
        assert_eq!(table.encode(), Err(TableError::TooLarge));
    }
}
