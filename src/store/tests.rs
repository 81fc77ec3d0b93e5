//! The store on real files: what was acknowledged is there, whatever happens.

mod events;
mod fixture;
mod journal;
mod migrations;
mod opening;
mod recorder;
mod runs;
