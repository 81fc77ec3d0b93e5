//! What commits say, and what became of them where.

use std::collections::HashMap;

use crate::api::{CommitMergeRequest, CommitOnStack, CommitView, ErrorBody, ErrorCode, RunSummary};
use crate::domain::{
    CommitHash, DriftReport, Failure, HostName, MergeRequestState, MergeRequestStatus, RunChoice,
    SignaturePolicy, SourceName, SourceStatus, StackId,
};

use crate::daemon::desk::Desk;

use crate::store::RunFilter;

use super::store_error;

/// What the core knows that concerns a commit.
struct Known {
    source: SourceStatus,
    merge_requests: Vec<MergeRequestStatus>,
    drift: Vec<DriftReport>,
}

/// A commit with what became of it.
pub(super) async fn view(
    desk: &Desk,
    source: SourceName,
    commit: CommitHash,
) -> Result<CommitView, ErrorBody> {
    let asked = source.clone();
    let known = desk.inbox.ask(move |core, now| {
        let status = core.sources().into_iter().find(|it| it.name == asked)?;
        let merge_requests = core.merge_requests().into_iter().filter(|it| it.source == asked).collect();
        let stacks = core.stacks(now).into_iter().map(|it| it.id).filter(|it| it.source == asked);
        let drift = stacks.filter_map(|it| core.drift(now, &it)).collect();
        Some(Known { source: status, merge_requests, drift })
    });
    let known = known.await?.ok_or_else(|| ErrorBody::not_found(format!("there is no source `{source}`")))?;
    let (git, name, asked) = (desk.git.clone(), source.clone(), commit.clone());
    let read = tokio::task::spawn_blocking(move || {
        let facts = git.commit(&name, &asked, true)?;
        let contains = |later: &CommitHash| git.is_ancestor(&name, &asked, later).unwrap_or(false);
        let stacks = known.drift.iter().map(|it| on_stack(it, &asked, contains)).collect::<Vec<_>>();
        let admitted = known.source.admitted.as_ref().is_some_and(contains);
        let usable = known.source.head.as_ref().is_some_and(|it| contains(&it.commit));
        Ok::<_, crate::git::GitError>((facts, stacks, (admitted, usable), known))
    });
    let read =
        read.await.map_err(|_| ErrorBody::new(ErrorCode::Internal, "the repository cannot be read"))?;
    let (facts, stacks, (admitted, usable), known) =
        read.map_err(|it| ErrorBody::from_failure(ErrorCode::Unavailable, Failure::from(it)))?;
    let choice =
        RunChoice { source: Some(source.clone()), commit: Some(commit.to_string()), ..RunChoice::default() };
    let runs = desk.store.runs(RunFilter { limit: CommitView::RUNS, choice, ..RunFilter::default() }).await;
    let runs: Vec<RunSummary> = runs.map_err(|it| store_error(&it))?.iter().map(RunSummary::from).collect();
    let merge_requests: Vec<_> = known.merge_requests.iter().filter_map(|it| brought(it, &commit)).collect();
    if facts.is_none() && runs.is_empty() && merge_requests.is_empty() {
        let error = ErrorBody::not_found(format!("nobody knows commit {} of {source}", commit.short()));
        return Err(error.remedy("it may be in another repository, or not fetched yet"));
    }
    Ok(CommitView {
        standing: standing(&known.source, &commit, (admitted, usable), facts.is_some()),
        signature: signature(desk, &known.source, &commit, admitted),
        source,
        commit,
        facts,
        merge_requests,
        stacks,
        runs,
    })
}

/// Where it is on the hosts of one stack. Each commit that hosts have is asked about once.
fn on_stack(
    report: &DriftReport,
    commit: &CommitHash,
    contains: impl Fn(&CommitHash) -> bool,
) -> CommitOnStack {
    let mut later: HashMap<&CommitHash, bool> = HashMap::new();
    let (mut exactly, mut contained) = (0, 0);
    let mut missing: Vec<HostName> = Vec::new();
    for host in &report.hosts {
        match &host.applied {
            Some(applied) if applied == commit => exactly += 1,
            Some(applied) if *later.entry(applied).or_insert_with(|| contains(applied)) => contained += 1,
            _ => missing.push(host.host.clone()),
        }
    }
    let count = u32::try_from(missing.len()).unwrap_or(u32::MAX);
    missing.truncate(CommitView::HOSTS);
    CommitOnStack { stack: report.stack.clone(), exactly, contained, missing: count, missing_hosts: missing }
}

/// The merge request, if this commit is its head or what it was merged as.
fn brought(status: &MergeRequestStatus, commit: &CommitHash) -> Option<CommitMergeRequest> {
    let facts = &status.facts;
    let merged = match &facts.seen.state {
        MergeRequestState::Merged { commit, .. } => commit.as_ref(),
        _ => None,
    };
    let landed = facts.landed.as_ref().map(|it| &it.commit) == Some(commit) || merged == Some(commit);
    if !landed && facts.seen.head != *commit {
        return None;
    }
    let reports = facts.applied.iter().map(|(stack, it)| {
        let stack = StackId { source: status.source.clone(), stack: stack.clone() };
        (stack, it.run, it.report.clone())
    });
    Some(CommitMergeRequest {
        number: facts.seen.number,
        title: facts.seen.title.clone(),
        landed,
        reports: reports.collect(),
    })
}

/// Where it stands, by whether it was admitted, and whether the head, whose declaration can be used, contains it.
fn standing(
    source: &SourceStatus,
    commit: &CommitHash,
    (admitted, usable): (bool, bool),
    is_there: bool,
) -> String {
    let name = &source.name;
    if source.head.as_ref().is_some_and(|it| it.commit == *commit) {
        format!("it is the head of {name}")
    } else if source.waiting.as_ref().is_some_and(|it| it.commit == *commit) {
        "it waits for a person: it does not descend from what was admitted before".to_owned()
    } else if source.refused.as_ref().is_some_and(|it| it.commit == *commit) {
        "it is not admitted, because it is not signed or approved as the operator wants it".to_owned()
    } else if admitted && usable {
        format!("it was admitted: what {name} follows contains it")
    } else if admitted {
        format!("it was admitted, and nothing of it runs: {}", unusable(source))
    } else if is_there {
        format!("what {name} follows does not contain it")
    } else {
        "the repository does not have it any more".to_owned()
    }
}

/// Why the newest admitted commit is not the head.
fn unusable(source: &SourceStatus) -> String {
    let newest = source.admitted.as_ref().map_or("", CommitHash::short);
    // Of several problems the source tells the first, and that its declaration is broken comes last.
    let is_told = source.fetch_failures == 0 && source.waiting.is_none() && source.refused.is_none();
    match source.problem.as_ref().filter(|_| is_told) {
        Some(problem) => format!("at {newest}, {problem}"),
        None => format!("the declaration of {newest} cannot be used"),
    }
}

fn signature(desk: &Desk, source: &SourceStatus, commit: &CommitHash, admitted: bool) -> String {
    let config = desk.leaves.tools.config();
    let rules = config.sources.get(&source.name).map(|it| &it.signatures);
    let policy = rules.map_or(SignaturePolicy::Off, |it| it.policy);
    let refused = source.refused.as_ref().is_some_and(|it| it.commit == *commit);
    match (policy, refused, admitted) {
        (SignaturePolicy::Off, ..) => "the operator asks for none".to_owned(),
        (_, true, _) => source.problem.as_ref().map_or_else(|| "not good".to_owned(), ToString::to_string),
        (SignaturePolicy::Tip, _, true) => "asked for of what the reference names, which was good".to_owned(),
        (SignaturePolicy::Range, _, true) => "asked for of each commit; admitted, so it was good".to_owned(),
        (_, _, false) => "not looked at: it was not proposed for admission".to_owned(),
    }
}
