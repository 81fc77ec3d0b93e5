//! Runs Ansible and understands what it tells.

pub mod collection;
pub mod decode;
pub mod lines;
