//! How the types of the API look to people. Pure: a value and the time in, a page out.

mod alerts;
mod audit;
mod drift;
#[cfg(test)]
mod drift_tests;
mod hosts;
mod logs;
mod merge_requests;
mod outcome;
mod run;
#[cfg(test)]
mod run_tests;
mod runs;
mod said;
#[cfg(test)]
pub(super) mod samples;
mod stack;
mod status;
#[cfg(test)]
mod tests;
mod words;

pub(super) use alerts::alerts_page;
pub(super) use audit::audit_page;
pub(super) use drift::{Diffs, coverage_words, drift_page, hosts_page, plan_page};
pub(super) use hosts::host_list_page;
pub(super) use logs::EventPages;
pub(super) use merge_requests::{merge_request_page, merge_requests_page};
pub(super) use run::{Next, Shown, run_page, task_words};
pub(super) use runs::runs_page;
pub(super) use stack::{explanation_page, stacks_page};
pub(super) use status::{status_page, waiting_page};
