//! Takes signatures out of objects: what was signed, and by what kind of key.

use git2::{Oid, Repository};

use super::error::GitError;
use crate::domain::{CommitHash, Reference};

/// What made a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An SSH key.
    Ssh,
    /// A PGP key.
    OpenPgp,
    /// Something else: an X.509 certificate, for example.
    Other,
}

/// A signature with what it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) kind: Kind,
    pub(super) text: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

/// How signatures begin.
const BEGINNINGS: [(&[u8], Kind); 4] = [
    (b"-----BEGIN SSH SIGNATURE-----", Kind::Ssh),
    (b"-----BEGIN PGP SIGNATURE-----", Kind::OpenPgp),
    (b"-----BEGIN PGP MESSAGE-----", Kind::OpenPgp),
    (b"-----BEGIN SIGNED MESSAGE-----", Kind::Other),
];

fn kind(text: &[u8]) -> Option<Kind> {
    BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning)).map(|(_, kind)| *kind)
}

/// The signature of a commit, if it has one.
pub(super) fn of_commit(objects: &Repository, commit: Oid) -> Result<Option<Signature>, GitError> {
    match objects.extract_signature(&commit, None) {
        Ok((text, payload)) => {
            let kind = kind(&text).unwrap_or(Kind::Other);
            Ok(Some(Signature { kind, text: text.to_vec(), payload: payload.to_vec() }))
        }
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(GitError::corrupt(&error)),
    }
}

/// An annotated tag, read from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    /// What it names.
    pub(super) target: Oid,
    /// The name that is written in it, escaped.
    pub(super) name: String,
    pub(super) signature: Option<Signature>,
}

/// Reads a tag object. `None` if it is none, or does not name a commit.
pub(super) fn tag(objects: &Repository, tag: Oid) -> Result<Option<Tag>, GitError> {
    let odb = objects.odb().map_err(|it| GitError::corrupt(&it))?;
    let object = odb.read(tag).map_err(|it| GitError::corrupt(&it))?;
    if object.kind() != git2::ObjectType::Tag {
        return Ok(None);
    }
    Ok(parse_tag(object.data()))
}

/// The first three lines are always `object`, `type` and `tag`; git refuses anything else when it fetches.
fn parse_tag(data: &[u8]) -> Option<Tag> {
    let mut lines = data.split(|it| *it == b'\n');
    let mut value = |key: &str| lines.next()?.strip_prefix(key.as_bytes());
    let target = Oid::from_str(std::str::from_utf8(value("object ")?).ok()?).ok()?;
    let is_commit = value("type ")? == b"commit";
    let name = String::from_utf8_lossy(value("tag ")?).escape_debug().to_string();
    is_commit.then(|| Tag { target, name, signature: tag_signature(data) })
}

/// The signature stands at the end of the message, and is over all before it.
fn tag_signature(data: &[u8]) -> Option<Signature> {
    let starts =
        std::iter::once(0).chain(data.iter().enumerate().filter(|it| *it.1 == b'\n').map(|it| it.0 + 1));
    let (at, kind) = starts.rev().find_map(|at| Some((at, kind(&data[at..])?)))?;
    Some(Signature { kind, text: data[at..].to_vec(), payload: data[..at].to_vec() })
}

/// The commit that a followed reference names, with the tag object if it names one through that. `None` if it names
/// something else.
pub(super) fn peel(
    objects: &Repository,
    reference: &Reference,
    named: &CommitHash,
) -> Result<Option<(CommitHash, Option<CommitHash>)>, GitError> {
    let id = super::tree::oid(named)?;
    let object = objects.find_object(id, None).map_err(|it| GitError::corrupt(&it))?;
    match object.kind() {
        Some(git2::ObjectType::Commit) => Ok(Some((named.clone(), None))),
        Some(git2::ObjectType::Tag) if reference.tag().is_some() => {
            let commit = tag(objects, id)?.and_then(|it| it.target.to_string().parse().ok());
            Ok(commit.map(|it: CommitHash| (it, Some(named.clone()))))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "object 1111111111111111111111111111111111111111\ntype commit\ntag v1\n";

    #[test]
    fn of_several_beginnings_in_a_tag_the_last_is_the_signature() {
        let text = format!(
            "{HEAD}tagger a <a@b> 1 +0000\n\nwords\n-----BEGIN SSH SIGNATURE-----\nx\n\
             -----BEGIN PGP SIGNATURE-----\ny\n"
        );
        let tag = parse_tag(text.as_bytes()).expect("a tag");
        let signature = tag.signature.expect("a signature");
        assert_eq!(tag.name, "v1");
        assert_eq!(signature.kind, Kind::OpenPgp);
        assert!(signature.payload.ends_with(b"SIGNATURE-----\nx\n"));
        assert_eq!(signature.text, b"-----BEGIN PGP SIGNATURE-----\ny\n");
    }

    #[test]
    fn what_is_no_tag_of_a_commit_is_none() {
        for text in ["", "object x\n", &HEAD.replace("commit", "tree"), &HEAD.replace("tag v1\n", "")] {
            assert_eq!(parse_tag(text.as_bytes()), None, "{text}");
        }
        let plain = parse_tag(HEAD.as_bytes()).expect("a tag");
        assert_eq!(plain.signature, None);
    }
}
