//! The module as Ansible sees it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use driftless_module::prelude::*;
use driftless_module::{Map, Value};
use serde::Serialize;

use crate::{Host, State, Summary, Verdict, probe};

/// So many items are named in the message of a failure.
const MOST_NAMED: usize = 10;

/// Verifies many things on a host at once and gives a verdict on each
///
/// Takes a list of what is wanted and says of each item whether it is as wanted, differs, or could not be told, with what
/// was wanted and found of each property. Hundreds of items take milliseconds, where a task for each would take a minute.
/// Nothing is ever changed, so check mode is the same as running it.
///
/// Only Linux. Services need systemd; packages the databases of dpkg or apk, or the program C(rpm). Only plain HTTP is
/// spoken. The certificate of a server is read in TLS 1.2; of servers that speak only TLS 1.3 it cannot be told.
#[derive(Arguments)]
#[expect(clippy::doc_markdown, reason = "the marks are those of Ansible's documentation")]
#[arguments(
    author("The driftless project"),
    version_added = "0.1.0",
    notes(
        "Symbolic links at a path are not followed by C(file) and C(directory) unless C(follow) is set. Only regular files are opened.",
        "A certificate is judged by its dates alone; neither its chain nor its names are verified."
    ),
    see_also("ansible.builtin.assert", "ansible.builtin.stat", "ansible.builtin.wait_for", "ansible.builtin.uri"),
    examples = include_str!("../examples.yml")
)]
pub struct Probe {
    /// What is wanted. Each item has one of the following keys, and a C(name) if it shall be called otherwise than by what it
    /// is about. The value of the key is a dictionary, or the text of its first key.
    ///
    /// C(file) - C(path), C(mode), C(owner), C(group), C(size), C(sha1), C(sha256), C(follow) (V(false)).
    ///
    /// C(directory) - C(path), C(mode), C(owner), C(group), C(follow) (V(false)).
    ///
    /// C(link) - C(path), C(target), C(owner), C(group).
    ///
    /// C(absent) - C(path).
    ///
    /// C(line) - C(path), and either C(line), a whole line, or C(regexp), found anywhere in a line; C(state) (V(present) or
    /// V(absent)), C(follow) (V(true)).
    ///
    /// C(package) - C(name), C(state) (V(installed) or V(absent)), C(version), which may end in V(*).
    ///
    /// C(service) - C(name), C(state) (V(started), V(stopped) or V(absent)), C(enabled).
    ///
    /// C(user) - C(name), C(state) (V(present) or V(absent)), C(uid), C(group), C(groups), C(home), C(shell), C(comment).
    ///
    /// C(group) - C(name), C(state) (V(present) or V(absent)), C(gid), C(members).
    ///
    /// C(sysctl) - C(name), C(value).
    ///
    /// C(mount) - C(path), C(state) (V(mounted) or V(unmounted)), C(src), C(fstype), C(opts).
    ///
    /// C(listen) - C(port), C(protocol) (V(tcp) or V(udp)), C(address), C(state) (V(listening) or V(closed)).
    ///
    /// C(certificate) - C(path), or C(host), C(port) (V(443)), C(server_name) and C(timeout); C(days) that it must be valid
    /// at least (V(0)).
    ///
    /// C(http) - C(url), C(method) (V(GET) or V(HEAD)), C(status) (V(200)), one or a list, C(contains), C(timeout).
    ///
    /// C(tcp) - C(host) (V(127.0.0.1)), C(port), C(state) (V(open) or V(closed)), C(timeout) in seconds (V(5)).
    items: Vec<Map>,
    /// Whether the task fails if an item differs or could not be told. The verdicts are returned all the same.
    #[argument(default = false)]
    fail: bool,
    /// How many seconds reading may take together. What was not read then could not be told.
    #[argument(default = 60)]
    timeout: u32,
}

/// What was found.
#[derive(Serialize, Returned)]
#[expect(clippy::doc_markdown, reason = "the marks are those of Ansible's documentation")]
pub struct Answer {
    /// A verdict on each item, in their order: C(index), C(name), C(kind), C(state) (V(as_wanted), V(differs) or
    /// V(unknown)), C(wanted) and C(found) by property, the properties in C(differs), and a C(reason) unless all is as
    /// wanted.
    verdicts: Vec<serde_json::Value>,
    /// How many items there are in C(total), and how many are C(as_wanted), C(differs) and C(unknown).
    summary: std::collections::BTreeMap<String, u64>,
}

impl Inspection for Probe {
    const NAME: &'static str = "probe";
    type Returned = Answer;

    fn inspect(&self, _: &Context) -> Result<Answer, Failure> {
        #[expect(clippy::disallowed_methods, reason = "programs are looked for along the PATH of the task")]
        let environment = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        #[expect(clippy::disallowed_methods, reason = "certificates are judged by the clock of the host")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).explain("the clock is before 1970")?;
        let timeout = Duration::from_secs(u64::from(self.timeout.max(1)));
        let host = Host::new(environment, timeout);
        let items = self.items.iter().map(|item| Value::Map(item.clone()).into()).collect();
        let verdicts = probe(&host, items, now, timeout).map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            Failure::new(lines.join("\n"))
        })?;
        let summary = Summary::of(&verdicts);
        let answer = answer(&verdicts, summary).explain("the verdicts cannot be told")?;
        if self.fail && summary.as_wanted < summary.total {
            let failure = Failure::new(message(&verdicts, summary));
            return Err(failure.with("verdicts", answer.verdicts).with("summary", answer.summary));
        }
        Ok(answer)
    }
}

fn answer(verdicts: &[Verdict], summary: Summary) -> serde_json::Result<Answer> {
    Ok(Answer {
        verdicts: verdicts.iter().map(serde_json::to_value).collect::<Result<_, _>>()?,
        summary: serde_json::from_value(serde_json::to_value(summary)?)?,
    })
}

/// What is wrong, the first items by name.
fn message(verdicts: &[Verdict], summary: Summary) -> String {
    let bad: Vec<&Verdict> = verdicts.iter().filter(|it| it.state != State::AsWanted).collect();
    let mut lines = vec![format!(
        "Of {} items {} differ and {} could not be told.",
        summary.total, summary.differs, summary.unknown
    )];
    lines.extend(bad.iter().take(MOST_NAMED).map(|verdict| {
        format!("{} {}: {}", verdict.kind, verdict.name, verdict.reason.as_deref().unwrap_or_default())
    }));
    if MOST_NAMED < bad.len() {
        lines.push(format!("and {} more", bad.len() - MOST_NAMED));
    }
    lines.join("\n")
}
