//! Where the API of a forge is, and the addresses below it.

use std::net::IpAddr;

use reqwest::Url;
use url::Host;

use super::error::ForgeError;
use crate::domain::ForgeKind;
use crate::domain::outbound::{is_localhost, permit};

/// The address that the operator gave. Everything that is asked for is below it.
#[derive(Debug, Clone)]
pub(super) struct Api {
    base: Url,
    /// Whether it names this machine itself, in words or as a loopback address.
    pub(super) names_loopback: bool,
}

impl Api {
    pub(super) fn parse(text: &str) -> Result<Self, ForgeError> {
        let base = Url::parse(text).map_err(|_| ForgeError::Address("it is not a URL"))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(ForgeError::Address("a user or password in it would be shown"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(ForgeError::Address("it ends where the API begins, without `?` and `#`"));
        }
        // Numbers in any form (`0x7f.1`, `2852039166`) are addresses after this.
        let host = base.host().ok_or(ForgeError::Address("it has no host"))?;
        let literal = match host {
            Host::Ipv4(it) => Some(IpAddr::V4(it)),
            Host::Ipv6(it) => Some(IpAddr::V6(it)),
            Host::Domain(_) => None,
        };
        let names_loopback = match (literal, host) {
            (Some(address), _) => address.to_canonical().is_loopback(),
            (None, Host::Domain(name)) => is_localhost(name),
            (None, _) => false,
        };
        if let Some(address) = literal {
            permit(address, names_loopback)?;
        }
        match base.scheme() {
            "https" => {}
            "http" if names_loopback => {}
            "http" => {
                return Err(ForgeError::Address(
                    "plain http shows the token to the network: write `https://`",
                ));
            }
            _ => return Err(ForgeError::Address("it begins with `https://`")),
        }
        Ok(Self { base, names_loopback })
    }

    pub(super) fn url(&self, endpoint: &Endpoint) -> Result<Url, ForgeError> {
        let mut url = self.base.clone();
        // A segment of dots would be dropped, and another thing asked for.
        if endpoint.segments.iter().any(|it| matches!(it.as_str(), "" | "." | "..")) {
            return Err(ForgeError::Address("a part of it is empty or only dots"));
        }
        url.path_segments_mut()
            .map_err(|()| ForgeError::Address("it has no path"))?
            .pop_if_empty()
            .extend(&endpoint.segments);
        if !endpoint.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&endpoint.query);
        }
        Ok(url)
    }
}

/// A path below the API, in parts. Each part is escaped as a whole, so that nothing in it can become a `/` or a `?`.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    segments: Vec<String>,
    query: Vec<(&'static str, String)>,
    /// What it is, for people.
    pub(super) what: &'static str,
}

impl Endpoint {
    pub(super) fn new(what: &'static str) -> Self {
        Self { segments: Vec::new(), query: Vec::new(), what }
    }

    pub(super) fn at(mut self, segment: &(impl ToString + ?Sized)) -> Self {
        self.segments.push(segment.to_string());
        self
    }

    pub(super) fn query(mut self, key: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.query.push((key, value.to_string()));
        self
    }
}

/// The project, as its forge addresses it.
#[derive(Debug, Clone)]
pub(super) struct Project {
    names: Vec<String>,
    kind: ForgeKind,
}

impl Project {
    pub(super) fn parse(text: &str, kind: ForgeKind) -> Result<Self, ForgeError> {
        let wrong = || ForgeError::Project(text.escape_debug().take(200).collect());
        let names: Vec<String> = text.split('/').map(str::to_owned).collect();
        let word = |it: &String| {
            !it.is_empty()
                && it.len() <= 255
                && !matches!(it.as_str(), "." | "..")
                && it.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it))
        };
        let depth = if kind == ForgeKind::Gitlab { 2..=21 } else { 2..=2 };
        if depth.contains(&names.len()) && names.iter().all(word) {
            Ok(Self { names, kind })
        } else {
            Err(wrong())
        }
    }

    /// The beginning of all addresses that belong to the project.
    pub(super) fn endpoint(&self, what: &'static str) -> Endpoint {
        if self.kind == ForgeKind::Gitlab {
            // The whole path is one part: its slashes become `%2F`.
            return Endpoint::new(what).at("projects").at(&self.names.join("/"));
        }
        self.names.iter().fold(Endpoint::new(what).at("repos"), Endpoint::at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_spoken_to() {
        for good in [
            "https://api.github.com",
            "https://gitlab.example.org/api/v4/",
            "https://10.1.2.3:8443/api/v1",
            "http://127.0.0.1:3000/api/v1",
            "http://[::1]:3000",
            "http://localhost:3000",
        ] {
            assert!(Api::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.github.com",
            "http://api.github.com",
            "http://10.1.2.3/api/v1",
            "http://localhost.example.org",
            "ftp://api.github.com",
            "file:///etc/passwd",
            "https://user@api.github.com",
            "https://user:word@api.github.com",
            "https://api.github.com/?x=1",
            "https://api.github.com/#x",
            // The metadata of clouds, in each way to write it.
            "https://169.254.169.254/",
            "https://2852039166/",
            "https://0xA9FEA9FE/",
            "https://[::ffff:169.254.169.254]/",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://0.0.0.0/",
            "https://[::]/",
        ] {
            assert!(Api::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_comes_from_outside_stays_one_part_of_a_path() {
        let api = Api::parse("https://forge.example/api/v1/").expect("an address");
        let at = |segment: &str| api.url(&Endpoint::new("x").at("users").at(segment).query("q", "a&b=c"));
        let url = |segment| at(segment).expect("a url").to_string();
        assert_eq!(url("a/../b?c#d"), "https://forge.example/api/v1/users/a%2F..%2Fb%3Fc%23d?q=a%26b%3Dc");
        assert_eq!(url("%2e%2e"), "https://forge.example/api/v1/users/%252e%252e?q=a%26b%3Dc");
        for bad in ["", ".", ".."] {
            assert!(at(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_project_is_a_path_of_names() {
        let gitlab = Project::parse("group/sub.group/name", ForgeKind::Gitlab).expect("a project");
        let api = Api::parse("https://gitlab.example/api/v4").expect("an address");
        assert_eq!(
            api.url(&gitlab.endpoint("x").at("merge_requests")).expect("a url").as_str(),
            "https://gitlab.example/api/v4/projects/group%2Fsub.group%2Fname/merge_requests"
        );
        for (bad, kind) in [
            ("name", ForgeKind::Github),
            ("a/b/c", ForgeKind::Github),
            ("../b", ForgeKind::Gitea),
            ("a//b", ForgeKind::Gitlab),
            ("a/b?c", ForgeKind::Gitlab),
            ("a/b%2f", ForgeKind::Forgejo),
        ] {
            assert!(Project::parse(bad, kind).is_err(), "{bad}");
        }
    }
}
