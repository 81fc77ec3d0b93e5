//! `~` and `$VARIABLE` in paths.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// `os.path.expanduser(os.path.expandvars(path))`
pub(super) fn expand(path: &str) -> String {
    expand_home(&expand_variables(path))
}

#[expect(
    clippy::disallowed_methods,
    reason = "paths are expanded with the environment of the task, as in Python"
)]
fn variable(name: &str) -> Option<String> {
    env::var_os(name).map(|it| it.to_string_lossy().into_owned())
}

/// What is not set stays as it is.
fn expand_variables(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, length) = named(after);
        match variable(name).filter(|_| length != 0 && !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..=at + length]),
        }
        rest = &after[length..];
    }
    out.push_str(rest);
    out
}

/// The name of a variable behind `$`, and how much of the text it takes.
fn named(text: &str) -> (&str, usize) {
    if let Some((name, _)) = text.strip_prefix('{').and_then(|it| it.split_once('}')) {
        return (name, name.len() + 2);
    }
    let end = text.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(text.len());
    (&text[..end], end)
}

fn expand_home(path: &str) -> String {
    let Some(after) = path.strip_prefix('~') else { return path.to_owned() };
    let (user, rest) = after.split_at(after.find('/').unwrap_or(after.len()));
    let home = if user.is_empty() { variable("HOME").or_else(own_home) } else { home_of(user) };
    let Some(home) = home else { return path.to_owned() };
    let expanded = format!("{}{rest}", home.trim_end_matches('/'));
    if expanded.is_empty() { "/".to_owned() } else { expanded }
}

/// The files of the system are asked, not its name services: a static program cannot load those.
fn passwd_home(matches: impl Fn(&[&str]) -> bool) -> Option<String> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        if matches(&fields) { fields.get(5).map(|it| (*it).to_owned()) } else { None }
    })
}

fn home_of(user: &str) -> Option<String> {
    passwd_home(|fields| fields.first() == Some(&user))
}

fn own_home() -> Option<String> {
    let id = fs::metadata("/proc/self").ok()?.uid().to_string();
    passwd_home(|fields| fields.get(2) == Some(&id.as_str()))
}
