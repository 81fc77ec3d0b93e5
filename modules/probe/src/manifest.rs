//! The manifest: a list of items, each of exactly one kind.

use std::time::Duration;

use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::item::{
    Certificate, CertificatePlace, File, Group, Item, Line, Link, Listen, Mount, Needle, Package, Place,
    Server, Service, Tcp, User, Wanted,
};
use crate::keys::{Keys, Mistake, what};

/// The kinds of items. Each is a key of the item, and its value says what is wanted.
pub(crate) const KINDS: [&str; 15] = [
    "file",
    "directory",
    "link",
    "absent",
    "line",
    "package",
    "service",
    "user",
    "group",
    "sysctl",
    "mount",
    "listen",
    "certificate",
    "http",
    "tcp",
];

/// More items than any host has things.
pub(crate) const ITEMS_LIMIT: usize = 20_000;

/// So many mistakes are told at once.
const MISTAKES_LIMIT: usize = 10;

/// The items of a manifest, or what is wrong with it: the first mistake of each of the first bad items.
pub(crate) fn parse(items: Vec<Value>) -> Result<Vec<Item>, Vec<Mistake>> {
    if ITEMS_LIMIT < items.len() {
        let message = format!("{} are too many; at most {ITEMS_LIMIT} can be verified at once", items.len());
        return Err(vec![Mistake::new("items", message)]);
    }
    let mut mistakes = Vec::new();
    let mut found = Vec::with_capacity(items.len());
    for (index, value) in items.into_iter().enumerate() {
        match item(&format!("items[{index}]"), value) {
            Ok(item) => found.push(item),
            Err(mistake) => mistakes.push(mistake),
        }
        if mistakes.len() == MISTAKES_LIMIT {
            break;
        }
    }
    if mistakes.is_empty() { Ok(found) } else { Err(mistakes) }
}

fn item(place: &str, value: Value) -> Result<Item, Mistake> {
    let Value::Object(mut keys) = value else {
        return Err(Mistake::new(place, format!("must be a dictionary, not {}", what(&value))));
    };
    let name = match keys.remove("name") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(Value::Number(name)) => Some(name.to_string()),
        Some(other) => {
            return Err(Mistake::new(
                &format!("{place}.name"),
                format!("must be a text, not {}", what(&other)),
            ));
        }
    };
    let (kind, value) = only_kind(place, keys)?;
    let wanted = wanted(kind, format!("{place}.{kind}"), value)?;
    Ok(Item { name, wanted })
}

/// The one key that is a kind.
fn only_kind(place: &str, keys: Map<String, Value>) -> Result<(&'static str, Value), Mistake> {
    let mut found = None;
    for (key, value) in keys {
        let Some(kind) = KINDS.iter().find(|kind| **kind == key) else {
            let message = format!("there is no such key; an item has a name and one of {}", KINDS.join(", "));
            return Err(Mistake::new(&format!("{place}.{key}"), message));
        };
        if let Some((first, _)) = found {
            let message = format!("is both {first} and {kind}; make it two items");
            return Err(Mistake::new(place, message));
        }
        found = Some((*kind, value));
    }
    found.ok_or_else(|| {
        Mistake::new(place, format!("says nothing to verify; it needs one of {}", KINDS.join(", ")))
    })
}

fn wanted(kind: &'static str, place: String, value: Value) -> Result<Wanted, Mistake> {
    let short = match kind {
        "package" | "service" | "user" | "group" | "sysctl" => "name",
        "listen" => "port",
        "http" => "url",
        "tcp" => "host",
        _ => "path",
    };
    let mut keys = Keys::of_kind(place, value, short)?;
    let wanted = match kind {
        "file" => file(&mut keys).map(Wanted::File),
        "directory" => self::place(&mut keys, true).map(Wanted::Directory),
        "link" => link(&mut keys).map(Wanted::Link),
        "absent" => keys.path("path").map(Wanted::Absent),
        "line" => line(&mut keys).map(Wanted::Line),
        "package" => package(&mut keys).map(Wanted::Package),
        "service" => service(&mut keys).map(Wanted::Service),
        "user" => user(&mut keys).map(Wanted::User),
        "group" => group(&mut keys).map(Wanted::Group),
        "sysctl" => sysctl(&mut keys),
        "mount" => mount(&mut keys).map(Wanted::Mount),
        "listen" => listen(&mut keys).map(Wanted::Listen),
        "certificate" => certificate(&mut keys).map(Wanted::Certificate),
        "http" => crate::url::http(&mut keys).map(Wanted::Http),
        _ => tcp(&mut keys).map(Wanted::Tcp),
    }?;
    keys.finish()?;
    Ok(wanted)
}

fn place(keys: &mut Keys, can_follow: bool) -> Result<Place, Mistake> {
    Ok(Place {
        path: keys.path("path")?,
        mode: if can_follow { mode(keys)? } else { None },
        owner: keys.text("owner")?,
        group: keys.text("group")?,
        follow: can_follow && keys.truth("follow")?.unwrap_or(false),
    })
}

/// The permissions: octal digits in a text, or a number, as YAML makes of `0644` without quotes.
fn mode(keys: &mut Keys) -> Result<Option<u32>, Mistake> {
    let Some(value) = keys.value("mode") else { return Ok(None) };
    let mode = match &value {
        Value::Number(number) => number.as_u64().and_then(|it| u32::try_from(it).ok()),
        Value::String(text) => u32::from_str_radix(text.strip_prefix("0o").unwrap_or(text), 8).ok(),
        _ => None,
    };
    let mode = mode.filter(|mode| *mode <= 0o7777);
    mode.map(Some).ok_or_else(|| keys.mistake("mode", "must be an octal number in quotes, like \"0644\""))
}

fn file(keys: &mut Keys) -> Result<File, Mistake> {
    Ok(File {
        place: place(keys, true)?,
        size: keys.number("size", u64::MAX)?,
        sha1: digest(keys, "sha1", 40)?,
        sha256: digest(keys, "sha256", 64)?,
    })
}

fn digest(keys: &mut Keys, key: &'static str, length: usize) -> Result<Option<String>, Mistake> {
    let Some(text) = keys.text(key)? else { return Ok(None) };
    if text.len() == length && text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(Some(text.to_ascii_lowercase()));
    }
    Err(keys.mistake(key, format!("must be {length} hexadecimal digits")))
}

fn link(keys: &mut Keys) -> Result<Link, Mistake> {
    Ok(Link { place: place(keys, false)?, target: keys.text("target")? })
}

fn line(keys: &mut Keys) -> Result<Line, Mistake> {
    let path = keys.path("path")?;
    let needle = match (keys.text("line")?, keys.text("regexp")?) {
        (Some(line), None) if line.contains('\n') => {
            return Err(keys.mistake("line", "must be a single line; make an item of each"));
        }
        (Some(line), None) => Needle::Literal(line),
        (None, Some(expression)) => {
            let parsed = Regex::new(&expression);
            Needle::Expression(
                parsed.map_err(|error| keys.mistake("regexp", format!("is not valid: {error}")))?,
            )
        }
        _ => return Err(keys.mistake("line", "exactly one of line and regexp is required")),
    };
    let present = keys.choice("state", &["present", "absent"])? == "present";
    Ok(Line { path, needle, present, follow: keys.truth("follow")?.unwrap_or(true) })
}

fn package(keys: &mut Keys) -> Result<Package, Mistake> {
    let name = word(keys, "name")?;
    let installed = keys.choice("state", &["installed", "present", "absent"])? != "absent";
    let version = keys.text("version")?;
    if version.is_some() && !installed {
        return Err(keys.mistake("version", "has no meaning for a package that shall be absent"));
    }
    Ok(Package { name, installed, version })
}

/// A name that is given to a program, so it must be a word and no option.
fn word(keys: &mut Keys, key: &'static str) -> Result<String, Mistake> {
    let name = keys.required(key)?;
    let is_allowed = |it: char| it.is_alphanumeric() || "+-._:@\\~".contains(it);
    if name.starts_with('-') || !name.chars().all(is_allowed) {
        return Err(
            keys.mistake(key, "may have letters, digits and + - . _ : @ ~ only, and not begin with -")
        );
    }
    Ok(name)
}

fn service(keys: &mut Keys) -> Result<Service, Mistake> {
    let name = word(keys, "name")?;
    let kinds =
        [".service", ".socket", ".timer", ".path", ".mount", ".automount", ".target", ".swap", ".slice"];
    let unit = if kinds.iter().any(|kind| name.ends_with(kind)) { name } else { format!("{name}.service") };
    let state = keys.text("state")?;
    let active = match state.as_deref() {
        Some("started") => Some(true),
        Some("stopped") => Some(false),
        None | Some("absent") => None,
        Some(_) => return Err(keys.mistake("state", "must be one of started, stopped, absent")),
    };
    let absent = state.as_deref() == Some("absent");
    let enabled = keys.truth("enabled")?;
    if !absent && active.is_none() && enabled.is_none() {
        return Err(keys.mistake("state", "state, enabled or both are required"));
    }
    Ok(Service { unit, active, enabled, absent })
}

fn user(keys: &mut Keys) -> Result<User, Mistake> {
    Ok(User {
        name: account(keys)?,
        present: keys.choice("state", &["present", "absent"])? == "present",
        uid: keys.number("uid", u64::from(u32::MAX))?,
        group: keys.text("group")?,
        groups: keys.texts("groups")?,
        home: keys.text("home")?,
        shell: keys.text("shell")?,
        comment: keys.text("comment")?,
    })
}

fn group(keys: &mut Keys) -> Result<Group, Mistake> {
    Ok(Group {
        name: account(keys)?,
        present: keys.choice("state", &["present", "absent"])? == "present",
        gid: keys.number("gid", u64::from(u32::MAX))?,
        members: keys.texts("members")?,
    })
}

fn account(keys: &mut Keys) -> Result<String, Mistake> {
    let name = keys.required("name")?;
    if name.starts_with('-') || name.contains([':', '\n', '\0']) {
        return Err(keys.mistake("name", "cannot be the name of an account"));
    }
    Ok(name)
}

fn sysctl(keys: &mut Keys) -> Result<Wanted, Mistake> {
    let name = keys.required("name")?;
    if name.split(['.', '/']).any(str::is_empty) || name.contains('\0') {
        return Err(keys.mistake("name", "must be like net.ipv4.ip_forward"));
    }
    let value = match keys.value("value") {
        Some(Value::Bool(truth)) => u8::from(truth).to_string(),
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        Some(other) => {
            return Err(keys.mistake("value", format!("must be a text or a number, not {}", what(&other))));
        }
        None => return Err(keys.mistake("value", "is required")),
    };
    Ok(Wanted::Sysctl { name, value })
}

fn mount(keys: &mut Keys) -> Result<Mount, Mistake> {
    Ok(Mount {
        path: keys.path("path")?,
        mounted: keys.choice("state", &["mounted", "unmounted"])? == "mounted",
        source: keys.text("src")?,
        kind: keys.text("fstype")?,
        options: keys.texts("opts")?,
    })
}

fn listen(keys: &mut Keys) -> Result<Listen, Mistake> {
    let port = port(keys)?.ok_or_else(|| keys.mistake("port", "is required"))?;
    let udp = keys.choice("protocol", &["tcp", "udp"])? == "udp";
    let address = match keys.text("address")? {
        None => None,
        Some(text) => {
            let parsed = text.trim_matches(['[', ']']).parse();
            Some(parsed.map_err(|_| keys.mistake("address", "must be an IP address"))?)
        }
    };
    let listening = keys.choice("state", &["listening", "closed"])? == "listening";
    Ok(Listen { port, udp, address, listening })
}

pub(crate) fn port(keys: &mut Keys) -> Result<Option<u16>, Mistake> {
    let port = keys.number("port", u64::from(u16::MAX))?.and_then(|it| u16::try_from(it).ok());
    if port == Some(0) { Err(keys.mistake("port", "must be from 1 to 65535")) } else { Ok(port) }
}

/// How long a server may take to answer.
pub(crate) fn timeout(keys: &mut Keys) -> Result<Duration, Mistake> {
    let seconds = keys.number("timeout", 300)?.unwrap_or(5);
    if seconds == 0 {
        Err(keys.mistake("timeout", "must be at least 1"))
    } else {
        Ok(Duration::from_secs(seconds))
    }
}

fn certificate(keys: &mut Keys) -> Result<Certificate, Mistake> {
    let days = keys.number("days", 36_500)?.unwrap_or(0);
    let host = keys.text("host")?;
    let place = match host {
        None => CertificatePlace::File(keys.path("path")?),
        Some(host) => {
            if keys.value("path").is_some() {
                return Err(keys.mistake("path", "a certificate is in a file or shown by a host, not both"));
            }
            let server =
                Server { port: port(keys)?.unwrap_or(443), timeout: timeout(keys)?, host: host.clone() };
            let name = keys.text("server_name")?.unwrap_or(host);
            CertificatePlace::Server { server, name }
        }
    };
    Ok(Certificate { place, days })
}

fn tcp(keys: &mut Keys) -> Result<Tcp, Mistake> {
    let host = keys.text("host")?.unwrap_or_else(|| "127.0.0.1".to_owned());
    let port = port(keys)?.ok_or_else(|| keys.mistake("port", "is required"))?;
    let server = Server { host, port, timeout: timeout(keys)? };
    Ok(Tcp { server, open: keys.choice("state", &["open", "closed"])? == "open" })
}

#[cfg(test)]
mod tests;
