//! A line of a run's standard output to an event. Pure and total: whatever bytes come, no panic, and what is not
//! behind the nonce is log.
//!
//! Output of playbooks cannot reach this stream (the launcher points descriptor 1 at the log), and what came before
//! that does not know the nonce. So a line behind the nonce is ours; if it cannot be understood all the same, it is
//! counted, and the outcome stays honest because the recap is needed for a good one.

mod detail;
mod wire;

use super::guardian::Report;
use crate::domain::{
    AskedPlay, HostAddress, HostName, HostStats, ItemId, ResultStatus, RunEvent, RunEventKind, TaskIdentity,
    TaskNumber, TaskResult, Timestamp,
};

use self::wire::{Handler, Host, NumberOr, Object, Text, Wire};

pub use self::detail::{MAX_DETAIL_TEXT, MAX_DIFFS};

/// The longest text that is kept of a name, a path or a message, in characters. The callback keeps to it as well.
pub const MAX_TEXT: usize = 1000;

/// The most hosts of one recap or question, the most terms of one pattern, the most plays of one playbook.
const MAX_HOSTS: usize = 100_000;
const MAX_TERMS: usize = 100;
const MAX_PLAYS: usize = 10_000;

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Something that Ansible did.
    Event(RunEvent),
    /// The last word: how the process of the run ended.
    Guardian(Report),
    /// It has our nonce and is not understood: from a newer callback, or cut off.
    Malformed,
    /// Anything else.
    Log,
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
        if wire.guardian.is_some() {
            return Report::from_json(json).map_or(Line::Malformed, Line::Guardian);
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
        // By far the most, so first.
        "task_ended" => RunEventKind::TaskEnded(result(wire)?),
        "item_ended" => RunEventKind::ItemEnded(result(wire)?),
        "hello" => RunEventKind::Hello { ansible: wire.ansible.owned(), python: wire.python.owned() },
        "playbook_started" => RunEventKind::PlaybookStarted { plays: wire.plays.count() },
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
        "notified" | "handler_done" | "handler_orphan" | "debt_paid" | "debt_orphan" => handlers(wire)?,
        "hosts_part" | "hosts_asked" | "refused" => question(wire)?,
        "announcements_missing" => RunEventKind::AnnouncementsMissing,
        "retried" => RunEventKind::Retried {
            host: host(&wire.host)?,
            task: wire.task?.small(),
            attempt: wire.attempt.small(),
            retries: wire.retries.small(),
        },
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

/// What became of notifications, and of those of earlier runs.
fn handlers(wire: Wire<'_>) -> Option<RunEventKind> {
    let debt = wire.debt.map(wire::Number::small);
    Some(match wire.event.as_str() {
        "debt_paid" => RunEventKind::DebtPaid { debt: debt? },
        "debt_orphan" => RunEventKind::DebtOrphan { debt: debt? },
        event => {
            let host = host(&wire.host)?;
            let handler = wire.handler.text()?;
            match event {
                "handler_done" => RunEventKind::HandlerDone { host, handler },
                "handler_orphan" => RunEventKind::HandlerOrphan { host, handler },
                _ => RunEventKind::Notified {
                    host,
                    handler,
                    task: wire.task.map_or(0, wire::Number::small),
                    play: wire.play.map_or(0, wire::Number::small),
                    section: wire.section.small(),
                    dynamic: wire.dynamic.0,
                },
            }
        }
    })
}

/// A question of the run. Half understood it is not asked: what is not among its hosts would not be locked.
fn question(wire: Wire<'_>) -> Option<RunEventKind> {
    let question = wire.question?.small();
    if wire.event.as_str() == "refused" {
        return Some(RunEventKind::Refused { question, why: wire.why.owned() });
    }
    let hosts = addresses(wire.hosts)?;
    if wire.event.as_str() == "hosts_part" {
        return Some(RunEventKind::HostsPart { question, hosts });
    }
    Some(RunEventKind::HostsAsked {
        question,
        play: wire.play.map(wire::Number::small),
        plays: plays(wire.plays),
        inventory: wire.inventory.small(),
        hosts,
    })
}

fn addresses(hosts: NumberOr<Host<'_>>) -> Option<Vec<HostAddress>> {
    let hosts = hosts.list().filter(|it| it.len() <= MAX_HOSTS)?;
    let address = |host| {
        let Host::Reached(it) = host else { return None };
        Some(HostAddress {
            name: it.name.some_ref()?,
            address: it.machine.owned(),
            port: u16::try_from(it.port.0).ok().filter(|it| *it != 0),
            connection: it.connection.owned(),
            user: it.user.owned(),
        })
    };
    hosts.into_iter().map(address).collect()
}

fn plays(plays: NumberOr<Object<wire::Play<'_>>>) -> Vec<AskedPlay> {
    let plays = plays.list().unwrap_or_default().into_iter().take(MAX_PLAYS);
    let asked = plays.filter_map(|it| it.0).map(|it| AskedPlay {
        pattern: it.pattern.owned(),
        hosts: it.hosts.small(),
        everything: it.everything.0,
    });
    asked.collect()
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
        items: wire.items.small(),
        satisfied: wire.satisfied.0,
        tainted: wire.tainted.0,
        diff_digest: wire.diff_digest.owned(),
        // The callback tells none of a hidden task. It is not believed in that.
        detail: wire.detail.0.filter(|_| !wire.no_log.0).and_then(|it| detail::detail(*it)),
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

fn recap(hosts: NumberOr<Host<'_>>) -> Option<Vec<(HostName, HostStats)>> {
    let counts = hosts.list()?.into_iter().take(MAX_HOSTS).filter_map(|it| {
        let Host::Counted(name, counts) = it else { return None };
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
