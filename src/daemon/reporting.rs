//! Tells forges what is known of merge requests: the comment and the commit status. A forge that cannot be told is told
//! later; nothing waits for it.

use std::sync::Arc;

use crate::domain::{
    CommitStatus, Event, Failure, MergeRequestFacts, MergeRequestNumber, MergeRequestStatus, SourceName,
};
use crate::forge::comment;

use super::comment_input::{self, Surroundings};
use super::forging::{broken, configured};
use super::hands::Tools;

/// Tells the forge and the core what came of it, whatever happens.
pub(super) async fn report(
    tools: Arc<Tools>,
    source: SourceName,
    (number, version): (MergeRequestNumber, u64),
    facts: MergeRequestFacts,
) {
    let task = tokio::spawn(attempt(Arc::clone(&tools), source.clone(), number, facts));
    let result = task.await.unwrap_or_else(|_panicked| Err(broken()));
    tools.metrics.reported(&source, result.is_ok());
    let failure = result.err();
    if let Some(failure) = &failure {
        tracing::warn!(%source, %number, "failed to report to the forge: {failure}");
    }
    tools.inbox.send(Event::Reported { source, number, version, failure }).await;
}

async fn attempt(
    tools: Arc<Tools>,
    source: SourceName,
    number: MergeRequestNumber,
    facts: MergeRequestFacts,
) -> Result<(), Failure> {
    let config = tools.config();
    let configured = configured(&config, &source)?;
    let client = tools.forges.client(configured)?;
    let asked = source.clone();
    let named = move |it: &MergeRequestStatus| it.source == asked && it.facts.seen.number == number;
    let status = tools.inbox.ask(move |core, _| core.merge_requests().into_iter().find(named)).await;
    let status = status.ok().flatten();
    let link = page_of(config.public_url.as_deref(), &source, number);
    let surroundings = Surroundings {
        source: &source,
        policy: &configured.policy,
        standing: status.as_ref(),
        link: link.clone(),
    };
    let input = comment_input::input(&tools.store, &surroundings, &facts).await;
    let kind = client.kind();
    let (limit, head) = (kind.comment_limit(), facts.seen.head.clone());
    let made = tokio::task::spawn_blocking(move || comment::render(&input, limit)).await;
    let made = made.map_err(|_| broken())?;
    let said = CommitStatus {
        state: made.status.state,
        context: format!("driftless/{source}"),
        description: made.status.description.clone(),
        target_url: link,
    };
    client.write_comment(number, &comment::marker(&source), &made.body).await?;
    client.set_status(&head, &said).await?;
    Ok(())
}

/// Our page of a merge request, if browsers reach us.
fn page_of(public_url: Option<&str>, source: &SourceName, number: MergeRequestNumber) -> Option<String> {
    Some(format!("{}/sources/{source}/merge-requests/{number}", public_url?))
}
