//! Forges: the servers where merge requests are. They are asked and told over their APIs.

pub mod client;

pub use client::{Client, ForgeError, ForgeLimits, ForgeSettings};
