//! The audit chain: every act of a person and every decision that touched hosts, each record bound to the one before.
//!
//! Each record holds the hash of its predecessor, so what is edited, inserted, left out or moved is seen. A chain
//! alone cannot show that its end was cut off, or that all of it was replaced: a [`Checkpoint`] can, if it is kept
//! where whoever changes the chain does not reach.

mod chain;
mod checkpoint;
mod facts;
mod key;
mod merged;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{CommitHash, RunId, Timestamp};

pub use chain::{Fault, Faults, Verification, Verified, verify};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use facts::{AuditContext, AuditedRun, alert_tested, daemon_started, key_used, records_of, runs_of};
pub use key::{AuditKey, AuditPublicKey, KeyError};
pub use merged::LandedRequest;

/// What separates hashes of records from all other hashes, and this form of a record from later ones.
const RECORD: &str = "driftless/audit/record/v1";
/// The same for personal text.
const PERSONAL: &str = "driftless/audit/personal/v1";

/// A SHA-256 hash, written as 64 lower-case hexadecimal digits.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct AuditHash(pub [u8; 32]);

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<AuditHash> for String {
    fn from(hash: AuditHash) -> Self {
        hash.to_string()
    }
}

/// Text that is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash is written as 64 lower-case hexadecimal digits")]
pub struct HashError;

impl FromStr for AuditHash {
    type Err = HashError;
    fn from_str(given: &str) -> Result<Self, HashError> {
        let digit = |it: u8| match it {
            b'0'..=b'9' => Ok(it - b'0'),
            b'a'..=b'f' => Ok(it - b'a' + 10),
            _ => Err(HashError),
        };
        let mut hash = [0; 32];
        if given.len() != 64 {
            return Err(HashError);
        }
        for (byte, pair) in hash.iter_mut().zip(given.as_bytes().chunks(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(hash))
    }
}

impl TryFrom<String> for AuditHash {
    type Error = HashError;
    fn try_from(given: String) -> Result<Self, HashError> {
        given.parse()
    }
}

/// Feeds a hash so that no two different lists of fields give the same bytes: each behind its length.
struct Fields(Sha256);

impl Fields {
    fn new(domain: &str) -> Self {
        Self(Sha256::new()).add(domain.as_bytes())
    }

    fn add(mut self, field: &[u8]) -> Self {
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field);
        self
    }

    fn end(self) -> AuditHash {
        AuditHash(self.0.finalize().into())
    }
}

/// A text about a person. The chain is over its salted hash alone, so that the text can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Personal {
    /// The text; `None` once it was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What was hashed with it; erased with it, because names can be guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<AuditHash>,
    /// The hash of both.
    pub commitment: AuditHash,
}

impl Personal {
    fn new(field: &str, text: String, seed: &[u8; 32]) -> Self {
        // Each field its own salt: the salt of one that is erased must not be told by another.
        let salt = Fields::new(PERSONAL).add(b"salt").add(seed).add(field.as_bytes()).end();
        let commitment = Self::commitment(field, &text, &salt);
        Self { text: Some(text), salt: Some(salt), commitment }
    }

    fn commitment(field: &str, text: &str, salt: &AuditHash) -> AuditHash {
        Fields::new(PERSONAL).add(&salt.0).add(field.as_bytes()).add(text.as_bytes()).end()
    }

    /// Whether text and salt are the ones that were hashed, or both are erased.
    fn holds(&self, field: &str) -> bool {
        match (&self.text, &self.salt) {
            (Some(text), Some(salt)) => Self::commitment(field, text, salt) == self.commitment,
            (None, None) => true,
            _ => false,
        }
    }

    /// Erases it.
    pub fn erase(&mut self) {
        self.text = None;
        self.salt = None;
    }

    /// Whether it was erased.
    pub fn is_erased(&self) -> bool {
        self.text.is_none()
    }
}

macro_rules! actions {
    ($($(#[doc = $about:literal])* $name:ident $word:literal,)*) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AuditAction {
            $($(#[doc = $about])* $name,)*
        }

        impl AuditAction {
            /// Every action with what it means, for documentation.
            pub const ALL: &[(Self, &str)] = &[$((Self::$name, concat!($($about),*)),)*];

            /// The word in records.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

actions! {
    /// Checkpoints are signed by this key from here on.
    KeyUsed "key_used",
    /// The daemon started.
    DaemonStarted "daemon_started",
    /// A person took a backup.
    BackedUp "backed_up",
    /// The state was restored from a backup: records after the one before this are lost here, and may be elsewhere.
    Restored "restored",
    /// The daemon was told to stop.
    StopRequested "stop_requested",
    /// The daemon stopped: nothing was live any more.
    DaemonStopped "daemon_stopped",
    /// The operator's configuration was read again.
    Reconfigured "reconfigured",
    /// A person asked for an apply.
    ApplyRequested "apply_requested",
    /// A person asked for a check.
    CheckRequested "check_requested",
    /// A person accepted a revision that did not descend from the one before.
    HistoryApproved "history_approved",
    /// A person approved of what a revision would do.
    RevisionApproved "revision_approved",
    /// A person asked for a live preview of a merge request.
    PreviewRequested "preview_requested",
    /// A revision was admitted: what merged it, and who approved of that.
    RevisionAdmitted "revision_admitted",
    /// A merge request that was followed has landed: who merged it and who approved of it, as the forge says.
    MergeRequestLanded "merge_request_landed",
    /// A person accepted the hosts or the changes of an apply that was held.
    HostsApproved "hosts_approved",
    /// A person wanted a run ended.
    CancelRequested "cancel_requested",
    /// A person wanted no more runs of a stack.
    Suspended "suspended",
    /// A person wanted runs of a stack again.
    Resumed "resumed",
    /// A run was started.
    RunStarted "run_started",
    /// A run was let at its hosts.
    HostsAllowed "hosts_allowed",
    /// A run was not let at its hosts.
    HostsRefused "hosts_refused",
    /// A live run was told to end.
    RunStopped "run_stopped",
    /// Nothing of a run was left.
    RunEnded "run_ended",
    /// A person tried a receiver of alerts out.
    AlertTested "alert_tested",
    /// Personal text was erased from these records.
    PersonalErased "personal_erased",
    /// A person made a token for the API.
    TokenCreated "token_created",
    /// A person revoked a token.
    TokenRevoked "token_revoked",
    /// A person made a link that signs a browser in as them.
    SignInLinkMade "sign_in_link_made",
    /// A person signed in.
    SignedIn "signed_in",
    /// A person signed out.
    SignedOut "signed_out",
}

/// What is to become a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditDraft {
    /// What was done.
    pub action: AuditAction,
    /// To what: a stack, a source, or `daemon`.
    pub object: String,
    /// At which commit.
    pub commit: Option<CommitHash>,
    /// In which run.
    pub run: Option<RunId>,
    /// What else there is to say, as an object without numbers that are not whole.
    pub detail: serde_json::Value,
    /// Texts about persons, by what they say: `actor` is who did it, `why` a sentence that may name somebody.
    pub personal: BTreeMap<String, String>,
}

impl AuditDraft {
    /// Something that was done, with nothing more to say.
    pub fn new(action: AuditAction, object: impl Into<String>) -> Self {
        let (commit, run) = (None, None);
        let detail = serde_json::Value::Object(serde_json::Map::new());
        Self { action, object: object.into(), commit, run, detail, personal: BTreeMap::new() }
    }

    /// With a text about a person.
    #[must_use]
    pub fn personal(mut self, field: &str, text: impl Into<String>) -> Self {
        self.personal.insert(field.to_owned(), text.into());
        self
    }
}

/// One record of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord {
    /// Its number: from 1, without gaps.
    pub seq: u64,
    /// When it was recorded.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
    /// What was done; an [`AuditAction`], or one of a newer driftless.
    pub action: String,
    /// To what: a stack, a source, or `daemon`.
    pub object: String,
    /// At which commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitHash>,
    /// In which run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// What else there is to say.
    pub detail: serde_json::Value,
    /// Texts about persons. Without `actor`, the daemon did it by itself.
    pub personal: BTreeMap<String, Personal>,
    /// The hash of the record before; zeros in the first.
    pub prev: AuditHash,
    /// The hash of all of the above, of `personal` only the commitments.
    pub hash: AuditHash,
}

/// How far a chain goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditHead {
    /// How many records it has.
    pub size: u64,
    /// The hash of the last one; zeros if there is none.
    pub hash: AuditHash,
}

impl AuditRecord {
    /// The record that follows on `head`. `seed` is 32 bytes of chance, other ones for each record.
    pub fn append(head: AuditHead, at: Timestamp, draft: AuditDraft, seed: &[u8; 32]) -> Self {
        let personal = draft.personal.into_iter().map(|(field, text)| {
            let personal = Personal::new(&field, text, seed);
            (field, personal)
        });
        let mut record = Self {
            seq: head.size + 1,
            at,
            action: draft.action.as_str().to_owned(),
            object: draft.object,
            commit: draft.commit,
            run: draft.run,
            detail: draft.detail,
            personal: personal.collect(),
            prev: head.hash,
            hash: AuditHash::default(),
        };
        record.hash = record.computed_hash();
        record
    }

    /// The chain up to this record.
    pub fn head(&self) -> AuditHead {
        AuditHead { size: self.seq, hash: self.hash }
    }

    /// Whether it is of this action.
    pub fn is(&self, action: AuditAction) -> bool {
        self.action == action.as_str()
    }

    /// A text about a person, unless it was erased or never was.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.personal.get(field)?.text.as_deref()
    }

    /// What its hash should be.
    pub fn computed_hash(&self) -> AuditHash {
        let run = self.run.map(|it| it.0.to_be_bytes());
        let mut fields = Fields::new(RECORD)
            .add(&self.prev.0)
            .add(&self.seq.to_be_bytes())
            .add(&self.at.as_nanosecond().to_be_bytes())
            .add(self.action.as_bytes())
            .add(self.object.as_bytes())
            .add(self.commit.as_ref().map_or("", CommitHash::as_str).as_bytes())
            .add(run.as_ref().map_or(&[], |it| it.as_slice()))
            .add(self.detail.to_string().as_bytes());
        for (field, personal) in &self.personal {
            fields = fields.add(field.as_bytes()).add(&personal.commitment.0);
        }
        fields.end()
    }

    /// The line of an export: JSON in ASCII, so that no terminal obeys it. Only what is written exactly like this is
    /// accepted again.
    pub fn to_line(&self) -> String {
        let json = serde_json::to_string(self).expect("a record has string keys and a JSON form");
        if json.bytes().all(|it| (b' '..=b'~').contains(&it)) {
            return json;
        }
        let mut line = String::with_capacity(json.len() * 2);
        for found in json.chars() {
            if (' '..='~').contains(&found) {
                line.push(found);
            } else {
                for unit in found.encode_utf16(&mut [0; 2]) {
                    write!(line, "\\u{unit:04x}").ok(); // Writing to a string cannot fail.
                }
            }
        }
        line
    }

    /// Reads a line of an export. It must be what [`to_line`](Self::to_line) writes, to the byte: a line with two
    /// values of one key would be read differently by different programs.
    pub fn from_line(line: &str) -> Result<Self, String> {
        let record: Self = serde_json::from_str(line).map_err(|it| it.to_string())?;
        if record.to_line() == line {
            Ok(record)
        } else {
            Err("it is not written as it was exported".to_owned())
        }
    }
}
