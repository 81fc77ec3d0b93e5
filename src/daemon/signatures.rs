//! Judges signatures: when something was fetched, and once more when a run of it starts. Keys may be taken away in
//! between.

use crate::domain::{Failure, Revision, SourceName};
use crate::git::Claim;

use super::clock::now;
use super::hands::Tools;

/// Whether a revision is signed as the operator wants it. The outer failure is one of reading, not of trust.
pub(super) async fn judge(
    tools: &Tools,
    source: &SourceName,
    mut claim: Claim,
) -> Result<Result<(), Failure>, Failure> {
    let config = tools.config();
    let Some(configured) = config.sources.get(source) else {
        return Err(Failure::until_changed(format!("source {source} is not configured any more")));
    };
    let name = source.clone();
    let sightings = tools.inbox.ask(move |core, _| core.sightings(&name)).await;
    let sightings = sightings.map_err(|it| Failure::soon(it.to_string()))?;
    let known = sightings.iter().find(|it| it.commit == claim.revision.commit);
    if let Some(known) = known.filter(|_| claim.base.is_none()) {
        claim.base.clone_from(&known.base);
        claim.tag = claim.tag.or_else(|| known.tag.clone());
    }
    match tools.git.verify(source, &claim, &configured.signatures, &sightings, now()).await {
        Ok(()) => Ok(Ok(())),
        Err(error) if error.is_distrust() => Ok(Err(error.into())),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a run whose revision is not, or not any more, signed as the operator wants it.
pub(super) async fn allow(tools: &Tools, source: &SourceName, revision: &Revision) -> Result<(), Failure> {
    judge(tools, source, Claim { revision: revision.clone(), tag: None, base: None }).await?
}
