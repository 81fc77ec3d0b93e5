//! Words for people: lengths of time, and the sentences that say why a run starts or has to wait.

use crate::domain::{
    ApprovalFacts, HostCounts, Mode, Outcome, Request, Revision, Span, StackPolicy, Timestamp, Trigger,
};

use super::stack::Stack;
use super::wants::{Lack, Waiting, Want};

/// `45s`, `4m`, `2h 5m`, `3d 4h`: two units at most, as people say it.
pub(super) fn span(span: Span) -> String {
    let seconds = span.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let two = |big: i64, unit: &str, rest: i64, small: &str| match rest {
        0 => format!("{big}{unit}"),
        _ => format!("{big}{unit} {rest}{small}"),
    };
    match seconds {
        0..60 => format!("{seconds}s"),
        60..600 => two(minutes, "m", seconds % 60, "s"),
        600..3600 => format!("{minutes}m"),
        3600..86400 => two(hours, "h", minutes % 60, "m"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// `4m ago`.
pub(super) fn ago(now: Timestamp, at: Timestamp) -> String {
    let past = now.duration_since(at);
    if past.as_secs() <= 0 { "just now".to_owned() } else { format!("{} ago", span(past)) }
}

/// `for 4m`.
pub(super) fn lasting(now: Timestamp, since: Timestamp) -> String {
    format!("for {}", span(now.duration_since(since)))
}

/// `in 4m`.
pub(super) fn until(now: Timestamp, at: Timestamp) -> String {
    let left = at.duration_since(now);
    if left.as_secs() <= 0 { "at once".to_owned() } else { format!("in {}", span(left)) }
}

/// `2026-11-28 22:00 UTC`.
pub(super) fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `3 hosts`, `1 host`.
pub(super) fn counted(number: u32, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The first line of what others say, and no more of it than a sentence.
pub(super) fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// How an apply ended, after "the last apply".
pub(super) fn ended(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "did not end",
        Some(Outcome::InSync | Outcome::Changed | Outcome::Drifted) => "succeeded",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Unreachable) => "did not reach all hosts",
        Some(Outcome::TimedOut) => "took too long",
        Some(Outcome::Cancelled) => "was cancelled",
        Some(Outcome::Errored) => "could not run",
        Some(Outcome::Interrupted) => "was interrupted",
        Some(Outcome::Refused) => "was refused",
    }
}

/// Why a run starts.
pub(super) fn start_reason(now: Timestamp, want: &Want<'_>, stack: &Stack, policy: &StackPolicy) -> String {
    let revision = want.revision.short();
    let attempt = stack.facts.attempt.as_ref();
    let last = attempt
        .map_or_else(String::new, |it| format!("the last apply {} {}", ended(it.outcome), ago(now, it.at)));
    match (want.trigger, want.request) {
        (Trigger::Person, request) => asked(request, &revision),
        (Trigger::NewRevision, _) => {
            let after = attempt.map_or_else(String::new, |it| format!(", after {}", it.revision.short()));
            let superseded = match stack.superseded {
                0 => String::new(),
                1 => "; 1 tip in between was superseded".to_owned(),
                number => format!("; {number} tips in between were superseded"),
            };
            format!("{revision} is new{after}{superseded}")
        }
        (Trigger::OwedHosts, _) => {
            let owed = stack.summary(&want.revision.commit).counts.owed;
            let are = if owed == 1 { "is" } else { "are" };
            format!("{} {are} owed {revision} and did not answer before", counted(owed, "host"))
        }
        (Trigger::Approval, _) => format!("a person has to approve of {revision}: what would it do?"),
        (Trigger::MergeRequest, _) => {
            let number = want.merge_request.unwrap_or_default();
            format!("merge request {number} proposes {revision}: what would it do?")
        }
        (Trigger::Schedule, _) => format!("it is time to look for drift at {revision}"),
        (Trigger::Verify, _) => format!("the last apply of {revision} changed something: is anything left?"),
        (Trigger::Drift, _) => correction(now, want, stack, policy, &revision),
        (Trigger::Retry, _) => match attempt.map_or(0, |it| it.failures) {
            0 => format!("{revision} again: {last}"),
            failures => format!("retry {failures} of {revision}: {last}"),
        },
    }
}

/// Why drift is corrected, and on which hosts.
fn correction(
    now: Timestamp,
    want: &Want<'_>,
    stack: &Stack,
    policy: &StackPolicy,
    revision: &str,
) -> String {
    let hosts = stack.healable_hosts(policy, now);
    let drifted = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
    let differ = if drifted == 1 { "differs" } else { "differ" };
    let what = format!("{} {differ} from {revision}", counted(drifted, "host"));
    match (want.mode, &want.hosts) {
        (Mode::Check, _) => format!("{what}: would an apply of them alone do the same?"),
        (Mode::Apply, Some(_)) => format!("{what}; a check of them alone predicted the same"),
        (Mode::Apply, None) => {
            let planned = stack.facts.heal.narrow.as_ref().and_then(|it| it.refused.clone());
            let why = stack.narrowing_is_safe(want.revision, policy, &hosts).err().or(planned);
            let why = why.map_or_else(String::new, |it| format!(", because {it}"));
            format!("{what}; the whole stack runs{why}")
        }
    }
}

fn asked(request: Option<&Request>, revision: &str) -> String {
    let Some(request) = request else { return format!("a person asked for {revision}") };
    format!("{} of {revision}", request_words(request))
}

/// `alice asked for an apply on h1`.
pub(super) fn request_words(request: &Request) -> String {
    let what = match request.mode {
        Mode::Check => "a check",
        Mode::Apply => "an apply",
    };
    let tags = if request.tags.is_empty() {
        String::new()
    } else {
        format!(" of the tasks tagged {}", request.tags.join(", "))
    };
    let limit = request.limit.as_ref().map_or_else(String::new, |it| format!(" on {it}"));
    let window = match &request.outside_window {
        Some(reason) => format!(", outside its window ({})", reason.escape_debug()),
        None => String::new(),
    };
    format!("{} asked for {what}{tags}{limit}{window}", request.by)
}

/// Why nothing starts; `None` when nothing is owed.
pub(super) fn waiting(now: Timestamp, waiting: &Waiting<'_>, head: &Revision) -> Option<String> {
    Some(match waiting {
        Waiting::Settled => return None,
        Waiting::Undeclared => "not declared any more".to_owned(),
        Waiting::Live(run) => format!("run {run} is live"),
        Waiting::Draining => "waits: the daemon is stopping".to_owned(),
        Waiting::Suspended { by, since } => format!("suspended by {by} {}", ago(now, *since)),
        Waiting::Distrusted(failure) => format!("runs nothing: {failure}"),
        Waiting::Window { until: None, why } => {
            format!("waits for its window, which does not open again: {why}")
        }
        Waiting::Window { until: Some(at), why } => {
            format!("waits for its window, opens {} at {}: {why}", until(now, *at), clock(*at))
        }
        Waiting::Manual => "applied only when a person asks".to_owned(),
        Waiting::Held(hold) => format!("held {}: {}", lasting(now, hold.since), hold.reason),
        Waiting::Backoff { until: at } => format!("retry {}", until(now, *at)),
        Waiting::Owed { until: None } => "hosts did not answer, and are being asked again".to_owned(),
        Waiting::Owed { until: Some(at) } => format!("hosts do not answer; asked again {}", until(now, *at)),
        Waiting::HealBackoff { until: at } => {
            format!("the last try did not correct it; tried again {}", until(now, *at))
        }
        Waiting::HealCapped { until: at } => {
            format!("corrected as often as a day allows; corrected again {}", until(now, *at))
        }
        Waiting::Airbag(hold) => {
            format!("waits for a person {}: {}", lasting(now, hold.since), hold.comparison)
        }
        Waiting::Approval { looked, look } => approval(*looked, *look),
        Waiting::Locked { key, holder } => format!("waits for {key}: {holder}"),
        Waiting::Interrupted { until: at } => format!("starts again {}", until(now, *at)),
        Waiting::Refused { until: at } => format!("the last run was refused; retry {}", until(now, *at)),
        Waiting::Base { stack, lack } => format!("waits for {stack}, {}", lacking(*lack, head)),
        Waiting::Restored { until: at, fetched } => {
            let first = if *fetched { "it is checked" } else { "its source is fetched" };
            let at = at.map_or_else(String::new, |it| format!(", {}", until(now, it)));
            format!("waits: its state is that of a backup, so {first} first{at}")
        }
        Waiting::NoRoom => "waits: the disk is nearly full, so no run starts".to_owned(),
        Waiting::RunLimit { .. } => "waits for a free place among the live runs".to_owned(),
    })
}

/// What a person has to approve of.
fn approval(looked: Option<&ApprovalFacts>, look: bool) -> String {
    match looked {
        None => "waits for a look at what it would change, which a person has to approve of".to_owned(),
        Some(_) if look => "approved, and looked at once more because the last look is old".to_owned(),
        Some(it) => {
            let lapsed = if it.lapsed { " again, because it would change something else now" } else { "" };
            let hosts = u32::try_from(it.hosts.len()).unwrap_or(u32::MAX);
            let changes = u32::try_from(it.changes).unwrap_or(u32::MAX);
            format!(
                "waits for the approval of a person{lapsed}: {} on {}, in run {}",
                counted(changes, "change"),
                counted(hosts, "host"),
                it.run
            )
        }
    }
}

/// What a base lacks, after its name.
pub(super) fn lacking(lack: Lack, head: &Revision) -> String {
    let head = head.short();
    match lack {
        Lack::Undeclared => "which is not declared".to_owned(),
        Lack::NotAttempted => format!("which was not applied at {head} yet"),
        Lack::Live => "which is being applied".to_owned(),
        Lack::Failed => format!("which did not succeed at {head}"),
    }
}

/// `all 3 hosts`, `2 of 3 hosts`.
pub(super) fn part(counts: HostCounts, number: u32) -> String {
    match counts.total {
        total if total == number && 1 < total => format!("all {total} hosts"),
        total if total == number => counted(total, "host"),
        total => format!("{number} of {}", counted(total, "host")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_short() {
        let words =
            [0, 45, 60, 64, 3599, 3600, 7500, 86_400, 100_000, -5].map(|it| span(Span::from_secs(it)));
        assert_eq!(words, ["0s", "45s", "1m", "1m 4s", "59m", "1h", "2h 5m", "1d", "1d 3h", "0s"]);
    }
}
