//! Variables at rest: their values are in the database only as ciphertext, with the key in a file beside it.
//!
//! Operators copy databases, journals and backups into tickets; a repository may declare a password in the clear.
//! Whoever can read the state directory can open them: that is the daemon alone.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde_json::{Value, json};

use super::StoreError;
use super::columns::json as text;
use super::place::private_file;
use crate::domain::{Memory, Run, SourceFacts};

/// The key of a name that holds variables, in whatever the domain writes.
const VARIABLES: &str = "extra_vars";

/// The only key of a value that is sealed.
const SEALED: &str = "sealed";

const NONCE_BYTES: usize = 24;

/// Seals the values of variables, and opens them.
pub(super) struct Seal(XChaCha20Poly1305);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// With the key in this file, which is made if it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut file = private_file().truncate(false).open(path).map_err(StoreError::file("open", path))?;
        let mut key = Vec::new();
        file.read_to_end(&mut key).map_err(StoreError::file("read", path))?;
        if key.len() != 32 {
            let mut made = [0; 32];
            getrandom::fill(&mut made)
                .map_err(|it| StoreError::file("make a key for", path)(std::io::Error::other(it)))?;
            file.set_len(0)
                .and_then(|()| std::io::Seek::rewind(&mut file))
                .and_then(|()| file.write_all(&made))
                .and_then(|()| file.sync_all())
                .map_err(StoreError::file("write", path))?;
            key = made.to_vec();
        }
        let cipher = XChaCha20Poly1305::new_from_slice(&key);
        zeroize::Zeroize::zeroize(&mut key);
        cipher.map(Self).map_err(|it| StoreError::file("use", path)(std::io::Error::other(it)))
    }

    /// A value of the domain as JSON, without the values of variables.
    pub(super) fn json<T: serde::Serialize + ?Sized>(&self, value: &T) -> String {
        let plain = text(value);
        // Nearly nothing that is written has variables.
        if !plain.contains(&format!("\"{VARIABLES}\":{{\"")) {
            return plain;
        }
        let mut value = serde_json::to_value(value).expect("it has a JSON form");
        self.cover(&mut value);
        value.to_string()
    }

    fn cover(&self, value: &mut Value) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|it| self.cover(it)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value {
                        Value::Object(variables) if key == VARIABLES => {
                            variables.iter_mut().for_each(|(name, it)| *it = self.sealed(name, it));
                        }
                        other => self.cover(other),
                    }
                }
            }
            _ => {}
        }
    }

    fn sealed(&self, name: &str, value: &Value) -> Value {
        let mut sealed = vec![0; NONCE_BYTES];
        // Nothing is better than the value itself, or than a nonce that may have been used.
        if getrandom::fill(&mut sealed).is_err() {
            return json!({ SEALED: "" });
        }
        let plain = value.to_string();
        let payload = Payload { msg: plain.as_bytes(), aad: name.as_bytes() };
        let nonce = XNonce::try_from(&sealed[..]).expect("it has the length of a nonce");
        match self.0.encrypt(&nonce, payload) {
            Ok(text) => {
                sealed.extend(text);
                json!({ SEALED: BASE64.encode(sealed) })
            }
            Err(_) => json!({ SEALED: "" }),
        }
    }

    /// The value of a variable; as it is, if it was never sealed.
    fn opened(&self, name: &str, value: &Value) -> Option<Value> {
        let sealed = match value.as_object() {
            Some(fields) if fields.len() == 1 => fields.get(SEALED),
            _ => None,
        };
        let Some(sealed) = sealed else { return Some(value.clone()) };
        let sealed = BASE64.decode(sealed.as_str()?).ok()?;
        let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
        let payload = Payload { msg: text, aad: name.as_bytes() };
        let plain = self.0.decrypt(&XNonce::try_from(nonce).ok()?, payload).ok()?;
        serde_json::from_slice(&plain).ok()
    }

    /// Whether each could be opened.
    fn open_all(&self, variables: &mut BTreeMap<String, Value>) -> bool {
        let mut all = true;
        for (name, value) in variables {
            match self.opened(name, value) {
                Some(opened) => *value = opened,
                None => all = false,
            }
        }
        all
    }

    /// Opens the variables of a run. What cannot be opened stays sealed: it is only shown.
    pub(super) fn open_run(&self, run: &mut Run) {
        self.open_all(&mut run.spec.extra_vars);
    }

    /// Opens all that is remembered. A source with variables that cannot be opened is as if it had not been fetched:
    /// nothing may run with other values than those that were declared.
    pub(super) fn open_memory(&self, memory: &mut Memory) {
        for (source, facts) in &mut memory.sources {
            if !self.open_source(facts) {
                tracing::warn!(%source, "the key of its variables is gone: nothing of it runs before it is fetched");
                facts.head = None;
            }
        }
        for facts in memory.stacks.values_mut() {
            if let Some(spec) = &mut facts.live {
                // It is over, and only shown: what is due is told from the head.
                self.open_all(&mut spec.extra_vars);
            }
        }
    }

    fn open_source(&self, facts: &mut SourceFacts) -> bool {
        let mut stacks = facts.head.iter_mut().flat_map(|it| &mut it.declaration.stacks);
        stacks.all(|it| self.open_all(&mut it.extra_vars))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Head, StackPolicy};

    fn facts(value: &Value) -> SourceFacts {
        let id = "infra/web".parse().unwrap();
        let mut stack = StackPolicy::new(id, "site.yml", "hosts.yml");
        stack.extra_vars.insert("token".to_owned(), value.clone());
        let declaration = crate::domain::Declaration { stacks: vec![stack], ..Default::default() };
        let revision = format!("main@sha1:{}", "ab".repeat(20)).parse().unwrap();
        SourceFacts { head: Some(Head { revision, declaration }), ..SourceFacts::default() }
    }

    #[test]
    fn values_are_sealed_and_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::open(&dir.path().join("key")).unwrap();
        for value in
            [json!("hunter2hunter2"), json!(["hunter2hunter2", 1]), json!({ "extra_vars": { "a": null } })]
        {
            let facts = facts(&value);
            let written = seal.json(&facts);
            assert!(!written.contains("hunter2") && written.contains("token"), "{written}");
            // The same key, as after a restart.
            let again = Seal::open(&dir.path().join("key")).unwrap();
            let mut read: SourceFacts = serde_json::from_str(&written).unwrap();
            assert!(again.open_source(&mut read));
            assert_eq!(read, facts);
        }
    }

    #[test]
    fn with_another_key_the_source_is_to_be_fetched_first() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::open(&dir.path().join("key")).unwrap();
        let written = seal.json(&facts(&json!("hunter2hunter2")));
        let mut memory = Memory::default();
        let name: crate::domain::SourceName = "infra".parse().unwrap();
        memory.sources.insert(name.clone(), serde_json::from_str(&written).unwrap());
        let other = Seal::open(&dir.path().join("other")).unwrap();
        other.open_memory(&mut memory);
        assert_eq!(memory.sources[&name].head, None);
    }

    #[test]
    fn a_value_of_before_is_taken_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::open(&dir.path().join("key")).unwrap();
        let before = facts(&json!({ "port": 80 }));
        let mut read = before.clone();
        assert!(seal.open_source(&mut read));
        assert_eq!(read, before);
    }
}
