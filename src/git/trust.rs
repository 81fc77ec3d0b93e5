//! Whether a tip is signed as the operator wants it: the tip alone, or each commit since the admitted one.
//!
//! Everything is read from the object store alone, so no replacement, graft or cut of the history has a say. What is
//! judged here, checked out and recorded is one hash.

use std::collections::{HashMap, HashSet};
use std::fmt;

use git2::{Oid, Repository};
use tokio::task::spawn_blocking;

use super::Git;
use super::error::GitError;
use super::signature::{self, Signature};
use super::tree::oid;
use super::verifier::Verifier;
use crate::domain::{CommitHash, Revision, Sighting, SignaturePolicy, SignatureRules, SourceName, Timestamp};

/// So many commits of one range are looked at.
const LONGEST_RANGE: usize = 10_000;

/// So many good signatures of a source are remembered.
const REMEMBERED: usize = 20_000;

/// What is to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The commit, and where it was seen.
    pub revision: Revision,
    /// The tag object by which a followed tag names it.
    pub tag: Option<CommitHash>,
    /// What was admitted before: the range begins after it. `None` judges the tip alone.
    pub base: Option<CommitHash>,
}

/// Why an object is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// There is no signature.
    #[error("is not signed")]
    Unsigned,
    /// The operator names no keys of this kind.
    #[error("is signed by {0}, and the source names no such keys")]
    NoKeysOfKind(&'static str),
    /// The key is not among those that the operator names.
    #[error("is signed by a key that may not sign")]
    UnknownKey,
    /// The key had expired when the commit was seen.
    #[error("is signed by a key that had expired when it was seen")]
    Expired,
    /// The key did not count yet when the commit was seen.
    #[error("is signed by a key that was not valid yet when it was seen")]
    NotYetValid,
    /// The key was revoked.
    #[error("is signed by a key that was revoked")]
    Revoked,
    /// It was signed for another purpose.
    #[error(
        "has a signature that was made for something else than Git, or by a key that may not sign for Git"
    )]
    Namespace,
    /// The signature is not one over this object.
    #[error("has a signature that is not valid")]
    Invalid,
    /// A tag without an object of its own cannot be signed.
    #[error("is named by a lightweight tag, which cannot be signed")]
    LightweightTag,
    /// The tag says that it is another one.
    #[error("calls itself by another name than the reference")]
    TagName,
    /// There are too many commits to be judged.
    #[error("is more than 10,000 commits away from the admitted one")]
    TooFar,
}

/// An object that is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object} {why}")]
pub struct Untrusted {
    /// The commit or tag.
    pub object: String,
    /// Why.
    pub why: Distrust,
}

impl Untrusted {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.why {
            Distrust::Unsigned | Distrust::Invalid | Distrust::Namespace => {
                "sign it with an allowed key and push again; docs/signatures.md says how"
            }
            Distrust::NoKeysOfKind(_) => {
                "name the keys of those who may sign: `signatures.allowed_signers` for SSH, `signatures.keyring` for OpenPGP"
            }
            Distrust::UnknownKey => {
                "find out who pushed it; if the key may sign, add it to the keys of the source on the control node"
            }
            Distrust::Expired | Distrust::NotYetValid => {
                "renew the key, and its entry on the control node, or sign the commit with another one"
            }
            Distrust::Revoked => "find out who pushed it, and sign it with another key",
            Distrust::LightweightTag => "make an annotated, signed tag: `git tag -s`",
            Distrust::TagName => {
                "find out who moved the reference; make a tag of this name with `git tag -s`"
            }
            Distrust::TooFar => "follow a newer history, or use the policy `tip`",
        }
    }
}

/// Good signatures, for the keys that they were judged with.
#[derive(Debug, Default)]
pub(super) struct Judged {
    keys: [u8; 32],
    good: HashSet<(Oid, Timestamp)>,
}

/// Something that has to be signed.
struct ToJudge {
    id: Oid,
    name: String,
    seen: Timestamp,
    signature: Option<Signature>,
}

impl Git {
    /// Judges what a reference names by the operator's rules. `sightings` say when commits were seen first; what is
    /// in none of them is seen now.
    pub async fn verify(
        &self,
        source: &SourceName,
        claim: &Claim,
        rules: &SignatureRules,
        sightings: &[Sighting],
        now: Timestamp,
    ) -> Result<(), GitError> {
        if claim.revision.reference.tag().is_none() && rules.policy == SignaturePolicy::Off {
            return Ok(());
        }
        let (cache, run_dir) = (self.cache(source), self.inner.settings.run_dir.clone());
        let (claim, rules, sightings) = (claim.clone(), rules.clone(), sightings.to_vec());
        let gathered = spawn_blocking(move || -> Result<_, GitError> {
            let objects = cache.objects()?;
            let all = gather(&objects, &claim, &rules, &Seen { sightings: &sightings, now })?;
            let needs_keys = rules.policy != SignaturePolicy::Off;
            Ok((needs_keys.then(|| Verifier::new(&run_dir, &rules)).transpose()?, all))
        });
        let (verifier, all) = gathered.await.map_err(|_| GitError::Worker)??;
        let Some(verifier) = verifier else { return Ok(()) };
        for it in all {
            let known = self.source(source);
            if known.memory().judged.is_good(&verifier, &it) {
                continue;
            }
            let verdict = match &it.signature {
                None => Err(Distrust::Unsigned),
                Some(signature) => verifier.judge(signature, it.seen).await?,
            };
            match verdict {
                Ok(()) => known.memory().judged.remember(&verifier, &it),
                Err(why) => return Err(Untrusted { object: it.name, why }.into()),
            }
        }
        Ok(())
    }
}

impl Judged {
    fn is_good(&self, verifier: &Verifier, it: &ToJudge) -> bool {
        self.keys == verifier.digest() && self.good.contains(&(it.id, it.seen))
    }

    fn remember(&mut self, verifier: &Verifier, it: &ToJudge) {
        if self.keys != verifier.digest() || REMEMBERED <= self.good.len() {
            (self.keys, self.good) = (verifier.digest(), HashSet::new());
        }
        self.good.insert((it.id, it.seen));
    }
}

/// When things were seen.
struct Seen<'a> {
    sightings: &'a [Sighting],
    now: Timestamp,
}

/// All that has to be signed, the newest first.
fn gather(
    objects: &Repository,
    claim: &Claim,
    rules: &SignatureRules,
    seen: &Seen<'_>,
) -> Result<Vec<ToJudge>, GitError> {
    let tip = oid(&claim.revision.commit)?;
    let mut all = Vec::new();
    let is_tag = claim.revision.reference.tag().is_some();
    if is_tag {
        all.extend(the_tag(objects, claim, rules, seen)?);
    }
    let commits = match rules.policy {
        SignaturePolicy::Off => Vec::new(),
        SignaturePolicy::Tip if is_tag => Vec::new(),
        SignaturePolicy::Tip => vec![tip],
        SignaturePolicy::Range => range(objects, claim, rules.first_parent)?,
    };
    let times = times(objects, claim, seen)?;
    for id in commits {
        let seen = times.get(&id).copied().unwrap_or(seen.now);
        let signature = signature::of_commit(objects, id)?;
        all.push(ToJudge { id, name: format!("commit {:.10}", id.to_string()), seen, signature });
    }
    Ok(all)
}

/// The tag object of a followed tag. A lightweight one does where nothing has to be signed.
fn the_tag(
    objects: &Repository,
    claim: &Claim,
    rules: &SignatureRules,
    seen: &Seen<'_>,
) -> Result<Option<ToJudge>, GitError> {
    let commit = &claim.revision.commit;
    let Some(hash) = &claim.tag else {
        if rules.policy == SignaturePolicy::Off {
            return Ok(None);
        }
        let object = format!("commit {}", commit.short());
        return Err(Untrusted { object, why: Distrust::LightweightTag }.into());
    };
    let untrusted = |object: String, why| GitError::from(Untrusted { object, why });
    let id = oid(hash)?;
    let name = format!("tag {}", hash.short());
    let Some(tag) = signature::tag(objects, id)?.filter(|it| it.target.to_string() == commit.as_str()) else {
        return Err(untrusted(name, Distrust::Invalid));
    };
    if Some(tag.name.as_str()) != claim.revision.reference.tag() {
        return Err(untrusted(format!("{name} (`{:.80}`)", tag.name), Distrust::TagName));
    }
    let sighting = seen.sightings.iter().find(|it| it.commit == *commit && it.tag == claim.tag);
    let seen = sighting.map_or(seen.now, |it| it.at);
    Ok(Some(ToJudge { id, name, seen, signature: tag.signature }))
}

/// The tip, and the commits between the base and it.
fn range(objects: &Repository, claim: &Claim, first_parent: bool) -> Result<Vec<Oid>, GitError> {
    let tip = oid(&claim.revision.commit)?;
    let Some(base) = &claim.base else { return Ok(vec![tip]) };
    let mut commits = vec![tip];
    for id in walk(objects, tip, &[oid(base)?], first_parent)? {
        if id != tip {
            commits.push(id);
        }
        if LONGEST_RANGE < commits.len() {
            let object = format!("commit {}", claim.revision.commit.short());
            return Err(Untrusted { object, why: Distrust::TooFar }.into());
        }
    }
    Ok(commits)
}

/// Commits that can be reached from one and not from others. Others that are not there hide nothing.
fn walk(objects: &Repository, from: Oid, hidden: &[Oid], first_parent: bool) -> Result<Vec<Oid>, GitError> {
    let corrupt = |it: git2::Error| GitError::corrupt(&it);
    let mut walk = objects.revwalk().map_err(corrupt)?;
    walk.push(from).map_err(corrupt)?;
    for id in hidden {
        if objects.find_commit(*id).is_ok() {
            walk.hide(*id).map_err(corrupt)?;
        }
    }
    if first_parent {
        walk.simplify_first_parent().map_err(corrupt)?;
    }
    walk.take(LONGEST_RANGE + 1).collect::<Result<_, _>>().map_err(corrupt)
}

/// When the commits after the base were seen: each with the earliest tip that brought it.
fn times(objects: &Repository, claim: &Claim, seen: &Seen<'_>) -> Result<HashMap<Oid, Timestamp>, GitError> {
    let tip = oid(&claim.revision.commit)?;
    let mut tips: Vec<&Sighting> = seen.sightings.iter().collect();
    tips.sort_by_key(|it| it.at);
    let mut hidden: Vec<Oid> = claim.base.iter().map(oid).collect::<Result<_, _>>()?;
    let mut times = HashMap::new();
    for sighting in tips {
        let id = oid(&sighting.commit)?;
        if objects.find_commit(id).is_err() {
            continue;
        }
        for commit in walk(objects, id, &hidden, false)? {
            times.entry(commit).or_insert(sighting.at);
        }
        // What the base hides is not walked, and yet the tip may be just that.
        if id == tip {
            times.entry(id).or_insert(sighting.at);
        }
        hidden.push(id);
    }
    Ok(times)
}

impl fmt::Debug for ToJudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
