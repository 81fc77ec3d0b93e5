//! Keeps secrets and control characters out of what is shown of a file.

use std::ops::Range;

/// Words that a key has in its name where its value is a secret.
const SECRET_WORDS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "private_key",
    "access_key",
    "vault_pass",
];

/// Whether the value of a key with this name is to be treated as a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| name.contains(word)) || name == "pass" || name.ends_with("_pass")
}

/// The text with the given places and everything that looks like a secret starred out, and without characters that
/// could move a terminal. Byte for byte as long as the text was, so that places stay true.
pub(super) fn for_display(text: &str, masks: &[Range<usize>]) -> String {
    let mut hidden = vec![false; text.len()];
    for mask in masks.iter().cloned().chain(lexical(text)) {
        for it in hidden.iter_mut().take(mask.end.min(text.len())).skip(mask.start) {
            *it = true;
        }
    }
    let mut shown = String::with_capacity(text.len());
    for (at, it) in text.char_indices() {
        let keeps = it == '\n' || it == '\t';
        match it {
            _ if keeps => shown.push(it),
            '\r' => shown.push(' '),
            _ if hidden[at] => shown.extend(std::iter::repeat_n('*', it.len_utf8())),
            _ if is_unsafe(it) => shown.extend(std::iter::repeat_n('?', it.len_utf8())),
            _ => shown.push(it),
        }
    }
    shown
}

/// Text from outside for one line of a message: escaped, and cut where it gets long.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .map(|it| {
            if it == '\n' || it == '\t' {
                ' '
            } else if is_unsafe(it) {
                '?'
            } else {
                it
            }
        })
        .collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

/// Control characters, and those that turn the direction of writing around.
fn is_unsafe(it: char) -> bool {
    it.is_control()
        || matches!(it, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Places that look like a secret in any text, for files that cannot be parsed: the rest of a line after a key with
/// a telling name, the password of a URL, the lines of a PEM block.
fn lexical(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut in_pem = false;
    for line in text.split_inclusive('\n') {
        in_pem = in_pem || line.contains("-----BEGIN ");
        if in_pem {
            found.push(at..at + line.len());
        }
        in_pem = in_pem && !line.contains("-----END ");
        found.extend(url_password(line).map(|it| at + it.start..at + it.end));
        found.extend(named_secret(line).map(|it| at + it.start..at + it.end));
        at += line.len();
    }
    found
}

/// `user:PASSWORD@` after `://`, and all of `TOKEN@` where the web is meant.
fn url_password(line: &str) -> Option<Range<usize>> {
    let authority = line.find("://")? + 3;
    let rest = &line[authority..];
    let host = rest[..rest.find(['/', ' ', '"', '\'']).unwrap_or(rest.len())].rfind('@')?;
    let is_web = line[..authority].ends_with("http://") || line[..authority].ends_with("https://");
    let from = match rest[..host].find(':') {
        Some(colon) => colon + 1,
        None if is_web => 0,
        None => return None,
    };
    Some(authority + from..authority + host)
}

/// `password: VALUE`, unless the value only names a file or a credential.
fn named_secret(line: &str) -> Option<Range<usize>> {
    let lower = line.to_ascii_lowercase();
    let word = SECRET_WORDS.iter().filter_map(|word| lower.find(word)).min()?;
    let colon = word + line[word..].find([':', '='])?;
    let is_comment = line[..word].contains('#');
    let name = line[..colon].trim().trim_start_matches(['-', '{', ' ', '"', '\'']);
    let is_name = name.chars().all(|it| it.is_ascii_alphanumeric() || "_-.\"'".contains(it));
    let value = line[colon + 1..].trim_start();
    let names_only =
        ["{file:", "{ file:", "{credential:", "{ credential:", "#"].iter().any(|it| value.starts_with(it));
    let after = line.len() - value.len();
    (!is_comment && is_name && !names_only && !value.trim().is_empty()).then(|| after..line.trim_end().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_starred_and_nothing_moves() {
        let text = "url: https://bob:hunter2@git.example/x\npassword: hunter2\nfine: ü\n";
        let shown = for_display(text, &[]);
        assert_eq!(shown, "url: https://bob:*******@git.example/x\npassword: *******\nfine: ü\n");
        assert_eq!(shown.len(), text.len());
        assert_eq!(for_display("https://abc@x/y ssh://git@x/y", &[]), "https://***@x/y ssh://git@x/y");
        assert_eq!(for_display("ssh://git@x/y", &[]), "ssh://git@x/y");
    }

    #[test]
    fn a_private_key_is_starred_in_a_file_that_is_no_yaml() {
        let text =
            "k: |\n -----BEGIN OPENSSH PRIVATE KEY-----\n abc\n -----END OPENSSH PRIVATE KEY-----\nz: 1\n";
        let shown = for_display(text, &[]);
        assert!(!shown.contains("abc") && shown.ends_with("z: 1\n"), "{shown}");
    }

    #[test]
    fn a_key_that_only_names_a_file_is_shown() {
        let text = "become_password: {file: /etc/x}\n";
        assert_eq!(for_display(text, &[]), text);
    }

    #[test]
    fn nothing_that_moves_a_terminal_is_shown() {
        assert_eq!(for_display("a\u{1b}[2J\u{202E}b\r\n", &[]), "a?[2J???b \n");
        assert_eq!(one_line("a\nb\u{7}"), "a b?");
    }

    #[test]
    fn telling_names() {
        for it in ["password", "db_password", "api-key", "GITHUB_TOKEN", "client_secret", "ansible_ssh_pass"]
        {
            assert!(is_secret_name(it), "{it}");
        }
        for it in ["path", "bypass", "credentials", "keyring", "ssh_key"] {
            assert!(!is_secret_name(it), "{it}");
        }
    }
}
