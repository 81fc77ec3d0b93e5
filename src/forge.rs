//! Forges: the servers where merge requests are. They are asked and told over their APIs.

pub mod client;
pub mod comment;

pub use client::{Client, ForgeError, ForgeLimits, ForgeSettings};
