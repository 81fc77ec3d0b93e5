//! How runs end.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::domain::{
    AskedPlay, Change, Ending, Exit, Failure, Findings, HostEnd, HostName, LockKey, Mode, Outcome, Question,
    Reason, Retry, RunSpec, Selection, Span, TaskCounts, TaskIdentity,
};

use super::super::dice::Dice;

type Ends = BTreeMap<HostName, HostEnd>;

static HOSTS: LazyLock<[HostName; 3]> = LazyLock::new(|| ["h1", "h2", "h3"].map(HostName::new));

fn hosts_of(spec: &RunSpec) -> &'static [HostName] {
    match spec.selection {
        Selection::Full | Selection::SomeTasks => &HOSTS[..],
        Selection::SomeHosts => &HOSTS[..1],
    }
}

/// Everything goes well.
pub(super) fn success(spec: &RunSpec) -> (Ending, Ends) {
    let outcome = match spec.mode {
        Mode::Check => Outcome::InSync,
        Mode::Apply => Outcome::Changed,
    };
    let ends = hosts_of(spec).iter().map(|it| (it.clone(), HostEnd::Converged)).collect();
    (Ending::plain(outcome), ends)
}

/// The daemon died while it ran.
pub(super) fn interrupted(dice: &mut Dice, spec: &RunSpec) -> (Ending, Ends) {
    (Ending::plain(Outcome::Interrupted), cut_short(dice, spec))
}

/// Something happens. `stopped` says whether it was told to end, and whether by a person.
pub(super) fn random(dice: &mut Dice, spec: &RunSpec, stopped: Option<bool>) -> (Ending, Ends) {
    match stopped {
        Some(true) if dice.chance(80) => {
            return (Ending::plain(Outcome::Cancelled), cut_short(dice, spec));
        }
        Some(false) if dice.chance(80) => return interrupted(dice, spec),
        _ => {}
    }
    match dice.below(100) {
        0..45 => success(spec),
        45..60 => (Ending::plain(Outcome::Failed), some(dice, spec, HostEnd::Failed)),
        60..63 => (Ending::because(Outcome::Failed, Reason::NoHosts), Ends::new()),
        63..66 => {
            let reason = Reason::NoStats { exit: Exit::Code(250) };
            (Ending::because(Outcome::Failed, reason), cut_short(dice, spec))
        }
        66..80 => (Ending::plain(Outcome::Unreachable), some(dice, spec, HostEnd::Unreachable)),
        80..84 => (Ending::plain(Outcome::TimedOut), cut_short(dice, spec)),
        84..92 => (errored(dice), Ends::new()),
        92..95 => (Ending::plain(Outcome::Refused), Ends::new()),
        95..98 => interrupted(dice, spec),
        _ => (Ending::plain(Outcome::Cancelled), cut_short(dice, spec)),
    }
}

fn errored(dice: &mut Dice) -> Ending {
    let retry = match dice.below(4) {
        0 => return Ending::plain(Outcome::Errored),
        1 => Retry::Soon,
        2 => Retry::After(Span::from_mins(12)),
        _ => Retry::UntilChanged,
    };
    let failure = Failure { retry, ..Failure::soon("no runtime") };
    Ending::because(Outcome::Errored, Reason::Setup { failure })
}

/// At least one host ends like this, the others well.
fn some(dice: &mut Dice, spec: &RunSpec, end: HostEnd) -> Ends {
    let hosts = hosts_of(spec);
    let unlucky = dice.below(hosts.len());
    let ends = hosts.iter().enumerate().map(|(place, host)| {
        let bad = place == unlucky || dice.chance(20);
        (host.clone(), if bad { end } else { HostEnd::Converged })
    });
    ends.collect()
}

/// Some hosts were begun, and nobody knows whether any got to the end.
fn cut_short(dice: &mut Dice, spec: &RunSpec) -> Ends {
    let begun = hosts_of(spec).iter().filter(|_| dice.chance(60));
    begun.map(|it| (it.clone(), HostEnd::Unfinished)).collect()
}

/// What a run asks for: some stacks share their machines with others.
pub(super) fn question(spec: &RunSpec) -> Question {
    let shared = matches!(spec.stack.stack.as_str(), "web" | "db");
    let key = |host: &HostName| {
        let address = if shared { host.to_string() } else { format!("{host}.{}", spec.stack) };
        (host.clone(), LockKey::address(&address, None))
    };
    let hosts: BTreeMap<HostName, LockKey> = hosts_of(spec).iter().map(key).collect();
    let count = u32::try_from(hosts.len()).expect("few hosts");
    let plays = vec![AskedPlay { pattern: "web".to_owned(), hosts: count, everything: false }];
    Question { number: 1, play: None, plays, hosts, inventory: count }
}

/// What a run found out: a few tasks, of which some change something on some hosts.
pub(super) fn findings(dice: &mut Dice, spec: &RunSpec, ending: &Ending, ends: &Ends) -> Box<Findings> {
    let mut findings = Findings { begun: ending.outcome != Outcome::Refused, ..Findings::default() };
    if !findings.begun {
        return Box::new(findings);
    }
    for (place, name) in ["one", "two"].into_iter().enumerate() {
        let identity = TaskIdentity { name: name.to_owned(), ..TaskIdentity::default() };
        let mut counts = TaskCounts::default();
        for host in ends.keys() {
            counts.ok += 1;
            if dice.chance(20) {
                counts.changed += 1;
                findings.changes.push(Change {
                    task: u32::try_from(place).expect("small"),
                    host: host.clone(),
                    item: String::new(),
                    digest: String::new(),
                });
            }
        }
        findings.tasks.push((identity, counts));
    }
    findings.narrowing = dice.chance(60).then(Vec::new);
    let cut = matches!(ending.outcome, Outcome::Interrupted | Outcome::Cancelled | Outcome::TimedOut);
    if cut && spec.mode == Mode::Apply {
        findings.in_flight = ends.keys().filter(|_| dice.chance(30)).cloned().collect();
    }
    Box::new(findings)
}
