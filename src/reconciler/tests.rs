//! Stories, and a simulation in random weather.

mod dice;
mod story;

mod scenario_approval;
mod scenario_backoff;
mod scenario_dependencies;
mod scenario_drift;
mod scenario_fetch;
mod scenario_ledger;
mod scenario_limits;
mod scenario_locks;
mod scenario_merge_requests;
mod scenario_people;
mod scenario_recovery;
mod scenario_request;
mod scenario_restore;
mod scenario_rewind;
mod scenario_run;
mod scenario_settings;
mod scenario_signatures;
mod scenario_stop;
mod scenario_windows;

mod days;
mod races;
mod simulation;
