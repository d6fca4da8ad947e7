//! Tags of log groups and functions, without a call for each event.
//!
//! The enforcer of an account lists the tags and writes one table for each region, an object in S3
//! ([`TagTable`]). The shipper reads the tables of the accounts whose log events it receives
//! ([`TagTables`]), and makes no other call for tags.

mod bucket;
mod table;
mod tables;

pub use bucket::TableBucket;
pub use table::{MAX_TABLE_BYTES, TableError, TagTable, Tags};
pub use tables::{TagSource, TagTables};
