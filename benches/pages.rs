//! Makes the estate that pages and API are measured with: `pages --keep DIR`.
//!
//! What is measured is measured from outside, through a daemon that is started on it: `scripts/lib/bench/pages.py`.

mod common;
mod estate;

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

fn main() {
    let kept = std::env::args().skip_while(|it| it != "--keep").nth(1).map(PathBuf::from);
    let extra = std::env::args().skip_while(|it| it != "--config").nth(1).unwrap_or_default();
    let own = tempfile::tempdir().expect("a directory");
    let dir = kept.unwrap_or_else(|| own.path().to_owned());
    let size = if common::is_quick() {
        estate::Estate { stacks: 50, hosts: 500, runs: 2_000, commits: 40 }
    } else {
        estate::LARGE
    };
    let begun = Instant::now();
    size.build(&dir, &extra);
    let parts = size.parts();
    let bytes = dir.join("state/store/driftless.db").metadata().expect("a database").len();
    common::print(&json!({
        "stacks": size.stacks, "hosts": size.hosts, "runs": size.runs, "database_bytes": bytes,
        "seconds": begun.elapsed().as_secs_f64(), "largest": parts[0].name, "stack": parts[1].name,
        "host": parts[0].hosts[0],
    }));
}
