//! Programs of others, built or downloaded where somebody asks for them.

pub mod opentofu;
