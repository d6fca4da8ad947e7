//! Servers of others, built from package registries: they judge the shipper, the provider and the
//! mock servers of the tests. None of them is needed by `cargo test`.

pub mod cache;
pub mod opensearch;
pub mod tools;
pub mod versions;

mod go;

pub mod collector;
pub mod lambda_emulator;
pub mod nginx;
pub mod rotel;
pub mod victorialogs;
