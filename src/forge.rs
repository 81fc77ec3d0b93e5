//! Forges: the servers where repositories and merge requests are. They are asked and told over their APIs, and tell
//! through webhooks.

pub mod client;
pub mod comment;
pub mod webhook;

pub use client::{Client, ForgeError, ForgeLimits, ForgeSettings};
