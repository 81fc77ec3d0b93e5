//! Values that stand behind a name that says they are secret.

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

/// Whether the value of this name is a secret.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let name = &name[name.len().saturating_sub(LONGEST_NAME)..];
    let squeezed: Vec<u8> =
        name.iter().filter(|it| !is_separator(**it)).map(u8::to_ascii_lowercase).collect();
    WORDS.iter().any(|word| squeezed.windows(word.len()).any(|it| it == *word))
        || ENDINGS.contains(&last_word(name).to_ascii_lowercase().as_slice())
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
            assert!(is_secret(it.as_bytes()), "{it}");
        }
        for it in [
            "path", "bypass", "passed", "keyring", "ssh_key", "key", "compass", "user", "", "_", "cookies",
            "cwd",
        ] {
            assert!(!is_secret(it.as_bytes()), "{it}");
        }
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
