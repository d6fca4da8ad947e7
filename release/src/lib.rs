//! What is published, and how it comes about: the provider's archives as a Terraform registry wants
//! them, the Lambda functions' and the report's archives, checksums, bills of materials and licences.
//!
//! The same commit gives the same bytes: times, order and permissions in an archive are fixed, and
//! nothing tells where it was compiled. Nothing is ever fetched: what cannot be made for want of a
//! compiler target is named. Uploading is not done here.

pub mod product;

pub mod compile;
pub mod crates;

pub mod archive;
pub mod bill;
pub mod notices;
pub mod sums;

mod glibc;

pub mod package;
