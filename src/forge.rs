//! Forges: the servers where repositories and merge requests are. They tell through webhooks.

pub mod webhook;
