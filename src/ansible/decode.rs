//! A line of a run's standard output to an event. Pure and total: whatever bytes come, no panic, and what is not
//! behind the nonce is log.
//!
//! Output of playbooks cannot reach this stream (the launcher points descriptor 1 at the log), and what came before
//! that does not know the nonce. So a line behind the nonce is ours; if it cannot be understood all the same, it is
//! counted, and the outcome stays honest because the recap is needed for a good one.

mod wire;

use crate::domain::{
    HostName, HostStats, ItemId, ResultStatus, RunEvent, RunEventKind, TaskIdentity, TaskNumber, TaskResult,
    Timestamp,
};

use self::wire::{Handler, Hosts, Text, Wire};

/// The longest text that is kept of a name, a path or a message, in characters. The callback keeps to it as well.
pub const MAX_TEXT: usize = 1000;

/// The most hosts of one recap, and the most terms of one pattern.
const MAX_HOSTS: usize = 100_000;
const MAX_TERMS: usize = 100;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Something that Ansible did.
    Event(RunEvent),
    /// The last word: how the process of the run ended.
    Guardian(GuardianReport),
    /// It has our nonce and is not understood: from a newer callback, or cut off.
    Malformed,
    /// Anything else.
    Log,
}

/// What the guardian says once nothing of the run is left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuardianReport {
    /// The exit status, if it left by itself.
    pub exit: Option<i32>,
    /// The signal, if one ended it.
    pub signal: Option<i32>,
    /// How many processes had to be killed.
    pub killed: u32,
    /// Who ended it, as a word of the guardian's; empty if it was left to end by itself.
    pub ended_by: String,
}

/// Reads the lines of one run.
#[derive(Debug, Clone)]
pub struct Decoder {
    prefix: Vec<u8>,
}

impl Decoder {
    /// A decoder for the run with this nonce. An empty nonce is of no run: then every line is log.
    pub fn new(nonce: &str) -> Self {
        let mut prefix = nonce.as_bytes().to_vec();
        if !prefix.is_empty() {
            prefix.push(b' ');
        }
        Self { prefix }
    }

    /// What this line is, given without its line feed.
    pub fn decode(&self, line: &[u8]) -> Line {
        let json = match line.strip_prefix(self.prefix.as_slice()) {
            Some(json) if !self.prefix.is_empty() => json,
            _ => return Line::Log,
        };
        let Ok(wire) = serde_json::from_slice::<Wire<'_>>(json) else { return Line::Malformed };
        if let Some(report) = wire.guardian {
            return Line::Guardian(GuardianReport {
                exit: report.exit.map(wire::Number::signed),
                signal: report.signal.map(wire::Number::signed),
                killed: report.killed.small(),
                ended_by: report.ended_by.owned(),
            });
        }
        event(wire).map_or(Line::Malformed, Line::Event)
    }
}

fn event(wire: Wire<'_>) -> Option<RunEvent> {
    let at = Timestamp::from_millisecond(i64::try_from(wire.at?.0).ok()?).ok()?;
    Some(RunEvent { at, kind: kind(wire)? })
}

fn kind(wire: Wire<'_>) -> Option<RunEventKind> {
    Some(match wire.event.as_str() {
        "hello" => RunEventKind::Hello { ansible: wire.ansible.owned(), python: wire.python.owned() },
        "playbook_started" => RunEventKind::PlaybookStarted { plays: wire.plays.small() },
        "play_started" => RunEventKind::PlayStarted {
            name: wire.name.owned(),
            hosts: wire.hosts.count(),
            unknown: terms(wire.unknown.0),
            dynamic: wire.dynamic.0,
        },
        "no_hosts_matched" => RunEventKind::NoHostsMatched,
        "no_hosts_left" => RunEventKind::NoHostsLeft { unknown: terms(wire.unknown.0) },
        "no_hosts_remaining" => RunEventKind::NoHostsRemaining,
        "prompt_refused" => RunEventKind::PromptRefused { variable: wire.variable.owned() },
        "task_started" => task_started(wire)?,
        "included" => RunEventKind::Included { path: wire.path.owned(), hosts: wire.hosts.count() },
        "notified" => RunEventKind::Notified { host: host(&wire.host)?, handler: wire.handler.text()? },
        "retried" => RunEventKind::Retried {
            host: host(&wire.host)?,
            task: wire.task?.small(),
            attempt: wire.attempt.small(),
            retries: wire.retries.small(),
        },
        "task_ended" => RunEventKind::TaskEnded(result(wire)?),
        "item_ended" => RunEventKind::ItemEnded(result(wire)?),
        "error" => RunEventKind::Error {
            class: wire.class.owned(),
            place: wire.place.some(),
            message: wire.message.some(),
        },
        "inventory_unparsed" => RunEventKind::InventoryUnparsed { source: wire.source.owned() },
        "stats_part" => RunEventKind::StatsPart { hosts: recap(wire.hosts)? },
        "stats" => RunEventKind::Stats { hosts: recap(wire.hosts)? },
        _ => return None,
    })
}

fn task_started(wire: Wire<'_>) -> Option<RunEventKind> {
    Some(RunEventKind::TaskStarted {
        task: wire.task?.small(),
        identity: TaskIdentity {
            path: wire.path.owned(),
            line: wire.line.small(),
            role: wire.role.some(),
            action: wire.action.owned(),
            name: wire.name.owned(),
            occurrence: wire.occurrence.small(),
        },
        handler: matches!(wire.handler, Handler::Is(true)),
    })
}

fn result(wire: Wire<'_>) -> Option<TaskResult> {
    let task: TaskNumber = wire.task?.small();
    Some(TaskResult {
        host: host(&wire.host)?,
        task,
        item: wire.item.map(|it| ItemId { index: it.index.small(), digest: it.digest.owned() }),
        status: status(wire.status.as_str())?,
        changed: wire.changed.0,
        duration_ms: wire.duration_ms.0,
        module: wire.module.owned(),
        for_real: wire.for_real.0,
        blind: wire.blind.0,
        no_log: wire.no_log.0,
        delegated_to: host(&wire.delegated_to),
    })
}

fn status(word: &str) -> Option<ResultStatus> {
    Some(match word {
        "ok" => ResultStatus::Ok,
        "failed" => ResultStatus::Failed,
        "ignored" => ResultStatus::Ignored,
        "skipped" => ResultStatus::Skipped,
        "unreachable" => ResultStatus::Unreachable,
        "unreachable_ignored" => ResultStatus::UnreachableIgnored,
        _ => return None,
    })
}

fn recap(hosts: Hosts<'_>) -> Option<Vec<(HostName, HostStats)>> {
    let Hosts::Recap(hosts) = hosts else { return None };
    let counts = hosts.into_iter().take(MAX_HOSTS).filter_map(|(name, counts)| {
        let stats = HostStats {
            ok: counts.ok.small(),
            changed: counts.changed.small(),
            unreachable: counts.unreachable.small(),
            failed: counts.failed.small(),
            skipped: counts.skipped.small(),
            rescued: counts.rescued.small(),
            ignored: counts.ignored.small(),
            unfinished: counts.unfinished.0,
        };
        Some((host(&name)?, stats))
    });
    Some(counts.collect())
}

fn host(name: &Text<'_>) -> Option<HostName> {
    name.some_ref().map(HostName::new)
}

fn terms(terms: Vec<Text<'_>>) -> Vec<String> {
    terms.into_iter().take(MAX_TERMS).filter_map(Text::some).collect()
}

/// At most [`MAX_TEXT`] characters.
fn capped(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) if text.len() > MAX_TEXT => text[..end].to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
