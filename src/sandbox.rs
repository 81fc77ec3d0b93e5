//! Previews of what nobody has agreed to yet: code that anybody may have written runs, and reaches nothing.
//!
//! Ansible has no mode in which it only reads: a syntax check executes plugins and templates of the repository
//! (measured). So a sandboxed preview runs in bubblewrap, without network, keys, other processes or any place to
//! write, within limits, and what it prints is data. What it cannot do is said, never worked around.
//!
//! A live preview runs with keys and network, for authors whom the operator trusts, in the second profile
//! ([`wrap_live`]).

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Failure;

mod arguments;
mod command;
mod confine;
mod filter;
mod hearing;
mod listing;
mod live;
mod machine;
mod preview;
mod probe;
mod settings;
mod text;

pub use confine::main;
pub use listing::{ListedPlay, ListedTask};
pub use live::{LivePlace, wrap_live};
pub use preview::{SandboxReport, Syntax};
pub use probe::Availability;
pub use settings::{AllowedConfig, IgnoredSetting, LONGEST_CONFIG, Refusal, allowed_config};

use arguments::{Mount, Profile};
use confine::{Order, Wrapping};
use hearing::Heard;

/// Where a sandboxed preview finds the repository.
pub const CHECKOUT: &str = "/driftless/checkout";

/// The only place that a sandboxed preview may write, in memory; its `HOME` as well.
const TEMPORARY: &str = "/tmp";

/// The user that code in a sandboxed preview finds itself to be: nobody.
const NOBODY: u32 = 65534;

/// The user that a sandbox is started as, seen from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Group id; there is no other group.
    pub gid: u32,
}

/// How sandboxes are made on this machine.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// The `driftless` program, whose hidden subcommand watches over each sandbox.
    pub program: PathBuf,
    /// Bubblewrap.
    pub bwrap: PathBuf,
    /// As whom; `None` is the user of the daemon. Who it is must be able to read the checkout and the runtime.
    pub run_as: Option<RunAs>,
}

/// The limits of a sandboxed preview. Each is for code that means harm: what is honest never notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxLimits {
    /// From its start to its end.
    pub wall: Duration,
    /// Processor time of each process.
    pub cpu: Duration,
    /// Address space of each process in bytes.
    pub memory_bytes: u64,
    /// Processes. The kernel does not count those of root.
    pub processes: u64,
    /// Size of a written file in bytes.
    pub file_bytes: u64,
    /// Size of each directory in memory that it may write.
    pub temporary_bytes: u64,
    /// What it may print, in bytes.
    pub output_bytes: u64,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            wall: Duration::from_secs(120),
            cpu: Duration::from_secs(60),
            memory_bytes: 2048 * MIB,
            processes: 512,
            file_bytes: 32 * MIB,
            temporary_bytes: 64 * MIB,
            output_bytes: 8 * MIB,
        }
    }
}

/// The Ansible of a preview: that of the target branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxRuntime {
    /// Its Python.
    pub python: PathBuf,
    /// The version of ansible-core.
    pub version: String,
    /// Collections that the target branch declares.
    pub collections_path: Option<PathBuf>,
    /// Roles that the target branch declares.
    pub roles_path: Option<PathBuf>,
}

/// One sandboxed preview. All but the tree comes from the target branch.
#[derive(Debug, Clone)]
pub struct SandboxRequest {
    /// The tree that is previewed.
    pub checkout: PathBuf,
    /// The Ansible.
    pub runtime: SandboxRuntime,
    /// The playbook, a path inside the repository.
    pub playbook: String,
    /// The inventory, a path inside the repository.
    pub inventory: String,
    /// The limit of the stack.
    pub limit: Option<String>,
    /// The tags of the stack.
    pub tags: Vec<String>,
    /// The tags that the stack skips.
    pub skip_tags: Vec<String>,
    /// The extra variables of the stack, as Ansible is to read them: text marked as unsafe, no secrets.
    pub extra_vars: Option<serde_json::Value>,
    /// Its limits, both commands together but for the wall time, which each has.
    pub limits: SandboxLimits,
}

impl Sandbox {
    /// Shows what a tree would be to Ansible: its syntax, its plays, hosts and tasks.
    pub async fn preview(&self, request: &SandboxRequest) -> Result<SandboxReport, Failure> {
        preview::preview(self, request).await
    }

    /// Tries whether sandboxes can be made here, by making one.
    pub async fn probe(&self) -> Availability {
        probe::probe(self).await
    }

    /// Runs one command in a sandbox.
    async fn hear(
        &self,
        profile: &Profile,
        program: &Path,
        args: &[String],
        limits: SandboxLimits,
    ) -> std::io::Result<Heard> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(std::io::Error::other)?;
        let order = Order {
            nonce: format!("{:032x}", u128::from_ne_bytes(nonce)),
            wrapping: Wrapping { bwrap: self.bwrap.clone(), arguments: profile.arguments(program, args) },
            run_as: self.run_as,
            limits,
        };
        hearing::hear(&self.program, &order).await
    }
}

fn of_python(python: &Path) -> Result<Vec<Mount>, Failure> {
    machine::of_python(python).map_err(|error| {
        Failure::until_changed(format!("{} cannot be shown to a preview: {error}", python.display()))
            .remedy("install Ansible in a directory of its own, or below /usr")
    })
}
