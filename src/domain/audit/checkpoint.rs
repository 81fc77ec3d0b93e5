//! A signed statement of how far the chain went: what shows that its end was cut off or that it was replaced.
//!
//! The form is that of C2SP's signed notes: origin, size, hash of the last record in base64, time, an empty line, and
//! a signature. The hash is that of a chain, not of a tree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{AuditHash, AuditHead, AuditKey, AuditPublicKey};
use crate::domain::Timestamp;

/// What the origin of every chain of ours begins with.
const ORIGIN: &str = "driftless-audit/";

/// A text that is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// There is none in it.
    #[error("there is no checkpoint in it")]
    None,
    /// It is not complete, or not written as checkpoints are.
    #[error("the checkpoint that begins in line {line} cannot be read: {what}")]
    Form {
        /// Where it begins, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// A checkpoint, with a signature that is yet to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which chain it is of.
    pub origin: String,
    /// How far the chain went.
    pub head: AuditHead,
    /// When it was signed.
    pub at: Timestamp,
    signatures: Vec<([u8; 4], Vec<u8>)>,
}

/// The name of a chain: told by the hash of its first record.
pub(super) fn origin_of(first: &AuditHash) -> String {
    format!("{ORIGIN}{}", &first.to_string()[..32])
}

impl Checkpoint {
    /// Says how far the chain that begins with `first` went, signed.
    pub fn sign(key: &AuditKey, first: &AuditHash, head: AuditHead, at: Timestamp) -> Self {
        let mut checkpoint = Self { origin: origin_of(first), head, at, signatures: Vec::new() };
        let signature = key.sign(checkpoint.body().as_bytes());
        checkpoint.signatures.push((key.public().id(), signature.to_vec()));
        checkpoint
    }

    /// What is signed.
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n{}\n", self.origin, self.head.size, BASE64.encode(self.head.hash.0), self.at)
    }

    /// The note as it is kept, with a line break at its end.
    pub fn to_note(&self, key: &AuditPublicKey) -> String {
        let mut note = self.body();
        note.push('\n');
        for (_, signature) in self.signatures.iter().filter(|(id, _)| *id == key.id()) {
            if let Ok(signature) = signature.as_slice().try_into() {
                note.push_str(&key.signature_line(signature));
            }
        }
        note
    }

    /// Whether this key signed it.
    pub fn is_signed_by(&self, key: &AuditPublicKey) -> bool {
        let body = self.body();
        let mut signatures = self.signatures.iter().filter(|(id, _)| *id == key.id());
        signatures.any(|(_, signature)| key.verifies(body.as_bytes(), signature))
    }

    /// Reads notes that stand one after the other, with or without empty lines between.
    pub fn read_all(text: &str) -> Result<Vec<Self>, CheckpointError> {
        let mut found = Vec::new();
        let mut lines = text.lines().enumerate().peekable();
        while let Some((at, origin)) = lines.next() {
            if origin.trim().is_empty() {
                continue;
            }
            let form = |what| CheckpointError::Form { line: at + 1, what };
            if !origin.starts_with(ORIGIN) {
                return Err(form("it does not begin with the name of an audit chain"));
            }
            let mut next = || lines.next().map_or("", |(_, line)| line);
            let size = next().parse().map_err(|_| form("its size is not a number"))?;
            let hash = BASE64.decode(next()).ok().and_then(|it| it.try_into().ok()).map(AuditHash);
            let hash = hash.ok_or_else(|| form("its hash is not 32 bytes in base64"))?;
            let time = next().parse().map_err(|_| form("its time is not one"))?;
            if !next().is_empty() {
                return Err(form("no empty line is before the signature"));
            }
            let mut signatures = Vec::new();
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with("— ")) {
                signatures.extend(AuditPublicKey::read_signature_line(line));
            }
            if signatures.is_empty() {
                return Err(form("it has no signature of an audit key"));
            }
            let head = AuditHead { size, hash };
            found.push(Self { origin: origin.to_owned(), head, at: time, signatures });
        }
        if found.is_empty() { Err(CheckpointError::None) } else { Ok(found) }
    }
}
