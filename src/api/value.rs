//! What users may write into a run: allow-lists, because these values end on a command line.

use std::str::FromStr;

use super::ErrorBody;
use crate::domain::{CommitHash, Revision};

/// The longest reason that a person gives, in characters.
const LONGEST_REASON: usize = 200;
const LONGEST_LIMIT: usize = 1000;
const LONGEST_TAG: usize = 100;
const MOST_TAGS: usize = 50;

/// Accepts a limit of host names, groups, wildcards, ranges, `!` and `&`, separated by `,` or `:`.
///
/// Refused: everything that could be an option (`-…`), a file (`@…`), a regular expression (`~…`), a template, white
/// space, or text that a terminal or shell reads as something else.
pub fn check_limit(limit: &str) -> Result<(), ErrorBody> {
    let refused = |why: String| {
        ErrorBody::bad_request(format!("the limit is refused: {why}"))
            .remedy("write host names, groups and wildcards, separated by `,`; `!web3` leaves one out")
    };
    if limit.is_empty() {
        return Err(refused("it is empty".to_owned()));
    }
    if limit.len() > LONGEST_LIMIT {
        return Err(refused(format!("it is longer than {LONGEST_LIMIT} characters")));
    }
    if let Some(found) = limit.chars().find(|it| !(it.is_ascii_alphanumeric() || "._-*?[]!&,:".contains(*it)))
    {
        return Err(refused(format!("it contains `{}`", found.escape_default())));
    }
    for term in limit.split([',', ':']) {
        if term.trim_start_matches(['!', '&']).starts_with('-') {
            return Err(refused(format!("`{term}` begins with `-`")));
        }
    }
    if !limit.chars().any(|it| it.is_ascii_alphanumeric() || it == '*') {
        return Err(refused("it names no host".to_owned()));
    }
    Ok(())
}

/// Accepts one tag: letters, digits, `_`, `-`, `.` and `:`, beginning with a letter, a digit or `_`.
pub fn check_tag(tag: &str) -> Result<(), ErrorBody> {
    let first = tag.chars().next().is_some_and(|it| it.is_ascii_alphanumeric() || it == '_');
    let rest = tag.chars().all(|it| it.is_ascii_alphanumeric() || "_-.:".contains(it));
    if first && rest && tag.len() <= LONGEST_TAG {
        return Ok(());
    }
    Err(ErrorBody::bad_request(format!("`{}` is not a tag", tag.escape_default()))
        .remedy("use letters, digits, `_`, `-`, `.` and `:`, beginning with a letter, a digit or `_`"))
}

/// Accepts one line in a person's own words.
pub fn check_reason(reason: &str) -> Result<(), ErrorBody> {
    let is_line = !reason.trim().is_empty() && !reason.chars().any(char::is_control);
    if is_line && reason.chars().count() <= LONGEST_REASON {
        return Ok(());
    }
    Err(ErrorBody::bad_request("this is not a reason")
        .remedy(format!("write one line of at most {LONGEST_REASON} characters that says why")))
}

/// Accepts a list of tags.
pub fn check_tags(tags: &[String]) -> Result<(), ErrorBody> {
    if tags.len() > MOST_TAGS {
        return Err(ErrorBody::bad_request(format!("more than {MOST_TAGS} tags are given")));
    }
    tags.iter().try_for_each(|tag| check_tag(tag))
}

/// A revision as a person writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevisionAsked {
    /// `main@sha1:…`, its one written form.
    Revision(Revision),
    /// A full commit hash.
    Commit(CommitHash),
    /// The beginning of a commit hash: 7 to 39 lower-case hexadecimal digits. Only the repository knows whether one
    /// commit has it.
    Beginning(String),
}

impl FromStr for RevisionAsked {
    type Err = ErrorBody;
    fn from_str(given: &str) -> Result<Self, ErrorBody> {
        if let Ok(revision) = given.parse() {
            return Ok(Self::Revision(revision));
        }
        if let Ok(commit) = given.parse() {
            return Ok(Self::Commit(commit));
        }
        if (7..40).contains(&given.len()) && given.bytes().all(|it| it.is_ascii_hexdigit()) {
            return Ok(Self::Beginning(given.to_ascii_lowercase()));
        }
        let shown = given.escape_default().to_string();
        Err(ErrorBody::bad_request(format!("`{shown}` is not a revision"))
            .remedy("write a commit hash (at least 7 digits of it) or `main@sha1:` and the full hash"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_ansible_are_accepted() {
        for good in ["web1", "web*,!web3", "web:&staging", "web[1:3]", "a.example.org,b-1_x", "10.0.0.1", "*"]
        {
            assert_eq!(check_limit(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_could_be_something_else_is_refused_in_a_limit() {
        for bad in [
            "",
            "@/etc/passwd",
            "web,@/etc/passwd",
            "--connection=local",
            "-e",
            "web,-x",
            "web,!-x",
            "a\nb",
            "a\0b",
            "a b",
            "~web.*",
            "{{ x }}",
            "$(id)",
            "a;b",
            "\u{202e}x",
            "w\u{1b}[0m",
            ",",
            "!",
            &"a".repeat(1001),
        ] {
            let error = check_limit(bad).expect_err(bad);
            assert!(!error.message.contains(char::is_control), "{error}");
        }
    }

    #[test]
    fn tags_are_words() {
        for good in ["nginx", "web_2", "a.b", "never", "_x", "a:b", "a-b"] {
            assert_eq!(check_tag(good), Ok(()), "{good}");
        }
        for bad in ["", "-e", "--step", "@file", "a,b", "a b", "a\n", "é", "{{x}}", &"a".repeat(101)] {
            assert!(check_tag(bad).is_err(), "{bad:?}");
        }
        assert!(check_tags(&vec!["a".to_owned(); 51]).is_err());
    }

    #[test]
    fn a_reason_is_one_line_of_words() {
        assert_eq!(check_reason("the certificate is broken"), Ok(()));
        for bad in ["", "  ", "a\nb", "\u{1b}[2J", &"a".repeat(201)] {
            assert!(check_reason(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_revision_has_three_forms() {
        let hash = "AB".repeat(20);
        assert_eq!(
            format!("main@sha1:{hash}").parse::<RevisionAsked>(),
            Ok(RevisionAsked::Revision(format!("main@sha1:{hash}").parse().expect("a revision")))
        );
        assert_eq!(hash.parse::<RevisionAsked>(), Ok(RevisionAsked::Commit(hash.parse().expect("a hash"))));
        assert_eq!("ABCDEF1".parse::<RevisionAsked>(), Ok(RevisionAsked::Beginning("abcdef1".to_owned())));
        for bad in ["", "abc", "main", "HEAD~1", "--upload-pack=x", "abcdef1\n", "@{u}"] {
            assert!(bad.parse::<RevisionAsked>().is_err(), "{bad:?}");
        }
    }
}
