//! The program as it runs on hosts.

mod ansible;
mod interrupted;
