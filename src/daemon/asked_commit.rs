//! Which commit a person means.

use crate::api::{ErrorBody, ErrorCode, RevisionAsked};
use crate::domain::{CommitHash, Failure, SourceName};
use crate::git::Git;

/// The commit that is meant, if it is the admitted one or an ancestor of it.
pub(super) fn find(
    git: &Git,
    source: &SourceName,
    asked: &RevisionAsked,
    admitted: &CommitHash,
) -> Result<CommitHash, ErrorBody> {
    let failed = |failure: Failure| ErrorBody::from_failure(ErrorCode::Refused, failure);
    let commit = match asked {
        RevisionAsked::Revision(revision) => revision.commit.clone(),
        RevisionAsked::Commit(commit) => commit.clone(),
        RevisionAsked::Beginning(beginning) => {
            let found = git.find_by_prefix(source, beginning).map_err(|it| failed(it.into()))?;
            found.ok_or_else(|| {
                ErrorBody::not_found(format!(
                    "no commit of {source}, or more than one, begins with {beginning}"
                ))
                .remedy("give more of its hash")
            })?
        }
    };
    if git.is_ancestor(source, &commit, admitted).map_err(|it| failed(it.into()))? {
        return Ok(commit);
    }
    Err(ErrorBody::refused(format!(
        "{} is not the admitted revision of {source} nor an ancestor of it",
        commit.short()
    ))
    .remedy("only what was admitted may run; push it to the followed branch"))
}
