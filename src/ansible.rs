//! Runs Ansible and understands what it tells.
//!
//! The way of a run through this module: [`runtime`] makes the Ansible ready, [`command`] says what is started and
//! with which environment, [`place`] makes its directories, [`execute`] starts it under its [`guardian`] with the
//! launcher of the [`collection`], [`lines`] and [`decode`] turn what it says into events as they come, and [`clean`]
//! takes the secrets out of them, those of the [`announcements`] included.

pub mod announcements;
pub mod clean;

pub mod command;
pub mod environment;
pub mod place;
pub mod runtime;

pub mod execute;
pub mod guardian;
pub mod limits;

pub mod collection;
pub mod decode;
pub mod lines;

mod helper;
