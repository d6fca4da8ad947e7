//! Providers as processes, spoken to as Terraform does, and by Terraform itself.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod client;
mod handshake;
mod list_resource;
mod operations;
mod program;
mod state;
mod terraform;
mod value;
