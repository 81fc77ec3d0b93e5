//! The tree module against real directories.

mod faults;
mod hosts;
mod properties;
mod world;
