//! A record to encode in the tests of destinations.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::log_source::LogSource;
use crate::record::{Piece, Record};

pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const REGION: &str = "eu-west-1";
pub(super) const GROUP: &str = "/aws/lambda/orders";
pub(super) const STREAM: &str = "2023/11/06/[$LATEST]0123456789abcdef0123456789abcdef";
pub(super) const ID: &str = "31953106606966983378809025079804211143289615424298221568";
pub(super) const MILLIS: u64 = 1_699_264_800_123;

/// Calls `use_it` with a record that has this message.
pub(super) fn with_piece(message: &str, use_it: impl FnOnce(&Piece<'_>)) {
    with_piece_of(GROUP, message, use_it);
}

/// Calls `use_it` with a record whose log source has these tags.
pub(super) fn with_tagged_piece(tags: &[(&str, &str)], use_it: impl FnOnce(&Piece<'_>)) {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let tags: BTreeMap<String, String> = tags.collect();
    let log_source = LogSource::new(ACCOUNT, GROUP, STREAM).with_tags(Some(tags));
    use_it(&Piece::whole(&Record { id: ID, ..Record::of(&log_source, "x") }));
}

/// Calls `use_it` with a record of this log group that has this message.
pub(super) fn with_piece_of(group: &str, message: &str, use_it: impl FnOnce(&Piece<'_>)) {
    let log_source = LogSource::new(ACCOUNT, group, STREAM).in_region(Some(REGION));
    let record = Record {
        id: ID,
        time: SystemTime::UNIX_EPOCH + Duration::from_millis(MILLIS),
        ..Record::of(&log_source, message)
    };
    use_it(&Piece::whole(&record));
}
