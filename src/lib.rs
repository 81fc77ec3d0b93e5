//! driftless keeps fleets of hosts as Git says they should be, through `ansible-playbook`.
//!
//! `ARCHITECTURE.md` has the picture. In one sentence: adapters listen, [`reconciler`] decides, [`store`] remembers,
//! adapters act, and only [`daemon`] sees them all.

pub mod domain;

pub mod reconciler;

pub mod alerts;
pub mod ansible;
pub mod api;
pub mod config;
pub mod content;
pub mod forge;
pub mod git;
pub mod identity;
pub mod metrics;
pub mod outbound;
pub mod privileges;
pub mod redact;
pub mod sandbox;
pub mod signals;
pub mod store;
pub mod web;

pub mod cli;
pub mod daemon;
pub mod demo;
pub mod doctor;
pub mod error;
