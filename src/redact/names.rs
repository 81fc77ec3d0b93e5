//! Values that stand behind a name that says they are secret.

use std::ops::Range;

/// What a name contains, without its separators, if its value is a secret.
const WORDS: [&[u8]; 21] = [
    b"password",
    b"passwd",
    b"passphrase",
    b"passcode",
    b"secret",
    b"token",
    b"apikey",
    b"authkey",
    b"privatekey",
    b"accesskey",
    b"accountkey",
    b"storagekey",
    b"sharedkey",
    b"encryptionkey",
    b"signingkey",
    b"masterkey",
    b"credential",
    b"becomepass",
    b"vaultpass",
    b"connectionstring",
    b"authorization",
];
/// What a name ends in, as a word of its own.
const ENDINGS: [&[u8]; 6] = [b"pass", b"pwd", b"psk", b"pw", b"sshpass", b"cookie"];
/// Longer names are none.
const LONGEST_NAME: usize = 128;
/// What a name ends in whose value only says where a secret is.
const PLACES: [&[u8]; 6] = [b"file", b"path", b"dir", b"directory", b"url", b"uri"];
/// Values that tell nothing.
const EMPTY: [&[u8]; 12] = [
    b"true",
    b"false",
    b"yes",
    b"no",
    b"on",
    b"off",
    b"null",
    b"none",
    b"~",
    b"omit",
    b"always",
    b"on_create",
];

/// The names whose value is a secret: those that always are, and further ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Without separators, in lower case.
    further: Vec<Vec<u8>>,
}

impl Names {
    /// With the names that somebody adds. Upper and lower case, and `-`, `_`, `.` and blanks, make no difference.
    pub fn new(further: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let further = further.into_iter().map(|it| squeezed(it.as_ref().as_bytes()));
        Self { further: further.filter(|it| !it.is_empty()).collect() }
    }

    /// Whether the value of this name is a secret. One that was added is the whole name, or its last words.
    pub(super) fn is_secret(&self, name: &[u8]) -> bool {
        let name = &name[name.len().saturating_sub(LONGEST_NAME)..];
        let squeezed = squeezed(name);
        WORDS.iter().any(|word| squeezed.windows(word.len()).any(|it| it == *word))
            || ENDINGS.contains(&last_word(name).to_ascii_lowercase().as_slice())
            || self.further.iter().any(|it| squeezed.ends_with(it) && is_whole(name, it.len()))
    }

    /// Places of a text, in its order, where a name that was added may be.
    pub(super) fn hits(&self, line: &[u8]) -> Vec<Range<usize>> {
        let mut hits = Vec::new();
        if self.further.is_empty() {
            return hits;
        }
        for (at, _) in line.iter().enumerate().filter(|(_, it)| it.is_ascii_alphanumeric()) {
            hits.extend(self.further.iter().find_map(|it| Some(at..at + begins(&line[at..], it)?)));
        }
        hits
    }
}

/// Without separators, in lower case.
fn squeezed(name: &[u8]) -> Vec<u8> {
    name.iter().filter(|it| !is_separator(**it)).map(u8::to_ascii_lowercase).collect()
}

/// Whether the last letters of a name, so many without separators, begin with a word of it.
fn is_whole(name: &[u8], letters: usize) -> bool {
    let places: Vec<usize> = (0..name.len()).filter(|it| !is_separator(name[*it])).collect();
    let start = places[places.len() - letters];
    let (Some(before), first) = (start.checked_sub(1).map(|it| name[it]), name[start]) else { return true };
    is_separator(before) || before.is_ascii_lowercase() && first.is_ascii_uppercase()
}

/// How much of a text is the squeezed name that it begins with.
fn begins(text: &[u8], name: &[u8]) -> Option<usize> {
    let mut at = 0;
    for letter in name {
        while text.get(at).is_some_and(|it| 0 < at && is_separator(*it)) {
            at += 1;
        }
        if !text.get(at)?.eq_ignore_ascii_case(letter) {
            return None;
        }
        at += 1;
    }
    Some(at)
}

/// Whether this value of a secret's name may be seen: it says where the secret is, or that there is none.
pub(super) fn is_harmless(name: &[u8], value: &[u8]) -> bool {
    let value = trim_end(value.trim_ascii(), b",;)]}");
    let is_place = || {
        PLACES.contains(&last_word(name).to_ascii_lowercase().as_slice())
            && (value.starts_with(b"/") || value.starts_with(b"~/") || value.starts_with(b"./"))
    };
    value.is_empty() || EMPTY.contains(&value.to_ascii_lowercase().as_slice()) || is_place()
}

/// Without the bytes of a set at its end.
fn trim_end<'a>(text: &'a [u8], set: &[u8]) -> &'a [u8] {
    let end = text.iter().rposition(|it| !set.contains(it)).map_or(0, |it| it + 1);
    &text[..end]
}

fn is_separator(it: u8) -> bool {
    matches!(it, b'_' | b'-' | b'.' | b' ')
}

/// The last word of `db_pass`, `db-pass` and `dbPass`.
fn last_word(name: &[u8]) -> &[u8] {
    let name = trim_end(name, b"_-. ");
    let start = name.iter().rposition(|it| is_separator(*it)).map_or(0, |it| it + 1);
    let name = &name[start..];
    let inner = name.windows(2).rposition(|it| it[0].is_ascii_lowercase() && it[1].is_ascii_uppercase());
    &name[inner.map_or(0, |it| it + 1)..]
}

#[cfg(test)]
mod tests {
    use super::super::Redactor;
    use super::*;

    #[test]
    fn names_of_secrets() {
        for it in [
            "password",
            "db_password",
            "api-key",
            "apiKey",
            "GITHUB_TOKEN",
            "client_secret",
            "ansible_ssh_pass",
            "ansible_become_pass",
            "dbPass",
            "spring.datasource.password",
            "PGPASSWORD",
            "wifi-psk",
            "Private Key",
            "aws_secret_access_key",
            "credentials",
            "Set-Cookie",
            "Authorization",
            "AZURE_CONNECTION_STRING",
            "pwd",
        ] {
            assert!(Names::default().is_secret(it.as_bytes()), "{it}");
        }
        for it in [
            "path", "bypass", "passed", "keyring", "ssh_key", "key", "compass", "user", "", "_", "cookies",
            "cwd",
        ] {
            assert!(!Names::default().is_secret(it.as_bytes()), "{it}");
        }
    }

    #[test]
    fn further_names() {
        let names = Names::new(["db-pin", "Seed", " "]);
        for it in ["db_pin", "DB.PIN", "dbPin", "my_db_pin", "seed", "masterSeed", "wallet-seed"] {
            assert!(names.is_secret(it.as_bytes()), "{it}");
        }
        for it in ["pin", "mydbpin", "birdseed", "seeds", "db_pin_length", ""] {
            assert!(!names.is_secret(it.as_bytes()), "{it}");
        }
        let mut secrets = crate::redact::Secrets::with_names(names).redactor();
        assert_eq!(
            secrets.text("x\nDB_PIN=1234 seed: abc\nwallet-seed: a b c"),
            "x\nDB_PIN=[redacted] seed: [redacted]\nwallet-seed: [redacted]"
        );
        let mut value =
            serde_json::json!({"seed": "x", "list": ["--db-pin", "12"], "text": "token=abcdef db-pin=12"});
        secrets.json(&mut value);
        let clean = serde_json::json!({"seed": "[redacted]", "list": ["--db-pin", "[redacted]"], "text": "token=[redacted] db-pin=[redacted]"});
        assert_eq!(value, clean);
        secrets = Redactor::default();
        assert_eq!(secrets.text("seed: abc"), "seed: abc");
    }

    #[test]
    fn values_that_tell_nothing() {
        for (name, value) in [
            ("password", "false"),
            ("update_password", "always,"),
            ("password_file", "/etc/x"),
            ("privateKeyPath", "~/.ssh/id"),
            ("token", " }"),
        ] {
            assert!(is_harmless(name.as_bytes(), value.as_bytes()), "{name}={value}");
        }
        for (name, value) in [("password", "/etc/x"), ("password_file", "hunter2"), ("token", "truely")] {
            assert!(!is_harmless(name.as_bytes(), value.as_bytes()), "{name}={value}");
        }
    }
}
