//! Whether sandboxes can be made on this machine, found out by making one.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::arguments::{Mount, Profile};
use super::confine::Ended;
use super::{NOBODY, Sandbox, SandboxLimits, TEMPORARY, machine, text};

/// Whether previews can run in a sandbox here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "sandbox", rename_all = "snake_case")]
pub enum Availability {
    /// They can.
    Available,
    /// They cannot.
    Missing {
        /// Why, a fragment.
        why: String,
        /// What to do about it.
        remedy: String,
    },
}

const DROP_IN: &str = "as a service driftless needs the drop-in `preview.conf` of the unit";

pub(super) async fn probe(sandbox: &Sandbox) -> Availability {
    let limits = SandboxLimits { wall: Duration::from_secs(20), ..SandboxLimits::default() };
    let mut mounts = machine::base();
    mounts.extend(machine::alone());
    mounts.push(Mount::Empty(TEMPORARY.into(), limits.temporary_bytes));
    let profile = Profile {
        mounts,
        identity: Some(NOBODY),
        network: false,
        environment: Some([("LC_ALL".to_owned(), "C.UTF-8".to_owned())].into()),
        directory: TEMPORARY.into(),
        shared_memory: limits.temporary_bytes,
    };
    // What it says shows that the user inside is another than the one outside.
    let args = ["-c", "%u", "/proc/self"].map(str::to_owned);
    match sandbox.hear(&profile, Path::new("/usr/bin/stat"), &args, limits).await {
        Ok(heard) => judge(&sandbox.bwrap, &heard.ended, heard.out.trim(), heard.err.trim()),
        Err(error) => missing(
            format!("the sandbox could not be started: {}", text::line(&error.to_string(), 300)),
            "see whether the machine is out of processes or memory",
        ),
    }
}

fn missing(why: impl Into<String>, remedy: &str) -> Availability {
    Availability::Missing { why: why.into(), remedy: remedy.to_owned() }
}

fn judge(bwrap: &Path, ended: &Ended, out: &str, err: &str) -> Availability {
    let has = |words: &[&str]| words.iter().any(|it| err.contains(it));
    let said = text::line(err.strip_prefix("bwrap: ").unwrap_or(err), 300);
    match ended {
        Ended::Exit(0) if out == NOBODY.to_string() => Availability::Available,
        Ended::NotStarted(error) => missing(
            format!("{} cannot be started: {}", bwrap.display(), text::line(error, 300)),
            "install bubblewrap",
        ),
        _ if has(&["nknown option"]) => {
            missing(format!("bubblewrap is too old: {said}"), "install bubblewrap 0.8 or newer")
        }
        _ if has(&["namespace", "uid map", "Creating new", "No permissions"]) => missing(
            format!("user namespaces are closed: {said}"),
            &format!(
                "allow user namespaces to bubblewrap (`sysctl kernel.unprivileged_userns_clone`, \
                 `user.max_user_namespaces`, AppArmor); {DROP_IN}"
            ),
        ),
        _ if has(&["mount", "pivot_root", "proc", "remount"]) => {
            missing(format!("a sandbox cannot have a file system of its own: {said}"), DROP_IN)
        }
        _ => missing(format!("a sandbox does not work: {said}"), DROP_IN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_its_remedy() {
        let judged = |ended: Ended, out: &str, err: &str| {
            serde_json::to_string(&judge(Path::new("/usr/bin/bwrap"), &ended, out, err)).unwrap()
        };
        assert_eq!(judged(Ended::Exit(0), "65534", ""), r#"{"sandbox":"available"}"#);
        for (ended, err, wanted) in [
            (Ended::NotStarted("No such file".to_owned()), "", "install bubblewrap\""),
            (Ended::NotMade, "bwrap: Unknown option --size", "0.8 or newer"),
            (
                Ended::NotMade,
                "bwrap: No permissions to create new namespace, likely because",
                "max_user_namespaces",
            ),
            (Ended::NotMade, "bwrap: setting up uid map: Permission denied", "AppArmor"),
            (
                Ended::NotMade,
                "bwrap: Can't mount proc on /newroot/proc: Operation not permitted",
                "preview.conf",
            ),
            (Ended::Exit(1), "\u{1b}[2J", "does not work: \\\\u{1b}"),
            (Ended::Exit(0), "", "does not work"),
        ] {
            let text = judged(ended, "0", err);
            assert!(text.contains("missing") && text.contains(wanted), "{text}");
        }
    }
}
