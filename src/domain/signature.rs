//! Whose signatures a source needs, and what is remembered so that they can be judged.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{CommitHash, Timestamp};

/// What of a source has to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignaturePolicy {
    /// Nothing.
    #[default]
    Off,
    /// What the reference names: the newest commit, or the tag.
    Tip,
    /// That, and each commit since the admitted one.
    Range,
}

/// Whose signatures count. The files are the operator's and lie outside the repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SignatureRules {
    /// What has to be signed.
    pub policy: SignaturePolicy,
    /// Whether of a merge only the side is looked at that it was made on: who signs the merge vouches for the other.
    pub first_parent: bool,
    /// SSH keys, in the format of `allowed_signers` of `ssh-keygen`.
    pub allowed_signers: Option<PathBuf>,
    /// SSH keys that do not count any more: a list of public keys, or a revocation list of `ssh-keygen -k`.
    pub revoked_keys: Option<PathBuf>,
    /// PGP keys, as `gpg --export` writes them.
    pub keyring: Option<PathBuf>,
}

/// A tip that was seen. Keys that expire are judged by the time at which a commit was *seen*, since its date is
/// whatever its author wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sighting {
    /// The commit that the reference named.
    pub commit: CommitHash,
    /// The tag object by which it named it, where a tag is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<CommitHash>,
    /// What was admitted when it was judged: the range that has to be signed begins after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<CommitHash>,
    /// When it was seen for the first time.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
}
