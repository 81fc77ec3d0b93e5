//! Real repositories in temporary directories, made and changed by the real git.

mod support;

mod checkout;
mod command;
mod fetch;
mod heal;
mod hostile;
mod https;
mod merge;
mod policy;
mod ssh;
mod stall;
mod trust;
mod url;
mod watch;
