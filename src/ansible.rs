//! Runs Ansible and understands what it tells.
//!
//! The way of a run through this module: [`runtime`] makes the Ansible ready, [`command`] says what is started and
//! with which environment, [`place`] makes its directories, [`execute`] starts it under its [`guardian`] with the
//! launcher of the [`collection`], and [`lines`] and [`decode`] turn what it says into events as they come.

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
