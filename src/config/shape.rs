//! The language in which the tables of keys are written: which key takes which kind of value.
//!
//! One table is the source of the checks, the defaults, the suggestions, the JSON Schema and the tables in the docs.

use std::net::{Ipv6Addr, SocketAddr};

use super::units;
use crate::domain::{CronLine, Reference, Span, Timestamp};

/// One key of a mapping.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) presence: Presence,
    /// One or more sentences for the docs and for editors.
    pub(super) about: &'static str,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    Optional,
    /// Absent means the same as this, which is written as in the file.
    Default(&'static str),
}

/// What a key takes.
#[derive(Debug)]
pub(super) enum Shape {
    /// A mapping with exactly these keys.
    Group(&'static [Key]),
    /// A mapping with one of these keys: they exclude each other. Without any, what is the default counts.
    OneOf(&'static [Key]),
    /// A mapping from names of one kind to values of one shape; at least one if `true`.
    Named(&'static Rule, &'static Self, bool),
    /// A list of values of one shape.
    List(&'static Self),
    /// Text that follows a rule.
    Text(&'static Rule),
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A whole number from … to.
    Count(u64, u64),
    /// A length of time from … to, in seconds.
    Duration(u64, u64),
    /// As `Duration`, or `never`.
    Interval(u64, u64),
    /// A share from 0% to 100%.
    Percent,
    /// An amount of bytes from … to.
    Size(u64, u64),
    /// `{file: …}` or `{credential: …}`.
    Secret,
    /// Names and literal values of any kind, for Ansible.
    Variables,
}

/// What a text must be.
pub(super) struct Rule {
    /// With its article: "a branch name".
    pub(super) what: &'static str,
    /// In docs and paths, where the text is a name of something: `<source>`.
    pub(super) placeholder: &'static str,
    /// For the schema: never refuses what `check` accepts.
    pub(super) pattern: &'static str,
    /// What to do about a text that is refused.
    pub(super) check: fn(&str) -> Result<(), String>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.what)
    }
}

impl Shape {
    /// With its article, for "expected …".
    pub(super) fn what(&self) -> String {
        match self {
            Self::Group(_) => "a mapping".to_owned(),
            Self::OneOf(keys) => {
                let names: Vec<String> = keys.iter().map(|it| format!("`{}`", it.name)).collect();
                format!("a mapping with {}", names.join(" or "))
            }
            Self::Named(rule, ..) => format!("a mapping whose keys are each {}", rule.what),
            Self::List(item) => format!("a list, each item {}", item.what()),
            Self::Text(rule) => rule.what.to_owned(),
            Self::Choice(words) => words.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or "),
            Self::Switch => "`true` or `false`".to_owned(),
            Self::Count(least, most) if least == most => format!("`{least}`"),
            Self::Count(least, most) => format!("a whole number from {least} to {most}"),
            Self::Duration(..) => "a length of time".to_owned(),
            Self::Interval(..) => "a length of time or `never`".to_owned(),
            Self::Percent => "a share like `30%`".to_owned(),
            Self::Size(..) => "a size".to_owned(),
            Self::Secret => "`file: /path` or `credential: name`".to_owned(),
            Self::Variables => "a mapping of variables".to_owned(),
        }
    }
}

pub(super) fn span_of(seconds: u64) -> Span {
    Span::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $what:literal, $placeholder:literal, $pattern:expr, $check:expr;)*) => {$(
        $(#[$doc])*
        pub(super) static $name: Rule =
            Rule { what: $what, placeholder: $placeholder, pattern: $pattern, check: $check };
    )*};
}

const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";

rules! {
    SOURCE_NAME: "a name of a source", "<source>", NAME, name;
    STACK_NAME: "a name of a stack", "<stack>", NAME, name;
    /// Checked further by those who talk to Git.
    URL: "the URL of a Git repository", "", "^[^-].*$", url;
    REFERENCE: "a name of a branch or a tag", "", "^[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$", reference;
    ABSOLUTE: "an absolute path", "", "^/", absolute;
    USER: "a name of a user on this machine", "", "^[a-z_][a-z0-9_-]{0,30}$", user;
    GROUP: "a name of a group on this machine", "", "^[a-z_][a-z0-9_-]{0,30}$", user;
    REMOTE_USER: "a name of a user on the hosts", "", "^[A-Za-z0-9_][A-Za-z0-9._@\\\\-]{0,63}$", remote_user;
    HTTPS_USER: "a user name", "", "^[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}$", https_user;
    ACCOUNT: "a name of an account", "", "^[A-Za-z0-9_][A-Za-z0-9._@+\\[\\]-]{0,127}$", account;
    LISTENER: "an address and a port", "", "^(\\[[0-9A-Fa-f:.]+\\]|[0-9.]+):[0-9]{1,5}$", listener;
    VAULT_ID: "a vault id", "<vault id>", "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$", vault_id;
    /// Checked further by those who run Ansible.
    VARIABLE_OF_PROCESS: "a name of an environment variable", "<NAME>", "^[A-Z][A-Z0-9_]*$", environment_name;
    CORE: "an exact version of ansible-core, 2.16 or newer, or `system`", "", "^(system|[0-9]+\\.[0-9]+\\.[0-9]+((a|b|rc)[0-9]+)?)$", core;
    /// Whether it is in the tree is checked where the tree is known.
    IN_TREE: "a path in the repository", "", "^[^-@/\\\\][^\\\\]*$", in_tree;
    /// A comma would make Ansible read the text as a list of hosts.
    INVENTORY: "the path of an inventory in the repository", "", "^[^-@/\\\\,][^\\\\,]*$", inventory;
    LIMIT: "a host pattern", "", "^[^-@\\s][^@\\x00-\\x1f]*$", limit;
    TAG: "a tag", "", "^[^-@,\\s][^,\\s@]*$", tag;
    CRON: "a cron line", "", "^ *[^ ]+( +[^ ]+){4} *$", cron;
    /// What an inventory calls a machine, or how it is reached.
    HOST: "an address or a name of a host", "<host>",
        "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+)(:[0-9]{1,5})?$", host;
    MACHINE: "a name of a machine", "", "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$", machine;
    GLOB: "a pattern of paths", "", "^[^\\[\\]{}!]+$", glob;
    KEY: "a name of a key", "", "^[A-Za-z0-9_][A-Za-z0-9_.-]{2,63}$", key;
}

fn refuse(condition: bool, help: &str) -> Result<(), String> {
    if condition { Err(help.to_owned()) } else { Ok(()) }
}

fn name(text: &str) -> Result<(), String> {
    let rule = "use 1 to 63 lower-case letters, digits, `-` and `_`, beginning with a letter or a digit";
    refuse(text.parse::<crate::domain::SourceName>().is_err(), rule)
}

fn url(text: &str) -> Result<(), String> {
    refuse(
        text.is_empty() || text.starts_with('-'),
        "write `https://…`, `ssh://…`, `user@host:path` or `/absolute/path`",
    )?;
    refuse(
        text.chars().any(|it| it.is_control() || it.is_whitespace()),
        "a URL has no spaces and no control characters",
    )
}

fn reference(text: &str) -> Result<(), String> {
    text.parse::<Reference>().map(|_| ()).map_err(|_| {
        "use letters, digits, `.`, `_`, `-` and `/`, not beginning with `-`, `.` or `/`; a tag is written `refs/tags/v1`, and hashes cannot be followed".to_owned()
    })
}

fn absolute(text: &str) -> Result<(), String> {
    refuse(!text.starts_with('/'), "write the whole path, beginning with `/`")?;
    refuse(text.chars().any(char::is_control), "a path has no control characters")?;
    refuse(text.split('/').any(|part| part == ".."), "write the path without `..`")
}

fn user(text: &str) -> Result<(), String> {
    let first = text.starts_with(|it: char| it.is_ascii_lowercase() || it == '_');
    let rest = text.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || "_-".contains(it));
    refuse(!first || !rest || text.len() > 31, "use up to 31 lower-case letters, digits, `-` and `_`")
}

fn word(text: &str, others: &str, longest: usize, help: &str) -> Result<(), String> {
    let first = text.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_');
    let rest = text.chars().all(|it| it.is_ascii_alphanumeric() || others.contains(it));
    refuse(!first || !rest || text.len() > longest, help)
}

fn remote_user(text: &str) -> Result<(), String> {
    word(
        text,
        "._@\\-",
        64,
        "use letters, digits, `.`, `_`, `-`, `@` and `\\`, beginning with a letter or a digit",
    )
}

fn https_user(text: &str) -> Result<(), String> {
    word(
        text,
        "._@+-",
        128,
        "use letters, digits, `.`, `_`, `-`, `@` and `+`, beginning with a letter or a digit",
    )
}

fn account(text: &str) -> Result<(), String> {
    let help = "write the name of the account as the forge shows it, without `@` before it";
    word(text, "._@+-[]", 128, help)
}

fn vault_id(text: &str) -> Result<(), String> {
    word(text, "_.-", 64, "use letters, digits, `.`, `_` and `-`, beginning with a letter or a digit")
}

fn environment_name(text: &str) -> Result<(), String> {
    let first = text.starts_with(|it: char| it.is_ascii_uppercase());
    let rest = text.chars().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_');
    refuse(!first || !rest, "use capital letters, digits and `_`, beginning with a letter")
}

fn listener(text: &str) -> Result<(), String> {
    refuse(
        text.parse::<SocketAddr>().is_err(),
        "write an address and a port in numbers, for example `127.0.0.1:9847` or `[::1]:9847`",
    )
}

fn core(text: &str) -> Result<(), String> {
    let help =
        "write all three numbers, for example `\"2.19.14\"`, or `system` for the Ansible of the control node";
    if text == "system" {
        return Ok(());
    }
    let parts: Vec<&str> = text.split('.').collect();
    let digits = |it: &str| !it.is_empty() && it.len() < 6 && it.bytes().all(|it| it.is_ascii_digit());
    let [major, minor, patch] = parts.as_slice() else { return Err(help.to_owned()) };
    let patch_is_fine = ["a", "b", "rc"]
        .iter()
        .find_map(|it| patch.split_once(it))
        .map_or_else(|| digits(patch), |(patch, pre)| digits(patch) && digits(pre));
    refuse(!digits(major) || !digits(minor) || !patch_is_fine, help)?;
    let number = |it: &str| it.parse::<u32>().unwrap_or(u32::MAX);
    let older = (number(major), number(minor)) < (2, 16);
    refuse(older, "ansible-core 2.16 is the oldest that is supported")
}

fn in_tree(text: &str) -> Result<(), String> {
    refuse(text.is_empty(), "name a file")?;
    refuse(text.starts_with('/'), "write the path from the root of the repository, without the leading `/`")?;
    refuse(
        text.starts_with(['-', '@']),
        "a path that begins with `-` or `@` would be read as an option: rename the file",
    )?;
    refuse(
        text.contains('\\') || text.chars().any(char::is_control),
        "a path has no backslashes and no control characters",
    )?;
    refuse(
        text.split('/').any(|part| part == ".."),
        "everything a run uses is in the repository: write the path without `..`",
    )?;
    let normal =
        text.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/");
    refuse(normal != text, &format!("write `{normal}`"))
}

fn inventory(text: &str) -> Result<(), String> {
    refuse(text.contains(','), "Ansible reads a comma as a list of hosts: name one file or one directory")?;
    in_tree(text)
}

fn limit(text: &str) -> Result<(), String> {
    refuse(text.trim() != text || text.is_empty(), "write a pattern, for example `web:!web3`")?;
    refuse(text.starts_with('-'), "a limit that begins with `-` would be read as an option")?;
    refuse(text.contains('@'), "`@` makes Ansible read a file of hosts: write the pattern itself")?;
    refuse(text.chars().any(char::is_control), "a limit has no control characters")
}

fn tag(text: &str) -> Result<(), String> {
    refuse(text.is_empty(), "name a tag")?;
    refuse(text.starts_with('-') || text.contains('@'), "a tag does not begin with `-` and has no `@`")?;
    refuse(text.contains(','), "write each tag as an item of its own")?;
    refuse(text.chars().any(|it| it.is_control() || it.is_whitespace()), "a tag has no spaces")
}

fn cron(text: &str) -> Result<(), String> {
    let advice =
        "write minute, hour, day, month and weekday, in UTC: `30 3 * * *` is each day at half past three";
    refuse(text.chars().any(|it| it != ' ' && (it.is_whitespace() || it.is_control())), advice)?;
    let line = text.parse::<CronLine>().map_err(|_| advice.to_owned())?;
    refuse(line.after(Timestamp::UNIX_EPOCH).is_none(), "there is no such day in any year")
}

/// The address and the port of `address`, `address:port`, `[address]:port`.
pub(super) fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    let (address, port) = match text.rsplit_once(':') {
        Some((address, port)) if !text.ends_with(']') => (address, Some(port)),
        _ => (text, None),
    };
    let port = port.map(|it| it.parse::<u16>().ok().filter(|it| *it != 0));
    let inner = address.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_fine = match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => {
            !address.is_empty() && address.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it))
        }
    };
    match port {
        Some(None) => None,
        _ if !is_fine => None,
        port => Some((inner.unwrap_or(address), port.flatten())),
    }
}

fn host(text: &str) -> Result<(), String> {
    let advice = "write what inventories say: `web1`, `web1.example.org`, `10.0.0.5`, `10.0.0.5:2222` or `[fd00::5]:2222`";
    refuse(host_and_port(text).is_none(), advice)
}

fn machine(text: &str) -> Result<(), String> {
    word(text, "._-", 253, "use letters, digits, `.`, `_` and `-`: one name for one machine")
}

fn glob(text: &str) -> Result<(), String> {
    refuse(text.is_empty() || text.trim() != text, "write a path, for example `/srv/app/*.ini`")?;
    refuse(
        text.contains(['[', ']', '{', '}', '!']) || text.chars().any(char::is_control),
        "only `*`, `?` and `**` have a meaning: write a pattern for each kind of file",
    )
}

fn key(text: &str) -> Result<(), String> {
    let advice = "use three or more letters, digits, `.`, `_` and `-`";
    refuse(text.len() < 3, advice)?;
    word(text, "._-", 64, advice)
}

/// Reads a share as it is written: `30%`.
pub(super) fn percent(text: &str) -> Result<u64, String> {
    let digits = |it: &str| !it.is_empty() && it.len() < 4 && it.bytes().all(|it| it.is_ascii_digit());
    match text.strip_suffix('%') {
        Some(number) if digits(number) => match number.parse::<u64>() {
            Ok(share) if share <= 100 => Ok(share),
            _ => Err("is more than all: write a share from `0%` to `100%`".to_owned()),
        },
        None if digits(text) => Err(format!("has no unit: write `{text}%`")),
        _ => Err("is not a share: write for example `30%`".to_owned()),
    }
}

/// Reads a text as a shape of one value would, for the defaults and for the file alike.
pub(super) fn duration(text: &str, least: u64, most: u64) -> Result<Span, String> {
    let span = units::span(text)?;
    if span < span_of(least) {
        return Err(format!("is too short: at least {}", units::show_span(span_of(least))));
    }
    if span_of(most) < span {
        return Err(format!("is too long: at most {}", units::show_span(span_of(most))));
    }
    Ok(span)
}

/// As [`duration`], for bytes.
pub(super) fn size(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let bytes = units::size(text)?;
    if bytes < least {
        return Err(format!("is too small: at least {}", units::show_size(least)));
    }
    if most < bytes {
        return Err(format!("is too large: at most {}", units::show_size(most)));
    }
    Ok(bytes)
}
