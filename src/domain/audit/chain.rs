//! Whether a chain holds, by itself and against checkpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::checkpoint::origin_of;
use super::{AuditAction, AuditHash, AuditHead, AuditPublicKey, AuditRecord, Checkpoint};

/// More faults than this are only counted.
const FAULTS_MAX: usize = 100;

/// Something that is not as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A record cannot be read, or is not written as records are.
    Unreadable {
        /// Its number, or the number of its line.
        seq: u64,
        /// What is wrong.
        what: String,
    },
    /// A record has another number than its place says: records are missing, too many, or moved.
    Number {
        /// What should come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A record does not follow on the one before it.
    Link {
        /// Its number.
        seq: u64,
    },
    /// A record is not what was hashed.
    Altered {
        /// Its number.
        seq: u64,
    },
    /// A personal text is not the one that was hashed.
    Personal {
        /// The number of the record.
        seq: u64,
        /// Which text.
        field: String,
    },
    /// A personal text was erased, and no record says so.
    Erased {
        /// The number of the record.
        seq: u64,
        /// Which text.
        field: String,
    },
    /// The chain ends before a checkpoint that was made of it: its end was cut off, or an old copy restored.
    CutOff {
        /// How far it goes.
        size: u64,
        /// How far it went.
        checkpoint: u64,
    },
    /// The chain is not the one that a checkpoint was made of.
    Replaced {
        /// How far it went then.
        checkpoint: u64,
    },
    /// A checkpoint is signed by no key that is trusted here.
    Signature {
        /// How far it says that the chain went.
        checkpoint: u64,
    },
    /// The key of the chain was changed, and the one before did not sign for it.
    Key {
        /// The number of the record.
        seq: u64,
    },
    /// The given key was never used in this chain.
    UnknownKey,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { seq, what } => write!(f, "record {seq} cannot be read: {what}"),
            Self::Number { expected, found } => {
                write!(
                    f,
                    "record {found} stands where record {expected} should: some are missing, added or moved"
                )
            }
            Self::Link { seq } => write!(f, "record {seq} does not follow on the one before it"),
            Self::Altered { seq } => write!(f, "record {seq} was altered"),
            Self::Personal { seq, field } => write!(f, "`{field}` of record {seq} was altered"),
            Self::Erased { seq, field } => {
                write!(f, "`{field}` of record {seq} was erased, and no record says so")
            }
            Self::CutOff { size, checkpoint } => write!(
                f,
                "the chain ends with record {size}, and a checkpoint of record {checkpoint} was signed: its end was cut off, or an old copy was restored"
            ),
            Self::Replaced { checkpoint } => {
                write!(f, "this is not the chain of which a checkpoint of record {checkpoint} was signed")
            }
            Self::Signature { checkpoint } => {
                write!(f, "the checkpoint of record {checkpoint} is signed by no key that is trusted here")
            }
            Self::Key { seq } => {
                write!(f, "record {seq} changes the key, and the key before did not sign for it")
            }
            Self::UnknownKey => f.write_str("the given key was never used in this chain"),
        }
    }
}

/// All that does not hold: at least one fault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// The first hundred.
    pub faults: Vec<Fault>,
    /// How many there are in all.
    pub count: u64,
}

impl Faults {
    fn add(&mut self, fault: Fault) {
        self.count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// A chain that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How far it goes.
    pub head: AuditHead,
    /// The record up to which a checkpoint that was given vouches for it; 0 without one.
    pub vouched: u64,
    /// How many personal texts were erased, each with a record that says so.
    pub erased: u64,
    /// The key that signs now, if one was recorded.
    pub key: Option<AuditPublicKey>,
}

/// Reads a chain record by record.
#[derive(Debug)]
pub struct Verification {
    head: AuditHead,
    origin: Option<String>,
    /// Where checkpoints are, and what the chain has there.
    passed: BTreeMap<u64, Option<AuditHash>>,
    checkpoints: Vec<Checkpoint>,
    beside: Vec<Checkpoint>,
    given: Option<AuditPublicKey>,
    current: Option<AuditPublicKey>,
    trusted: Vec<AuditPublicKey>,
    /// Every key that the chain names, trusted or not.
    named: Vec<AuditPublicKey>,
    erased: BTreeSet<(u64, String)>,
    declared: BTreeSet<(u64, String)>,
    faults: Faults,
}

impl Verification {
    /// With checkpoints that were kept elsewhere and the key that is trusted. Without a key, the one that the chain
    /// itself names first.
    pub fn new(checkpoints: Vec<Checkpoint>, key: Option<AuditPublicKey>) -> Self {
        Self {
            head: AuditHead::default(),
            origin: None,
            passed: checkpoints.iter().map(|it| (it.head.size, None)).collect(),
            checkpoints,
            beside: Vec::new(),
            given: key,
            current: None,
            trusted: key.into_iter().collect(),
            named: Vec::new(),
            erased: BTreeSet::new(),
            declared: BTreeSet::new(),
            faults: Faults::default(),
        }
    }

    /// With checkpoints that are kept beside the chain. Whoever changes the chain can remove them, so they vouch for
    /// nothing; they show what was done carelessly.
    #[must_use]
    pub fn beside(mut self, checkpoints: Vec<Checkpoint>) -> Self {
        self.passed.extend(checkpoints.iter().map(|it| (it.head.size, None)));
        self.beside = checkpoints;
        self
    }

    /// Something that should be a record is none.
    pub fn unreadable(&mut self, seq: u64, what: String) {
        self.faults.add(Fault::Unreadable { seq, what });
    }

    /// The next record. After a fault, what follows is judged by what is there.
    pub fn take(&mut self, record: &AuditRecord) {
        let (seq, expected) = (record.seq, self.head.size.saturating_add(1));
        if seq != expected {
            self.faults.add(Fault::Number { expected, found: seq });
        }
        if record.prev != self.head.hash {
            self.faults.add(Fault::Link { seq });
        }
        if record.hash != record.computed_hash() {
            self.faults.add(Fault::Altered { seq });
        }
        for (field, personal) in &record.personal {
            if !personal.holds(field) {
                self.faults.add(Fault::Personal { seq, field: field.clone() });
            } else if personal.is_erased() {
                self.erased.insert((seq, field.clone()));
            }
        }
        self.head = record.head();
        let origin = self.origin.get_or_insert_with(|| origin_of(&record.hash)).clone();
        if record.is(AuditAction::KeyUsed) {
            self.key_used(record, &origin);
        }
        if record.is(AuditAction::PersonalErased) {
            self.declared.extend(declared(record));
        }
        if let Some(passed) = self.passed.get_mut(&seq) {
            *passed = Some(record.hash);
        }
    }

    fn key_used(&mut self, record: &AuditRecord, origin: &str) {
        let text = |field: &str| record.detail.get(field).and_then(serde_json::Value::as_str);
        let Some(key) = text("key").and_then(|it| it.parse::<AuditPublicKey>().ok()) else {
            return self.faults.add(Fault::Key { seq: record.seq });
        };
        let signed = self.current.is_some_and(|old| {
            text("signature").is_some_and(|it| super::key::vouches(&old, origin, &key, it))
        });
        self.named.push(key);
        let first = self.current.is_none();
        if !first && !signed && self.given != Some(key) {
            self.faults.add(Fault::Key { seq: record.seq });
        }
        let trusted = match self.current {
            None => self.given.is_none(),
            Some(old) => signed && self.trusted.contains(&old) && self.given != Some(key),
        };
        if trusted && !self.trusted.contains(&key) {
            self.trusted.push(key);
        }
        if self.given == Some(key) {
            // From here on it is seen to be a key of this chain.
            self.given = None;
        }
        self.current = Some(key);
    }

    /// The chain is at its end.
    pub fn finish(mut self) -> Result<Verified, Faults> {
        if self.given.is_some() {
            self.faults.add(Fault::UnknownKey);
        }
        let checkpoints = std::mem::take(&mut self.checkpoints);
        let beside = std::mem::take(&mut self.beside);
        let (trusted, named) = (std::mem::take(&mut self.trusted), std::mem::take(&mut self.named));
        for (checkpoints, keys) in [(&checkpoints, trusted), (&beside, named)] {
            for checkpoint in checkpoints {
                self.compare(checkpoint, &keys);
            }
        }
        let vouched = checkpoints.iter().map(|it| it.head.size).max().unwrap_or(0);
        let undeclared: Vec<_> = self.erased.difference(&self.declared).cloned().collect();
        for (seq, field) in undeclared {
            self.faults.add(Fault::Erased { seq, field });
        }
        if self.faults.count != 0 {
            return Err(self.faults);
        }
        let erased = self.erased.len() as u64;
        Ok(Verified { head: self.head, vouched, erased, key: self.current })
    }

    fn compare(&mut self, checkpoint: &Checkpoint, keys: &[AuditPublicKey]) {
        let AuditHead { size, hash } = checkpoint.head;
        if !keys.iter().any(|it| checkpoint.is_signed_by(it)) {
            self.faults.add(Fault::Signature { checkpoint: size });
        }
        let there = self.passed.get(&size).copied().flatten();
        let same_chain = self.origin.as_ref().is_none_or(|it| *it == checkpoint.origin);
        if same_chain && self.head.size < size {
            self.faults.add(Fault::CutOff { size: self.head.size, checkpoint: size });
        } else if !same_chain || there != Some(hash) {
            self.faults.add(Fault::Replaced { checkpoint: size });
        }
    }
}

/// The personal texts that a record says were erased.
fn declared(record: &AuditRecord) -> Vec<(u64, String)> {
    let entries = record.detail.get("erased").and_then(serde_json::Value::as_object);
    let fields = entries.into_iter().flatten().flat_map(|(seq, fields)| {
        let fields = fields.as_array().into_iter().flatten();
        fields.filter_map(move |field| Some((seq.parse().ok()?, field.as_str()?.to_owned())))
    });
    fields.collect()
}

/// Verifies a whole chain.
pub fn verify<'a>(
    records: impl IntoIterator<Item = &'a AuditRecord>,
    checkpoints: Vec<Checkpoint>,
    key: Option<AuditPublicKey>,
) -> Result<Verified, Faults> {
    let mut verification = Verification::new(checkpoints, key);
    records.into_iter().for_each(|it| verification.take(it));
    verification.finish()
}
