//! Addresses of plain HTTP.

use serde_json::Value;

use crate::item::{Http, Server};
use crate::keys::{Keys, Mistake};
use crate::manifest::timeout;

/// The item `http`.
pub(crate) fn http(keys: &mut Keys) -> Result<Http, Mistake> {
    let url = keys.required("url")?;
    let parts = parse(&url).map_err(|problem| keys.mistake("url", problem))?;
    let timeout = timeout(keys)?;
    let head = keys.choice("method", &["GET", "HEAD"])? == "HEAD";
    let contains = keys.text("contains")?;
    if head && contains.is_some() {
        return Err(keys.mistake("contains", "HEAD brings no content; use GET"));
    }
    let server = Server { host: parts.host, port: parts.port, timeout };
    Ok(Http {
        server,
        authority: parts.authority,
        target: parts.target,
        head,
        status: status(keys)?,
        contains,
    })
}

/// One status or several.
fn status(keys: &mut Keys) -> Result<Vec<u64>, Mistake> {
    let values = match keys.value("status") {
        None => return Ok(vec![200]),
        Some(Value::Array(values)) if !values.is_empty() => values,
        Some(value) => vec![value],
    };
    let number = |value: &Value| {
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        number.filter(|it| (100..600).contains(it))
    };
    let found: Option<Vec<u64>> = values.iter().map(number).collect();
    found.ok_or_else(|| keys.mistake("status", "must be a status like 200, or a list of them"))
}

/// What an address says.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    authority: String,
    host: String,
    port: u16,
    target: String,
}

/// Takes an address apart. Errors do not repeat it: it may hold a password.
fn parse(url: &str) -> Result<Parts, &'static str> {
    let Some(rest) = url.strip_prefix("http://") else {
        return Err(if url.starts_with("https://") {
            "https is not spoken by this module; verify the port with tcp and the certificate with certificate"
        } else {
            "must begin with http://"
        });
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let target = target.split('#').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("user names and passwords in addresses are not supported");
    }
    let is_plain = |text: &str| text.bytes().all(|it| (b'!'..=b'~').contains(&it));
    if !is_plain(authority) || !is_plain(target) {
        return Err(
            "may not have spaces or other characters that need an escape; write them as %20 and the like",
        );
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("has a bracket without an end")?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|it| *it != 0).ok_or("has a port that is none")?,
        None if port.is_empty() => 80,
        None => return Err("has a port that is none"),
    };
    if host.is_empty() {
        return Err("names no host");
    }
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    Ok(Parts { authority: authority.to_owned(), host: host.to_owned(), port, target })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let of = |url: &str| parse(url).map(|it| (it.host, it.port, it.target));
        let parts = |host: &str, port, target: &str| Ok((host.to_owned(), port, target.to_owned()));
        assert_eq!(of("http://a"), parts("a", 80, "/"));
        assert_eq!(of("http://a:8080/x?y#z"), parts("a", 8080, "/x?y"));
        assert_eq!(of("http://a?y"), parts("a", 80, "/?y"));
        assert_eq!(of("http://[::1]:81/"), parts("::1", 81, "/"));
        for wrong in [
            "a",
            "ftp://a",
            "http://",
            "http://u:p@a/",
            "http://a:x/",
            "http://a:0",
            "http://a/ b",
            "http://[::1",
            "http://[::1]x",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!(!of("http://u:hunter2@a/").unwrap_err().contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_address_panics(rest in "\\PC{0,30}") {
            if let Ok(parts) = parse(&format!("http://{rest}")) {
                // Nothing may be smuggled into the request.
                let sent = parts.target + &parts.authority;
                prop_assert!(!sent.contains([' ', '\r', '\n']), "{}", sent);
            }
        }
    }
}
