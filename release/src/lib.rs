//! Builds everything that is published: the provider's archives for a Terraform registry, the
//! archives of the Lambda functions and the report, checksums, SBOMs and licenses.
//!
//! The same commit gives the same bytes: times, order and permissions in an archive are fixed, and
//! no path of the build machine is included. Nothing is downloaded: a missing compiler target is
//! reported. Uploading is not done here.

pub mod product;

pub mod compile;
pub mod crates;

pub mod archive;
pub mod bill;
pub mod notices;
pub mod sums;

mod glibc;

pub mod package;
