//! The Ansible module `driftless.core.tree`: makes a directory on the host equal to a directory of the repository.
//!
//! The controller sends what the tree should be like ([`wanted`]) and, when asked, the contents of files that differ
//! ([`contents`]). [`observe`] reads the host, [`plan`] decides, [`apply`] acts. A check run stops before the last.

pub mod apply;
pub mod contents;
pub mod faults;
pub mod module;
pub mod observe;
pub mod observed;
mod owners;
pub mod path;
pub mod pattern;
pub mod plan;
pub mod problem;
pub mod root;
pub mod wanted;
