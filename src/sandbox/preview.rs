//! A sandboxed preview: what Ansible says of the syntax of a tree, and what it lists.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::confine::Ended;
use super::hearing::Heard;
use super::listing::{self, ListedPlay};
use super::settings::{IgnoredSetting, LONGEST_CONFIG, allowed_config};
use super::{CHECKOUT, Sandbox, SandboxRequest, command, text};
use crate::domain::Failure;

/// The longest text of an error, in characters.
const LONGEST_TEXT: usize = 8_000;

/// The status of what ended by SIGXCPU and by SIGKILL.
const XCPU: i32 = 128 + 24;
const KILLED: i32 = 128 + 9;

/// What a sandboxed preview shows. Every text is cleaned and short; whether it is true is up to who wrote the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    /// The version of ansible-core.
    pub ansible_version: String,
    /// What Ansible says of the syntax.
    pub syntax: Syntax,
    /// The plays that it lists; none if the syntax is not right.
    pub plays: Vec<ListedPlay>,
    /// Whether it said more than is kept.
    pub output_cut: bool,
    /// Settings of the tree's `ansible.cfg` that previews do not follow.
    pub ignored_settings: Vec<IgnoredSetting>,
}

/// What Ansible says of the syntax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "syntax", rename_all = "snake_case")]
pub enum Syntax {
    /// It is right.
    Ok,
    /// It is not.
    Error {
        /// What Ansible says.
        text: String,
    },
    /// It cannot be told without the password of a vault, and a preview has none.
    NeedsVault {
        /// What Ansible says.
        text: String,
    },
    /// It cannot be told without something that the runtime of the target branch lacks.
    Missing {
        /// The collection's module or role.
        what: String,
        /// What Ansible says.
        text: String,
    },
    /// It was ended for what it used.
    Limit {
        /// Which limit, as a sentence without its end.
        limit: String,
    },
}

pub(super) async fn preview(sandbox: &Sandbox, request: &SandboxRequest) -> Result<SandboxReport, Failure> {
    let config = allowed_config(&config_of(&request.checkout), Path::new(CHECKOUT));
    let profile = command::profile(request, &config)?;
    let mut report = SandboxReport {
        ansible_version: request.runtime.version.clone(),
        syntax: Syntax::Ok,
        plays: Vec::new(),
        output_cut: false,
        ignored_settings: config.ignored,
    };
    for what in [&["--syntax-check"][..], &["--list-tasks", "--list-hosts"]] {
        let args = command::args(request, what)?;
        let heard = sandbox.hear(&profile, &request.runtime.python, &args, request.limits).await;
        let heard = heard.map_err(|error| not_made(&error.to_string()))?;
        report.output_cut |= heard.cut;
        report.syntax = judge(&heard, request)?;
        if report.syntax != Syntax::Ok {
            break;
        }
        let listing = listing::parse(&heard.out);
        report.output_cut |= listing.cut;
        report.plays = listing.plays;
    }
    Ok(report)
}

/// The `ansible.cfg` at the root of a tree. A link is none: where it leads is not in the tree.
fn config_of(checkout: &Path) -> String {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let Ok(file) = rustix::fs::open(checkout.join("ansible.cfg"), flags, Mode::empty()) else {
        return String::new();
    };
    let mut bytes = Vec::new();
    // What cannot be read does not hold.
    File::from(file).take(LONGEST_CONFIG as u64).read_to_end(&mut bytes).ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn judge(heard: &Heard, request: &SandboxRequest) -> Result<Syntax, Failure> {
    let limits = &request.limits;
    let limit = |limit: String| Ok(Syntax::Limit { limit });
    match &heard.ended {
        _ if heard.cut => limit(format!("it said more than {} bytes", limits.output_bytes)),
        Ended::Wall => limit(format!("it took longer than {} seconds", limits.wall.as_secs())),
        Ended::Lifeline => Err(Failure::soon("the preview was ended")),
        Ended::NotMade => Err(not_made(heard.err.trim())),
        Ended::NotStarted(error) => Err(not_made(error)),
        Ended::Exit(0) => Ok(Syntax::Ok),
        Ended::Exit(XCPU) => {
            limit(format!("it used more than {} seconds of processor time", limits.cpu.as_secs()))
        }
        Ended::Exit(KILLED) => {
            limit("it was killed for the processor time or the memory that it used".to_owned())
        }
        Ended::Exit(_) => Ok(explain(&said(heard))),
    }
}

/// What was said, most of it on standard error. Paths become those of the repository.
fn said(heard: &Heard) -> String {
    let both = format!("{}\n{}", heard.err.trim(), heard.out.trim());
    text::lines(both.replace(&format!("{CHECKOUT}/"), "").trim(), LONGEST_TEXT)
}

fn explain(said: &str) -> Syntax {
    let text = said.to_owned();
    // The words are the same from ansible-core 2.16 to 2.22.
    if said.contains("no vault secrets found") {
        return Syntax::NeedsVault { text };
    }
    let quoted = |before: &str| said.split_once(before)?.1.split_once('\'').map(|it| it.0);
    // A name with two dots is one of a collection; a shorter one may be misspelt.
    let module = quoted("couldn't resolve module/action '").filter(|it| 2 <= it.matches('.').count());
    let role = quoted("he role '").filter(|_| said.contains("' was not found in"));
    match module.or(role) {
        Some(what) => Syntax::Missing { what: what.to_owned(), text },
        None => Syntax::Error { text },
    }
}

fn not_made(said: &str) -> Failure {
    Failure::soon(format!("the sandbox of the preview could not be made: {}", text::line(said, 500)))
        .remedy("see `driftless status` for what previews need")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_preview_lacks_is_told_from_what_is_wrong() {
        let vault =
            "[ERROR]: Invalid vars_files file 'v.yml': Attempting to decrypt but no vault secrets found.";
        assert!(matches!(explain(vault), Syntax::NeedsVault { .. }));
        for (said, wanted) in [
            (
                "ERROR! couldn't resolve module/action 'community.general.foo'. This often",
                "community.general.foo",
            ),
            ("[ERROR]: the role 'nix.nix.nix' was not found in roles", "nix.nix.nix"),
            ("[ERROR]: The role 'nginx' was not found in: roles", "nginx"),
        ] {
            assert!(matches!(explain(said), Syntax::Missing { what, .. } if what == wanted), "{said}");
        }
        assert!(matches!(explain("couldn't resolve module/action 'debgu'."), Syntax::Error { .. }));
        assert!(matches!(explain(""), Syntax::Error { .. }));
    }

    #[test]
    fn a_link_is_no_configuration() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(config_of(dir.path()), "");
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("ansible.cfg")).unwrap();
        assert_eq!(config_of(dir.path()), "");
        std::fs::remove_file(dir.path().join("ansible.cfg")).unwrap();
        std::fs::write(dir.path().join("ansible.cfg"), "[defaults]\n").unwrap();
        assert_eq!(config_of(dir.path()), "[defaults]\n");
    }
}
