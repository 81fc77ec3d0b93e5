//! The `driftless` program: daemon and command line in one.

fn main() {}
