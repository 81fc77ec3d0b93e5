//! The store on real files: what was acknowledged is there, whatever happens.

mod alerts;
mod archive;
mod audit;
mod crash;
mod deliveries;
mod events;
mod fixture;
mod full_disk;
mod journal;
mod migrations;
mod opening;
mod recorder;
mod retention;
mod runs;
