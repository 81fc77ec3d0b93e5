//! How commits descend from each other.

use git2::Repository;

use super::error::GitError;
use super::tree::oid;
use crate::domain::{CommitHash, Lineage};

/// How the tip of a branch relates to the admitted commit.
///
/// All ancestors of a tip were fetched with it. So an admitted commit that is not in the store is not among them:
/// the branch was rewound.
pub(super) fn lineage(
    repository: &Repository,
    tip: &CommitHash,
    admitted: Option<&CommitHash>,
) -> Result<Lineage, GitError> {
    let Some(admitted) = admitted else { return Ok(Lineage::First) };
    if admitted == tip {
        return Ok(Lineage::Same);
    }
    let (tip, base) = (oid(tip)?, oid(admitted)?);
    let odb = repository.odb().map_err(|it| GitError::corrupt(&it))?;
    let descends =
        odb.exists(base) && repository.graph_descendant_of(tip, base).map_err(|it| GitError::corrupt(&it))?;
    let admitted = admitted.clone();
    Ok(if descends { Lineage::Descendant { of: admitted } } else { Lineage::Rewound { from: admitted } })
}

/// Whether `ancestor` is `commit` itself or one of its ancestors. A commit that is not there has no ancestors.
pub(super) fn is_ancestor(
    repository: &Repository,
    ancestor: &CommitHash,
    commit: &CommitHash,
) -> Result<bool, GitError> {
    Ok(!matches!(lineage(repository, commit, Some(ancestor))?, Lineage::Rewound { .. }))
}

/// The one commit whose hash begins with `prefix`; `None` if there is none, or several.
pub(super) fn find_by_prefix(repository: &Repository, prefix: &str) -> Option<CommitHash> {
    let commit = repository.find_commit_by_prefix(prefix).ok()?;
    commit.id().to_string().parse().ok()
}
