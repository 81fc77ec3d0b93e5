//! The key that signs checkpoints, and its public half in the form of C2SP's signed notes.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::domain::Secret;

/// The name of every key of ours in notes.
const NAME: &str = "driftless-audit";

/// What signed notes call Ed25519.
const ED25519: u8 = 1;

/// A key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a private key.
    #[error("the audit key is not 32 bytes in base64; make one with `openssl rand -base64 32`")]
    Private,
    /// Not a public key.
    #[error("not a public key; `driftless audit key` prints it, it begins with `driftless-audit+`")]
    Public,
}

/// The private key: an Ed25519 seed.
#[derive(Clone)]
pub struct AuditKey(SigningKey);

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(…)")
    }
}

impl AuditKey {
    /// The key with this seed: 32 bytes of chance.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads the seed in base64, as it is kept in files.
    pub fn from_text(text: &Secret) -> Result<Self, KeyError> {
        let seed = BASE64.decode(text.expose().trim()).map_err(|_| KeyError::Private)?;
        let seed: zeroize::Zeroizing<Vec<u8>> = seed.into();
        seed.as_slice().try_into().map(Self::from_seed).map_err(|_| KeyError::Private)
    }

    /// The seed in base64.
    pub fn to_text(&self) -> Secret {
        Secret::new(BASE64.encode(self.0.as_bytes()))
    }

    /// The half that everybody may have.
    pub fn public(&self) -> AuditPublicKey {
        AuditPublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// The public key, written `driftless-audit+ab12cd34+…` as signed notes want it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPublicKey(VerifyingKey);

impl AuditPublicKey {
    /// What a signature line says of the key that made it.
    pub(super) fn id(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(NAME);
        hash.update([b'\n', ED25519]);
        hash.update(self.0.as_bytes());
        let hash = hash.finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|it| self.0.verify_strict(message, &it).is_ok())
    }

    /// The line below a note that carries a signature.
    pub(super) fn signature_line(&self, signature: &[u8; 64]) -> String {
        let mut bytes = self.id().to_vec();
        bytes.extend(signature);
        format!("— {NAME} {}\n", BASE64.encode(bytes))
    }

    /// Reads such a line: the id of the key and the signature. `None` if it is of another kind of key.
    pub(super) fn read_signature_line(line: &str) -> Option<([u8; 4], Vec<u8>)> {
        let bytes = BASE64.decode(line.strip_prefix("— ")?.strip_prefix(NAME)?.strip_prefix(' ')?).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        Some((*id, signature.to_vec()))
    }
}

impl fmt::Display for AuditPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend(self.0.as_bytes());
        write!(f, "{NAME}+{:08x}+{}", u32::from_be_bytes(self.id()), BASE64.encode(key))
    }
}

impl FromStr for AuditPublicKey {
    type Err = KeyError;
    fn from_str(given: &str) -> Result<Self, KeyError> {
        let read = || {
            let (_, key) = given.trim().strip_prefix(NAME)?.strip_prefix('+')?.split_once('+')?;
            let key = BASE64.decode(key).ok()?;
            let (kind, key) = key.split_first()?;
            let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok().map(Self)?;
            // The id in the middle is part of the one written form, so a typing error is noticed.
            (*kind == ED25519 && key.to_string() == given.trim()).then_some(key)
        };
        read().ok_or(KeyError::Public)
    }
}

/// What one key signs to hand over to the next, in this chain only.
fn handover(origin: &str, new: &AuditPublicKey) -> String {
    format!("driftless/audit/key/v1\n{origin}\n{new}\n")
}

impl AuditKey {
    /// Signs that `new` follows this key in the chain that begins with `first`.
    pub(super) fn vouch(&self, origin: &str, new: &AuditPublicKey) -> String {
        BASE64.encode(self.sign(handover(origin, new).as_bytes()))
    }
}

/// Whether `old` signed that `new` follows it.
pub(super) fn vouches(old: &AuditPublicKey, origin: &str, new: &AuditPublicKey, signature: &str) -> bool {
    BASE64.decode(signature).is_ok_and(|it| old.verifies(handover(origin, new).as_bytes(), &it))
}
