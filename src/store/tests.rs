//! The store on real files: what was acknowledged is there, whatever happens.

mod access;
mod alerts;
mod archive;
mod audit;
mod chosen;
mod crash;
mod deliveries;
mod events;
pub(super) mod fixture;
mod full_disk;
mod journal;
mod migrations;
mod opening;
mod recorder;
mod retention;
mod runs;
