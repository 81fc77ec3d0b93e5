//! The words of a story: what they mean.

use super::{forge, found};
use crate::domain::{
    ApplyPolicy, ApprovalPolicy, CheckSchedule, CommitHash, Ending, Event, Exit, Failure, Findings, Freeze,
    HealPolicy, HostEnd, HostName, Mode, Outcome, Reason, Request, Retry, Revision, RewindPolicy, RunId,
    Settings, SourceName, SourcePolicy, Span, StackId, StackPolicy, Timestamp, Window, later,
};

pub(super) fn given(settings: &mut Settings, words: &[&str]) {
    match words {
        [] => {}
        ["runs", number] => settings.max_live_runs = number.parse().expect("a number"),
        ["retry", base, longest] => {
            (settings.retry_base, settings.retry_max) = (seconds(base), seconds(longest));
        }
        ["drain", span] => settings.drain_timeout = seconds(span),
        ["rewinds", "follow"] => settings.sources[0].rewinds = RewindPolicy::Follow,
        ["branch", name] => settings.sources[0].reference = name.parse().expect("a branch"),
        ["approvals", number] => {
            settings.sources[0].admission.approvals = Some(number.parse().expect("a number"));
        }
        ["forge", rest @ ..] => settings.sources[0].merge_requests = Some(forge::policy(rest)),
        ["poll", span] => settings.sources[0].poll_every = seconds(span),
        ["sources", names @ ..] => settings.sources = names.iter().map(|it| source(it)).collect(),
        _ => panic!("nothing that can be given: {words:?}"),
    }
}

pub(super) fn source(name: &str) -> SourcePolicy {
    SourcePolicy::new(name.parse().expect("a name"), "main".parse().expect("a branch"))
}

/// `other: …` names another source than infra.
pub(super) fn source_of<'a, 'b>(words: &'a [&'b str]) -> (SourceName, &'a [&'b str]) {
    match words {
        [name, rest @ ..] if name.ends_with(':') => {
            (name.trim_end_matches(':').parse().expect("a name"), rest)
        }
        _ => ("infra".parse().expect("a name"), words),
    }
}

pub(super) fn id(stack: &str) -> StackId {
    let full = if stack.contains('/') { stack.to_owned() } else { format!("infra/{stack}") };
    full.parse().expect("a stack")
}

pub(super) fn stack(text: &str) -> StackPolicy {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut policy = StackPolicy {
        check: CheckSchedule::Never,
        timeout: Span::from_hours(1),
        ..StackPolicy::new(id(words[0]), "site.yml", "hosts")
    };
    let mut rest = &words[1..];
    while let [word, after @ ..] = rest {
        rest = after;
        match (*word, after) {
            ("manual", _) => policy.apply = ApplyPolicy::Manual,
            ("approved", _) => policy.approval = ApprovalPolicy::Person,
            ("heals", _) => policy.heal = HealPolicy::Corrective,
            ("limit", [limit, after @ ..]) => (policy.limit, rest) = (Some((*limit).to_owned()), after),
            ("check", [span, after @ ..]) => {
                (policy.check, rest) = (CheckSchedule::Every(seconds(span)), after);
            }
            ("daily", [heals, after @ ..]) => {
                (policy.daily_heals, rest) = (heals.parse().expect("a number"), after);
            }
            ("hosts", [most, after @ ..]) => {
                (policy.airbag.max_hosts, rest) = (Some(most.parse().expect("a number")), after);
            }
            ("changes", [more, after @ ..]) => {
                (policy.airbag.more_changes, rest) = (Some(more.parse().expect("a number")), after);
            }
            ("window", [hour, lasts, after @ ..]) => {
                let cron = format!("0 {hour} * * *").parse().expect("a cron line");
                let zone = "UTC".parse().expect("a zone");
                policy.windows.windows.push(Window { cron, lasts: seconds(lasts), zone });
                rest = after;
            }
            ("frozen", [from, to, after @ ..]) => {
                let at = |text: &str| later(Timestamp::UNIX_EPOCH, seconds(text));
                let reason = Some("year end".to_owned());
                policy.windows.freezes.push(Freeze { from: at(from), to: at(to), reason });
                rest = after;
            }
            ("after", bases) => {
                policy.depends_on = bases.iter().map(|it| it.parse().expect("a name")).collect();
                rest = &[];
            }
            other => panic!("not a policy: {other:?}"),
        }
    }
    policy
}

/// `at a`, `on h1`, `tagged t`, in this order.
pub(super) fn request(by: &str, mode: &str, mut words: &[&str]) -> Request {
    let mode = if mode == "check" { Mode::Check } else { Mode::Apply };
    let mut request = Request {
        mode,
        by: by.to_owned(),
        revision: None,
        limit: None,
        tags: Vec::new(),
        outside_window: None,
    };
    while let [key, value, rest @ ..] = words {
        match *key {
            "at" => request.revision = Some(revision("main", value)),
            "on" => request.limit = Some((*value).to_owned()),
            "tagged" => request.tags = vec![(*value).to_owned()],
            "outside" => request.outside_window = Some((*value).to_owned()),
            _ => panic!("not a request: {words:?}"),
        }
        words = rest;
    }
    request
}

/// Hosts by name, `h1:failed`, `h1:gone` (unreachable), `h1:cut` (unfinished); `retry …` for a failed setup; after
/// `found` what it found out.
pub(super) fn finished(run: &str, outcome: &str, words: &[&str]) -> Event {
    let outcome = Outcome::ALL.into_iter().find(|it| it.as_str() == outcome).expect("an outcome");
    let (words, found) = match words.iter().position(|it| *it == "found") {
        Some(at) => (&words[..at], found::findings(run_id(run), &words[at + 1..])),
        None => (words, Findings::default()),
    };
    let (words, reason) = match words {
        ["retry", retry @ ..] => (&[][..], Some(Reason::Setup { failure: failure(retry) })),
        ["no-stats", hosts @ ..] => (hosts, Some(Reason::NoStats { exit: Exit::Code(250) })),
        hosts => (hosts, None),
    };
    let hosts = words.iter().map(|it| match it.split_once(':') {
        None => (HostName::new(*it), HostEnd::Converged),
        Some((host, "failed")) => (HostName::new(host), HostEnd::Failed),
        Some((host, "gone")) => (HostName::new(host), HostEnd::Unreachable),
        Some((host, "cut")) => (HostName::new(host), HostEnd::Unfinished),
        Some(other) => panic!("not a host: {other:?}"),
    });
    Event::RunFinished {
        run: run_id(run),
        ending: Ending { reason, ..Ending::plain(outcome) },
        hosts: hosts.collect(),
        findings: Box::new(found),
    }
}

pub(super) fn failure(retry: &[&str]) -> Failure {
    let retry = match retry {
        [] => Retry::Soon,
        ["after", span] => Retry::After(seconds(span)),
        ["until", "changed"] => Retry::UntilChanged,
        _ => panic!("not a retry: {retry:?}"),
    };
    Failure { retry, ..Failure::soon("no route to host") }
}

pub(super) fn run_id(text: &str) -> RunId {
    text.parse().expect("a run")
}

pub(super) fn hash(commit: &str) -> CommitHash {
    commit.repeat(40).parse().expect("a commit of one hexadecimal digit")
}

pub(super) fn revision(reference: &str, commit: &str) -> Revision {
    Revision { reference: reference.parse().expect("a branch"), commit: hash(commit) }
}

pub(super) fn seconds(text: &str) -> Span {
    let (number, unit) = text.split_at(text.len() - 1);
    let number: i64 = number.parse().expect("a number");
    match unit {
        "s" => Span::from_secs(number),
        "m" => Span::from_mins(number),
        "h" => Span::from_hours(number),
        _ => panic!("not a length of time: {text}"),
    }
}
