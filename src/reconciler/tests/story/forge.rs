//! Merge requests in stories, and what a forge says of them.

use std::fmt::Write as _;

use super::parse::{failure, hash, source_of};
use crate::domain::{
    Approval, Event, Failure, FileChange, HostsImpact, Impact, Landing, Merge, MergeRequest,
    MergeRequestFacts, MergeRequestNumber, MergeRequestPolicy, MergeRequestState, MergeRequestStatus,
    PreviewLevel, Previewed, Span, StackImpact, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a forge, a preview and those who ask for one tell.
pub(super) fn event(words: &[&str]) -> Event {
    match words {
        ["forge", "fails"] => Event::ForgeFailed { source: source_of(&[]).0, failure: failure(&[]) },
        ["forge", rest @ ..] => {
            Event::MergeRequestsSeen { source: source_of(&[]).0, merge_requests: merge_requests(rest) }
        }
        ["previewed", number, head, "on", target, rest @ ..] => Event::Previewed {
            source: source_of(&[]).0,
            number: number.parse().expect("a number"),
            head: hash(head),
            target: hash(target),
            made: made(rest),
        },
        [name, "previews", number, head] => Event::PreviewRequested {
            source: source_of(&[]).0,
            number: number.parse().expect("a number"),
            head: hash(head),
            by: (*name).to_owned(),
        },
        ["reported", number, version, rest @ ..] => Event::Reported {
            source: source_of(&[]).0,
            number: number.parse().expect("a number"),
            version: version.parse().expect("a version"),
            failure: rest.first().map(|_| failure(&[])),
        },
        _ => panic!("not an event: {words:?}"),
    }
}

/// One that is followed, and where it stands.
pub(super) fn standing(status: &MergeRequestStatus) -> String {
    format!("    -- {}: {}", status.facts.seen.number, status.standing)
}

/// `static`, `sandboxed` or `live`, then perhaps `forks`, then perhaps `for` and names.
pub(super) fn policy(words: &[&str]) -> MergeRequestPolicy {
    let at = words.iter().position(|it| *it == "for").unwrap_or(words.len());
    MergeRequestPolicy {
        poll_every: Span::from_mins(1),
        level: match words[0] {
            "static" => PreviewLevel::Static,
            "sandboxed" => PreviewLevel::Sandboxed,
            "live" => PreviewLevel::Live,
            other => panic!("not a level: {other}"),
        },
        live_for: words[at..].iter().skip(1).map(|it| (*it).to_owned()).collect(),
        forks: words[..at].contains(&"forks"),
        report: !words[..at].contains(&"silent"),
    }
}

/// `12 b by alice`, then perhaps `fork`, `draft`, `closed`, `merged d`, `approved bob@b carol`; several with `;`.
pub(super) fn merge_requests(words: &[&str]) -> Vec<MergeRequest> {
    words.split(|it| *it == ";").filter(|it| !it.is_empty()).map(merge_request).collect()
}

fn merge_request(words: &[&str]) -> MergeRequest {
    let [number, head, "by", author, rest @ ..] = words else { panic!("not a merge request: {words:?}") };
    let mut request = MergeRequest {
        number: number.parse().expect("a number"),
        title: "A change".to_owned(),
        author: (*author).to_owned(),
        head: hash(head),
        target: "main".parse().expect("a branch"),
        fork: false,
        draft: false,
        state: MergeRequestState::Open,
        approvals: Vec::new(),
        url: format!("https://git.example.org/infra/-/merge_requests/{number}"),
        updated_at: Timestamp::UNIX_EPOCH,
    };
    let mut rest = rest;
    while let [word, after @ ..] = rest {
        rest = after;
        match (*word, after) {
            ("fork", _) => request.fork = true,
            ("draft", _) => request.draft = true,
            ("closed", _) => request.state = MergeRequestState::Closed,
            ("to", [target, after @ ..]) => {
                (request.target, rest) = (target.parse().expect("a branch"), after);
            }
            ("merged", [commit, after @ ..]) => {
                request.state = MergeRequestState::Merged { commit: Some(hash(commit)), by: None };
                rest = after;
            }
            ("approved", by) => {
                request.approvals = by.iter().map(|it| approval(it)).collect();
                rest = &[];
            }
            other => panic!("not of a merge request: {other:?}"),
        }
    }
    request
}

/// `bob@b` of that head, `bob` of nobody knows which.
fn approval(text: &str) -> Approval {
    match text.split_once('@') {
        Some((by, commit)) => Approval { by: by.to_owned(), commit: Some(hash(commit)) },
        None => Approval { by: text.to_owned(), commit: None },
    }
}

/// `as e touching web db`, `conflict`, `runtime`, `failed`.
pub(super) fn made(words: &[&str]) -> Result<Box<Previewed>, Failure> {
    let (merge, rest) = match words {
        ["failed"] => return Err(Failure::soon("its head moved")),
        ["refused"] => return Err(Failure::until_changed("it holds a submodule")),
        ["conflict"] => (Merge::Conflicts { paths: vec!["site.yml".to_owned()] }, &[][..]),
        ["as", commit, rest @ ..] => (Merge::Clean { commit: hash(commit) }, rest),
        _ => panic!("not a preview: {words:?}"),
    };
    let files = vec![("site.yml".to_owned(), FileChange::Modified)];
    let files = if rest.contains(&"nothing") { Vec::new() } else { files };
    let mut impact = Impact { files, runtime_changed: rest.contains(&"runtime"), ..Impact::default() };
    let stacks = rest.iter().filter(|it| !["touching", "runtime", "nothing"].contains(it));
    impact.stacks = stacks.map(|it| touched(it)).collect();
    Ok(Box::new(Previewed { merge, impact, sandboxed: BTreeMap::new(), no_sandbox: None }))
}

fn touched(stack: &str) -> StackImpact {
    StackImpact {
        stack: stack.parse().expect("a name"),
        whole: None,
        plays: Vec::new(),
        hosts: HostsImpact::Known { names: BTreeSet::new() },
        left_behind: Vec::new(),
    }
}

/// `d` was pushed; `d:12@b:alice:bob,carol` was merged through !12 of alice, with head b, which these approved of;
/// with a further `:other` it holds something else.
pub(super) fn landing(text: &str) -> Landing {
    let parts: Vec<&str> = text.split(':').collect();
    let [commit, rest @ ..] = parts.as_slice() else { panic!("not a landing: {text}") };
    let commit = hash(commit);
    let [request, author, approvals, other @ ..] = rest else {
        return Landing { commit, merge_request: None, as_proposed: false };
    };
    let (number, head) = request.split_once('@').expect("a number and a head");
    let approvals: Vec<String> = approvals
        .split(',')
        .filter(|it| !it.is_empty())
        .map(|it| if it.contains('@') { it.to_owned() } else { format!("{it}@{head}") })
        .collect();
    let text = commit.as_str()[..1].to_owned();
    let mut words = vec![number, head, "by", author, "merged", &text, "approved"];
    words.extend(approvals.iter().map(String::as_str));
    Landing { commit, merge_request: Some(Box::new(merge_request(&words))), as_proposed: other.is_empty() }
}

/// What there is to tell, in short.
pub(super) fn report(number: MergeRequestNumber, version: u64, facts: &MergeRequestFacts) -> String {
    let mut text = format!("report {number} v{version}");
    if let Some(live) = &facts.live {
        let done = live.stacks.values().flatten().count();
        write!(text, " live {} of {} for {}", done, live.stacks.len(), live.allowed_by).expect("a text");
    }
    if let Some(landed) = &facts.landed {
        write!(text, " landed as {}", landed.commit.short()).expect("a text");
    }
    for (stack, applied) in &facts.applied {
        write!(text, " {stack} {} in run {}", applied.outcome, applied.run).expect("a text");
        if let Some(it) = &applied.report {
            let lists = [&it.missing, &it.different, &it.extra].map(Vec::len);
            write!(
                text,
                " as predicted {} missing {} different {} extra {} not predictable {}",
                it.as_predicted, lists[0], lists[1], lists[2], it.not_predictable
            )
            .expect("a text");
        }
    }
    text
}
