//! Asks forges, and tells the core what they say.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{Config, ForgeConfig, SourceConfig};
use crate::domain::{
    CommitHash, Event, Failure, Landing, MergeRequest, MergeRequestNumber, MergeRequestState, SourceName,
    Timestamp,
};
use crate::forge::client::{Client, ForgeLimits, ForgeSettings};
use crate::git::Remote;

use super::hands::Tools;

/// The most merge requests that are asked for one by one at a time, because the list does not have them any more.
const SINGLE_MAX: usize = 50;

/// Clients of the forges, one for each source that names one. They are kept for their connections and the pace that
/// the forges ask for.
#[derive(Debug, Default)]
pub(super) struct Forges(Mutex<HashMap<SourceName, (ForgeConfig, Client)>>);

impl Forges {
    /// The client of a source, with the token as it is now.
    pub(super) fn client(&self, source: &SourceConfig) -> Result<Client, Failure> {
        let Some(wanted) = &source.forge else {
            return Err(Failure::until_changed(format!("source {} names no forge", source.policy.name)));
        };
        let token = wanted.token.read()?;
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.get(&source.policy.name).filter(|(config, _)| config == wanted) {
            client.set_token(&token)?;
            return Ok(client.clone());
        }
        let client = Client::new(&ForgeSettings {
            kind: wanted.kind,
            api: wanted.api.clone(),
            project: wanted.project.clone(),
            token,
            ca_bundle: wanted.ca_bundle.clone(),
            limits: ForgeLimits::default(),
        })?;
        clients.insert(source.policy.name.clone(), (wanted.clone(), client.clone()));
        Ok(client)
    }
}

/// Asks for the merge requests of a source and tells the core what came of it, whatever happens.
pub(super) async fn ask(
    tools: Arc<Tools>,
    source: SourceName,
    known: Vec<MergeRequestNumber>,
    since: Option<Timestamp>,
) {
    let task = tokio::spawn(asked(Arc::clone(&tools), source.clone(), known, since));
    let result = task.await.unwrap_or_else(|_panicked| Err(broken()));
    tools.metrics.forge_asked(&source, result.is_ok());
    let event = match result {
        Ok(merge_requests) => Event::MergeRequestsSeen { source, merge_requests },
        Err(failure) => {
            tracing::warn!(%source, "failed to ask the forge: {failure}");
            Event::ForgeFailed { source, failure }
        }
    };
    tools.inbox.send(event).await;
}

pub(super) fn broken() -> Failure {
    Failure::soon("the machinery broke off").remedy("please report it with the daemon's log")
}

async fn asked(
    tools: Arc<Tools>,
    source: SourceName,
    known: Vec<MergeRequestNumber>,
    since: Option<Timestamp>,
) -> Result<Vec<MergeRequest>, Failure> {
    let config = tools.config();
    let configured = configured(&config, &source)?;
    let client = tools.forges.client(configured)?;
    let mut told = client.merge_requests(&configured.policy.reference, since).await?;
    let listed: BTreeSet<MergeRequestNumber> = told.iter().map(|it| it.number).collect();
    // What is not listed was merged or closed before that, or goes elsewhere now.
    for number in known.into_iter().filter(|it| !listed.contains(it)).take(SINGLE_MAX) {
        match client.merge_request(number).await {
            Ok(found) => told.push(found),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(told)
}

pub(super) fn configured<'a>(config: &'a Config, source: &SourceName) -> Result<&'a SourceConfig, Failure> {
    config
        .sources
        .get(source)
        .ok_or_else(|| Failure::until_changed(format!("source {source} is not configured any more")))
}

/// How each commit of the first-parent line since `admitted` came to the branch; the tip alone where nothing was
/// admitted before, or the line does not lead there. The forge is asked only where approvals are wanted.
pub(super) async fn line(
    tools: &Arc<Tools>,
    source: &SourceConfig,
    remote: &Remote,
    tip: &CommitHash,
    admitted: Option<&CommitHash>,
) -> Result<Vec<Landing>, Failure> {
    let (git, name) = (Arc::clone(&tools.git), source.policy.name.clone());
    let (from, to) = (admitted.cloned(), tip.clone());
    let read = tokio::task::spawn_blocking(move || match from {
        Some(from) => git.line(&name, &to, &from),
        None => Ok(None),
    });
    let line = read.await.map_err(|_| broken())??;
    let pushed = |commit| Landing { commit, merge_request: None, as_proposed: false };
    let Some(line) = line else { return Ok(vec![pushed(tip.clone())]) };
    if source.policy.admission.approvals.is_none() || line.is_empty() {
        return Ok(line.into_iter().map(pushed).collect());
    }
    landings(tools, source, remote, line).await
}

/// Finds the merge request of each commit, and whether the commit holds what it proposed.
async fn landings(
    tools: &Arc<Tools>,
    source: &SourceConfig,
    remote: &Remote,
    line: Vec<CommitHash>,
) -> Result<Vec<Landing>, Failure> {
    let (git, name, commits) = (Arc::clone(&tools.git), source.policy.name.clone(), line.clone());
    let oldest = tokio::task::spawn_blocking(move || git.oldest(&name, &commits)).await;
    let since = oldest.map_err(|_| broken())??;
    let client = tools.forges.client(source)?;
    let told = client.merge_requests(&source.policy.reference, since).await?;
    let mut merged: HashMap<CommitHash, MergeRequest> = HashMap::new();
    for request in told {
        if let MergeRequestState::Merged { commit, .. } = &request.state {
            let landed = commit.clone().unwrap_or_else(|| request.head.clone());
            merged.insert(landed, request);
        }
    }
    let mut landings: Vec<Landing> = Vec::with_capacity(line.len());
    // A rebase puts several commits on the branch, of which the forge names the last.
    let mut rebased: Option<(MergeRequest, usize)> = None;
    for (place, commit) in line.iter().enumerate() {
        let Some(request) = merged.remove(commit) else {
            let part = rebased.take().filter(|(_, left)| 0 < *left);
            let merge_request = part.as_ref().map(|(request, _)| Box::new(request.clone()));
            landings.push(Landing {
                commit: commit.clone(),
                as_proposed: merge_request.is_some(),
                merge_request,
            });
            rebased = part.map(|(request, left)| (request, left - 1));
            continue;
        };
        let reference = client.kind().merge_request_ref(request.number);
        tools.git.fetch_head(remote, request.number, &reference, &request.head).await?;
        let (git, name) = (Arc::clone(&tools.git), source.policy.name.clone());
        let (commit, head, depth) = (commit.clone(), request.head.clone(), line.len() - place);
        let read = tokio::task::spawn_blocking(move || {
            let commits = git.is_merge_of(&name, &commit, &head, depth)?;
            Ok::<_, crate::git::GitError>((commit, commits))
        });
        let (commit, commits) = read.await.map_err(|_| broken())??;
        rebased = commits.map(|commits| (request.clone(), commits.saturating_sub(1)));
        landings.push(Landing {
            commit,
            as_proposed: commits.is_some(),
            merge_request: Some(Box::new(request)),
        });
    }
    Ok(landings)
}
