//! Addresses of repositories: what is accepted, and why the rest is not.

use std::fmt;
use std::path::{Component, Path, PathBuf};

/// An address that git may be given: `https://`, `ssh://`, `user@host:path`, or a directory of this machine where
/// the operator allows that. It never holds a password, so it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RemoteUrl {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kind {
    Https { host: String, port: Option<u16> },
    Ssh { user: Option<String>, host: String, port: Option<u16> },
    Local(PathBuf),
}

/// Why an address is refused. None of these repeats the address where it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing was given.
    #[error("no address is given")]
    Empty,
    /// A program would take it for an option.
    #[error("`{0}` looks like an option: an address and its user, host and path never begin with `-`")]
    Option(String),
    /// Line ends, escapes and the like, also as `%0a`.
    #[error("the address holds a control character, a space or `%` with a hidden one")]
    Control,
    /// Another way of transport.
    #[error("`{0}` is not a transport that is used: write https://, ssh:// or user@host:path")]
    Scheme(String),
    /// Plain http.
    #[error("plain http is not used, anybody on the way could change what runs: write https:// or ssh://")]
    Plain,
    /// A password or a token.
    #[error(
        "the address holds a user or a password: put the credential into a file of its own and name that"
    )]
    Credential,
    /// A host name with other characters.
    #[error("`{0}` is not a host name: use letters, digits, `.`, `_` and `-`")]
    Host(String),
    /// A user name with other characters.
    #[error("`{0}` is not a user name: use letters, digits, `.`, `_` and `-`")]
    User(String),
    /// Not a port.
    #[error("`{0}` is not a port: use 1 to 65535")]
    Port(String),
    /// A path with other characters.
    #[error("`{0}` is not a path of a repository: use letters, digits and `/._-~+@%=,:`")]
    Path(String),
    /// A directory of this machine, which the operator did not allow.
    #[error("`{0}` is a directory of this machine: such a source must be allowed where it is configured")]
    Local(String),
    /// A directory of this machine that is not written in full.
    #[error("`{0}` is not an absolute path without `..`")]
    Relative(String),
}

impl RemoteUrl {
    /// Reads an address. Directories of this machine are accepted only with `allow_local`.
    pub fn parse(text: &str, allow_local: bool) -> Result<Self, UrlError> {
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        if text.starts_with('-') {
            return Err(UrlError::Option(shown(text)));
        }
        if text.chars().any(char::is_control) || hides_control(text) {
            return Err(UrlError::Control);
        }
        let kind = if text.starts_with('/') {
            local(text, PathBuf::from(text), allow_local)?
        } else if let Some((scheme, rest)) = text.split_once("://") {
            match scheme {
                "https" => https(rest)?,
                "ssh" => ssh(rest)?,
                "file" => local(text, file_path(rest)?, allow_local)?,
                "http" => return Err(UrlError::Plain),
                other => return Err(UrlError::Scheme(shown(other))),
            }
        } else if let Some((transport, _)) = text.split_once("::") {
            return Err(UrlError::Scheme(shown(transport)));
        } else {
            scp_like(text)?
        };
        Ok(Self { text: text.to_owned(), kind })
    }

    /// What git is given.
    pub fn as_str(&self) -> &str {
        match &self.kind {
            Kind::Local(path) => path.to_str().unwrap_or(&self.text),
            Kind::Https { .. } | Kind::Ssh { .. } => &self.text,
        }
    }

    /// Whether it is a directory of this machine.
    pub fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Local(_))
    }

    /// The directory, if it is one of this machine.
    pub fn local_path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Local(path) => Some(path),
            Kind::Https { .. } | Kind::Ssh { .. } => None,
        }
    }

    /// Whether ssh is used.
    pub fn is_ssh(&self) -> bool {
        matches!(self.kind, Kind::Ssh { .. })
    }

    /// The other machine, if there is one.
    pub fn host(&self) -> Option<&str> {
        match &self.kind {
            Kind::Https { host, .. } | Kind::Ssh { host, .. } => Some(host),
            Kind::Local(_) => None,
        }
    }

    /// The port, where the address names one.
    pub fn port(&self) -> Option<u16> {
        match &self.kind {
            Kind::Https { port, .. } | Kind::Ssh { port, .. } => *port,
            Kind::Local(_) => None,
        }
    }

    /// The user, where the address names one.
    pub fn user(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ssh { user, .. } => user.as_deref(),
            Kind::Https { .. } | Kind::Local(_) => None,
        }
    }

    /// `https://host:port/`, the part that a credential is bound to.
    pub(super) fn https_origin(&self) -> Option<String> {
        match &self.kind {
            Kind::Https { host, port: Some(port) } => Some(format!("https://{host}:{port}/")),
            Kind::Https { host, port: None } => Some(format!("https://{host}/")),
            Kind::Ssh { .. } | Kind::Local(_) => None,
        }
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect::<String>().escape_debug().to_string()
}

/// Whether a percent escape stands for a control character; programs on the way decode it.
fn hides_control(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes
        .windows(3)
        .filter(|it| it[0] == b'%')
        .any(|it| hex(it[1], it[2]).is_some_and(|byte| byte < 0x20 || byte == 0x7f))
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    Some(digit(high)? * 16 + digit(low)?)
}

/// Decodes `%41` and the like; `None` where an escape is broken or the result is not UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { hex(bytes.next()?, bytes.next()?)? } else { byte });
    }
    String::from_utf8(decoded).ok()
}

fn https(rest: &str) -> Result<Kind, UrlError> {
    let (authority, path) = split_authority(rest)?;
    if authority.contains('@') {
        return Err(UrlError::Credential);
    }
    let (host, port) = host_and_port(authority)?;
    network_path(path)?;
    Ok(Kind::Https { host, port })
}

fn ssh(rest: &str) -> Result<Kind, UrlError> {
    let (authority, path) = split_authority(rest)?;
    let (user, address) = match authority.rsplit_once('@') {
        Some((user, address)) => (Some(user_name(user)?), address),
        None => (None, authority),
    };
    let (host, port) = host_and_port(address)?;
    network_path(path)?;
    Ok(Kind::Ssh { user, host, port })
}

fn scp_like(text: &str) -> Result<Kind, UrlError> {
    let Some((authority, path)) = text.split_once(':') else {
        return Err(UrlError::Relative(shown(text)));
    };
    if authority.contains('/') {
        return Err(UrlError::Relative(shown(text)));
    }
    // `user:secret@host:path` is not this form; it only looks like it.
    if path.split('/').next().is_some_and(|it| it.contains('@')) {
        return Err(UrlError::Credential);
    }
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user_name(user)?), host),
        None => (None, authority),
    };
    network_path(path)?;
    Ok(Kind::Ssh { user, host: host_name(host)?, port: None })
}

fn split_authority(rest: &str) -> Result<(&str, &str), UrlError> {
    let at = rest.find('/').ok_or_else(|| UrlError::Path(String::new()))?;
    Ok(rest.split_at(at))
}

fn user_name(user: &str) -> Result<String, UrlError> {
    if user.contains(':') {
        return Err(UrlError::Credential);
    }
    word(user).ok_or_else(|| dashed(user, UrlError::User(shown(user))))
}

fn host_name(host: &str) -> Result<String, UrlError> {
    word(host).ok_or_else(|| dashed(host, UrlError::Host(shown(host))))
}

fn dashed(text: &str, otherwise: UrlError) -> UrlError {
    if text.starts_with('-') { UrlError::Option(shown(text)) } else { otherwise }
}

fn word(text: &str) -> Option<String> {
    let first = text.chars().next()?;
    let fits = (first.is_ascii_alphanumeric() || first == '_')
        && text.len() <= 253
        && text.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it));
    fits.then(|| text.to_owned())
}

fn host_and_port(address: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let (inner, after) = rest.split_once(']').ok_or_else(|| UrlError::Host(shown(address)))?;
        if inner.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(UrlError::Host(shown(address)));
        }
        let port = if after.is_empty() { None } else { Some(after.strip_prefix(':').unwrap_or("?")) };
        (format!("[{inner}]"), port)
    } else if let Some((host, port)) = address.split_once(':') {
        (host_name(host)?, Some(port))
    } else {
        (host_name(address)?, None)
    };
    let Some(port) = port else { return Ok((host, None)) };
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|it| it.is_ascii_digit()) => Ok((host, Some(number))),
        _ => Err(UrlError::Port(shown(port))),
    }
}

fn network_path(path: &str) -> Result<(), UrlError> {
    if path.starts_with('-') {
        return Err(UrlError::Option(shown(path)));
    }
    let fits = !path.trim_matches('/').is_empty()
        && !path.starts_with(':')
        && path.len() <= 2048
        && path.chars().all(|it| it.is_alphanumeric() || "/._-~+@%=,:".contains(it));
    if fits { Ok(()) } else { Err(UrlError::Path(shown(path))) }
}

fn file_path(rest: &str) -> Result<PathBuf, UrlError> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let decoded = percent_decoded(path).ok_or(UrlError::Control)?;
    if decoded.chars().any(char::is_control) {
        return Err(UrlError::Control);
    }
    Ok(PathBuf::from(decoded))
}

fn local(text: &str, path: PathBuf, allow_local: bool) -> Result<Kind, UrlError> {
    if !allow_local {
        return Err(UrlError::Local(shown(text)));
    }
    let plain = path.is_absolute() && path.components().all(|it| !matches!(it, Component::ParentDir));
    if plain && path.components().count() > 1 {
        Ok(Kind::Local(path))
    } else {
        Err(UrlError::Relative(shown(text)))
    }
}
