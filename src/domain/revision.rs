//! References, commit hashes and revisions, each in its one written form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Text that is not a reference, a commit hash or a revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    /// Not a name of a branch or a tag that is safe to hand on.
    #[error(
        "`{0}` is not a branch: use letters, digits, `.`, `_`, `-` and `/`, not beginning with `-`, `.` or `/`"
    )]
    Reference(String),
    /// Not a full commit hash.
    #[error("`{0}` is not a full commit hash: 40 hexadecimal digits are needed")]
    CommitHash(String),
    /// Not `reference@sha1:hash`.
    #[error("`{0}` is not a revision: write `main@sha1:` and the full commit hash")]
    Revision(String),
}

/// The branch that a source follows, for example `main`, or the tag, for example `refs/tags/production`.
///
/// Stricter than `git check-ref-format`, which accepts `$(touch x)`, `-x` and `{{x}}` (measured).
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(String);

impl Reference {
    /// How tags begin. Everything else is a branch.
    const TAGS: &str = "refs/tags/";

    /// As it is written: the name of a branch, or `refs/tags/` and the name of a tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the tag, if it is one.
    pub fn tag(&self) -> Option<&str> {
        self.0.strip_prefix(Self::TAGS)
    }

    /// As Git calls it: `refs/heads/main`, `refs/tags/production`.
    pub fn full_name(&self) -> String {
        if self.tag().is_some() { self.0.clone() } else { format!("refs/heads/{}", self.0) }
    }
}

impl FromStr for Reference {
    type Err = RevisionError;
    fn from_str(given: &str) -> Result<Self, RevisionError> {
        let alphabet = given.chars().all(|it| it.is_ascii_alphanumeric() || "._-/".contains(it));
        let shape = !given.is_empty()
            && given.len() <= 200
            && !given.starts_with(['-', '.', '/'])
            && !given.ends_with(['.', '/'])
            && given.strip_suffix(".lock").is_none()
            && !["..", "//", "/."].iter().any(|it| given.contains(it));
        if alphabet && shape {
            Ok(Self(given.to_owned()))
        } else {
            Err(RevisionError::Reference(given.escape_debug().to_string()))
        }
    }
}

/// The full hash of a commit, 40 lower-case hexadecimal digits.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9a-fA-F]{40}$"))]
pub struct CommitHash(String);

impl CommitHash {
    /// All 40 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first ten digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl FromStr for CommitHash {
    type Err = RevisionError;
    fn from_str(given: &str) -> Result<Self, RevisionError> {
        if given.len() == 40 && given.bytes().all(|it| it.is_ascii_hexdigit()) {
            Ok(Self(given.to_ascii_lowercase()))
        } else {
            Err(RevisionError::CommitHash(given.escape_debug().to_string()))
        }
    }
}

/// A commit together with the reference it was seen on: `main@sha1:…` is its one written form.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Revision {
    /// Where it was seen.
    pub reference: Reference,
    /// What it is.
    pub commit: CommitHash,
}

impl Revision {
    /// `main@4f2a9c01d7`, for people and narrow tables.
    pub fn short(&self) -> String {
        format!("{}@{}", self.reference, self.commit.short())
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@sha1:{}", self.reference, self.commit)
    }
}

impl FromStr for Revision {
    type Err = RevisionError;
    fn from_str(given: &str) -> Result<Self, RevisionError> {
        let Some((reference, commit)) = given.rsplit_once("@sha1:") else {
            return Err(RevisionError::Revision(given.escape_debug().to_string()));
        };
        Ok(Self { reference: reference.parse()?, commit: commit.parse()? })
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = RevisionError;
            fn try_from(given: String) -> Result<Self, RevisionError> {
                given.parse()
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> Self {
                it.to_string()
            }
        }
    )*};
}

as_text!(Reference, CommitHash, Revision);

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for CommitHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_has_one_written_form() {
        let text = format!("feature/x@sha1:{}", "ab".repeat(20));
        let revision: Revision = text.parse().expect("a revision");
        assert_eq!(revision.to_string(), text);
        assert_eq!(revision.short(), "feature/x@ababababab");
    }

    #[test]
    fn references_that_git_accepts_and_shells_love_are_refused() {
        for bad in [
            "",
            "-x",
            "--upload-pack=x",
            "$(touch${IFS}x)",
            ";id",
            "{{x}}",
            "a..b",
            "a b",
            "\u{202E}x",
            "x.lock",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad:?}");
        }
        for good in ["main", "release/2.19", "v1_x-y"] {
            assert!(good.parse::<Reference>().is_ok(), "{good:?}");
        }
    }

    #[test]
    fn tags_are_told_from_branches_by_how_they_begin() {
        let tag: Reference = "refs/tags/v1.0".parse().expect("a tag");
        assert_eq!((tag.tag(), tag.full_name().as_str()), (Some("v1.0"), "refs/tags/v1.0"));
        let branch: Reference = "release/1.0".parse().expect("a branch");
        assert_eq!((branch.tag(), branch.full_name().as_str()), (None, "refs/heads/release/1.0"));
        let text = format!("refs/tags/v1.0@sha1:{}", "ab".repeat(20));
        assert_eq!(text.parse::<Revision>().expect("a revision").to_string(), text);
        assert!("refs/tags/".parse::<Reference>().is_err());
    }

    #[test]
    fn a_commit_hash_is_full() {
        assert!("abc".parse::<CommitHash>().is_err());
        assert!("g".repeat(40).parse::<CommitHash>().is_err());
        assert_eq!("AB".repeat(20).parse::<CommitHash>().map(|it| it.to_string()), Ok("ab".repeat(20)));
    }
}
