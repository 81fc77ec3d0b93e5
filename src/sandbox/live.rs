//! The sandbox of a live preview: real check mode, with keys and network, because the operator trusts the author. It
//! still leaves no mark on this machine but in the directory of its run.

use std::path::{Path, PathBuf};

use super::arguments::{Mount, Profile};
use super::confine::Wrapping;
use super::{Sandbox, TEMPORARY, machine, of_python};
use crate::domain::Failure;

/// What a live preview sees besides programs, libraries and the configuration of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivePlace {
    /// The tree that is previewed; also its working directory.
    pub checkout: PathBuf,
    /// The Python of the runtime.
    pub python: PathBuf,
    /// The directory of the run that belongs to its user (`own/`): the only one that it may write.
    pub own: PathBuf,
    /// `HOME`, which is empty, in memory, and gone with the run.
    pub home: PathBuf,
    /// Further directories that the run expects to write, as empty as that.
    pub empty: Vec<PathBuf>,
    /// What else it reads: the launcher and the collections beside it, roles and collections of the runtime, files
    /// of keys, `known_hosts`, the socket of an agent.
    pub readable: Vec<PathBuf>,
    /// Bytes of each directory in memory.
    pub temporary_bytes: u64,
}

/// Wraps the command of a run: what is given to the run's guardian instead of `program` and `args`. The environment
/// of the run, its inherited descriptors and its limits stay what they are; secrets are not among the arguments.
///
/// The guardian has to be the process that starts it, in the same directory as before.
pub fn wrap_live(
    sandbox: &Sandbox,
    place: &LivePlace,
    program: &Path,
    args: &[String],
) -> Result<(PathBuf, Vec<String>), Failure> {
    let mut mounts = machine::base();
    mounts.extend(machine::connected());
    mounts.push(Mount::Empty(TEMPORARY.into(), place.temporary_bytes));
    // A connection to this machine asks here for its home, and not the environment.
    mounts.push(Mount::File("/etc/passwd", machine::users(sandbox.run_as, &place.home)));
    let empty = std::iter::once(&place.home).chain(&place.empty);
    mounts.extend(empty.map(|it| Mount::Empty(it.clone(), place.temporary_bytes)));
    mounts.extend(of_python(&place.python)?);
    mounts.extend(place.readable.iter().cloned().map(Mount::Read));
    mounts.push(Mount::Read(place.checkout.clone()));
    mounts.push(Mount::Write(place.own.clone()));
    let profile = Profile {
        mounts,
        identity: None,
        network: true,
        environment: None,
        directory: place.checkout.clone(),
        shared_memory: place.temporary_bytes,
    };
    let wrapping = Wrapping { bwrap: sandbox.bwrap.clone(), arguments: profile.arguments(program, args) };
    let wrapping = serde_json::to_string(&wrapping).expect("arguments are text alone");
    Ok((sandbox.program.clone(), vec!["sandbox".to_owned(), "exec".to_owned(), wrapping]))
}
