//! Live previews of merge requests in a sandbox: check mode with the real keys, by those whom the operator trusts, and
//! yet no mark on the control node.

use std::path::{Path, PathBuf};

use crate::ansible::command::{Access, Credential, Launch};
use crate::ansible::place::Place;
use crate::ansible::runtime::Runtime;
use crate::config::SourceConfig;
use crate::domain::Failure;
use crate::sandbox::{LivePlace, allowed_config, wrap_live};

use super::hands::Tools;
use super::sandboxing;

/// How much a live preview may write to each directory that it has in memory.
const TEMPORARY_BYTES: u64 = 256 * 1024 * 1024;

/// The same run in a sandbox. Without one there is none: what cannot be confined is not previewed.
pub(super) async fn confined(
    tools: &Tools,
    source: &SourceConfig,
    (place, lent, runtime): (&Place, &Access, &Runtime),
    launch: Launch,
) -> Result<Launch, Failure> {
    let sandbox = sandboxing::sandbox(tools, source)?;
    sandboxing::availability(tools, &sandbox).await?;
    let config = std::fs::read_to_string(place.checkout.join("ansible.cfg")).unwrap_or_default();
    let config = allowed_config(&config, &place.checkout).text;
    let live = LivePlace {
        checkout: place.checkout.clone(),
        python: runtime.python.clone(),
        own: place.work(),
        home: place.home.clone(),
        empty: Vec::new(),
        readable: readable(place, lent, runtime),
        temporary_bytes: TEMPORARY_BYTES,
    };
    let wrapped = wrap_live(&sandbox, &live, &launch.program, &launch.args)?;
    Ok(launch.in_sandbox(wrapped, &config))
}

/// What else it reads: launcher and collection, roles and collections of the runtime, what the operator lends.
fn readable(place: &Place, lent: &Access, runtime: &Runtime) -> Vec<PathBuf> {
    let file = |it: &Credential| match it {
        Credential::File(path) => Some(path.clone()),
        // Its text is written into the directory of the run.
        Credential::Text(_) => None,
    };
    let mut all: Vec<PathBuf> = place.launcher.parent().map(Path::to_owned).into_iter().collect();
    all.push(place.state_dir.clone());
    all.extend(runtime.roles_path.iter().chain(&runtime.collections_path).cloned());
    all.extend(lent.ssh_key.iter().chain(&lent.become_password).filter_map(file));
    all.extend(lent.vault_ids.iter().filter_map(|(_, it)| file(it)));
    all.extend([&lent.ssh_agent, &lent.known_hosts, &lent.ssh_config].into_iter().flatten().cloned());
    all
}
