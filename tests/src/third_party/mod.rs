//! Servers of others, built from package registries: they test the shipper, the provider and the
//! mock servers of the tests. None of them is needed by `cargo test`.

pub mod cache;
pub mod tools;
pub mod versions;

mod go;
mod maven;

pub mod collector;
pub mod elasticmq;
pub mod lambda_emulator;
pub mod nginx;
pub mod opensearch;
pub mod opentofu;
pub mod rotel;
pub mod victorialogs;
