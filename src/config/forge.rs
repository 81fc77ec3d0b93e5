//! What the operator says of the forge of a source, and what follows from the url of the source.

use std::path::PathBuf;

use super::access::{Credentials, Lender, SecretSource};
use super::check::Findings;
use super::operator_keys::{PATH, optional, required, with_default};
use super::shape::{Key, Rule, Shape};
use super::units::{DAY, SECOND};
use super::value::Value;
use crate::domain::{ForgeKind, Span};

/// The keys of `sources.<source>.forge`.
pub(super) static FORGE: &[Key] = &[
    required("kind", Shape::Choice(ForgeKind::WORDS), "What the forge is. Codeberg is `forgejo`."),
    optional(
        "api",
        Shape::Text(&API),
        "Where its API begins. Absent: on the host of `url`, at GitHub `https://api.github.com`, on a GitHub of your own `/api/v3`, at GitLab `/api/v4`, at Forgejo and Gitea `/api/v1`.",
    ),
    optional(
        "project",
        Shape::Text(&PROJECT),
        "The project: `owner/name`, at GitLab with all its groups. Absent: the path of `url`.",
    ),
    required("token", Shape::Secret, "An access token, of an account for driftless alone."),
    with_default(
        "poll",
        Shape::Duration(SECOND, DAY),
        "1m",
        "How long after a look at the merge requests the next one is due. Webhooks make it look at once.",
    ),
    optional(
        "ca_bundle",
        PATH,
        "Certificates that the forge may be signed by, instead of those of the system. Absent: those of `credentials.ca_bundle`.",
    ),
];

static API: Rule = Rule {
    what: "the URL of the API of a forge",
    placeholder: "",
    pattern: "^https?://[^\\s?#@]+$",
    check: api,
};

static PROJECT: Rule = Rule {
    what: "the path of a project",
    placeholder: "",
    pattern: "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$",
    check: project,
};

/// The forge of a source, with everything that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeConfig {
    /// What it is.
    pub kind: ForgeKind,
    /// Where its API begins.
    pub api: String,
    /// The project.
    pub project: String,
    /// Its access token.
    pub token: SecretSource,
    /// How long after a look at the merge requests the next one is due.
    pub poll_every: Span,
    /// Certificates that the forge may be signed by; `None` for those of the system.
    pub ca_bundle: Option<PathBuf>,
}

impl ForgeConfig {
    /// `None` if nothing is said of a forge, or something was refused.
    pub(super) fn of(source: &Value, credentials: &Credentials, lender: &Lender<'_>) -> Option<Self> {
        let forge = source.get("forge")?;
        let kind: ForgeKind = forge.text("kind")?.parse().ok()?;
        let place = source.text("url").and_then(Place::of);
        let default_api = || place.as_ref().map(|it| it.api(kind));
        let default_project = || place.as_ref().and_then(|it| it.project(kind));
        Some(Self {
            kind,
            api: forge.owned("api").or_else(default_api)?,
            project: forge.owned("project").or_else(default_project)?,
            token: lender.secret(forge, "token")?,
            poll_every: forge.duration("poll")?,
            ca_bundle: forge.path("ca_bundle").or_else(|| credentials.ca_bundle.clone()),
        })
    }
}

/// Complains of what is left out and does not follow from the url.
pub(super) fn complete(source: &Value, findings: &mut Findings) {
    let Some(forge) = source.get("forge") else { return without(source, findings) };
    let Some(Ok(kind)) = forge.text("kind").map(str::parse::<ForgeKind>) else { return };
    let Some(url) = source.text("url") else { return };
    let place = Place::of(url);
    let mut missing = |key: &str, help: &str| {
        let message = format!("`forge` has no `{key}`, and the url of the source does not tell it");
        findings.error(message, &forge.place, help);
    };
    if forge.get("api").is_none() && place.is_none() {
        missing("api", "add `api:` with where the API of the forge begins");
    }
    let is_told = place.is_some_and(|it| it.project(kind).is_some());
    if forge.get("project").is_none() && !is_told {
        missing("project", "add `project:` with the path of the project, `owner/name`");
    }
    let given = forge.text("project").filter(|_| kind != ForgeKind::Gitlab);
    if let (Some(given), Some(project)) = (given, forge.get("project"))
        && given.split('/').count() != 2
    {
        let message = format!("`{given}` has more than an owner and a name");
        findings.error(message, &project.place, "write `owner/name`; only GitLab has groups in groups");
    }
}

/// What only a forge can tell is not to be waited for without one.
fn without(source: &Value, findings: &mut Findings) {
    for key in ["merge_requests", "approvals"] {
        if let Some(value) = source.written(key) {
            let help = "add `forge:` with its kind and a token, see docs/forges.md";
            findings.error(format!("`{key}` needs a `forge`"), &value.place, help);
        }
    }
}

/// Where the repository is on its server.
struct Place<'a> {
    host: &'a str,
    /// Of https only: those of ssh say nothing of the API.
    port: Option<&'a str>,
    path: &'a str,
}

impl<'a> Place<'a> {
    /// `None` for a repository on this machine.
    fn of(url: &'a str) -> Option<Self> {
        let (authority, path, is_https) = if let Some(rest) = url.strip_prefix("https://") {
            let (authority, path) = rest.split_once('/')?;
            (authority, path, true)
        } else if let Some(rest) = url.strip_prefix("ssh://") {
            let (authority, path) = rest.split_once('/')?;
            (authority, path, false)
        } else {
            let (authority, path) = url.split_once(':')?;
            if authority.contains('/') || path.starts_with("//") {
                return None;
            }
            (authority, path, false)
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
        let (host, port) = match host.rsplit_once(':') {
            Some((name, port)) if !host.ends_with(']') => (name, Some(port)),
            _ => (host, None),
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        (!host.is_empty()).then_some(Self { host, port: port.filter(|_| is_https), path })
    }

    fn api(&self, kind: ForgeKind) -> String {
        let port = self.port.map(|it| format!(":{it}")).unwrap_or_default();
        let own = |path: &str| format!("https://{}{port}{path}", self.host);
        match kind {
            // `ssh.github.com` is where its ssh can be reached on port 443.
            ForgeKind::Github if matches!(self.host, "github.com" | "ssh.github.com") => {
                "https://api.github.com".to_owned()
            }
            ForgeKind::Github => own("/api/v3"),
            ForgeKind::Gitlab if self.host == "altssh.gitlab.com" => "https://gitlab.com/api/v4".to_owned(),
            ForgeKind::Gitlab => own("/api/v4"),
            ForgeKind::Forgejo | ForgeKind::Gitea => own("/api/v1"),
        }
    }

    fn project(&self, kind: ForgeKind) -> Option<String> {
        let depth = self.path.split('/').count();
        let fits = if kind == ForgeKind::Gitlab { 2 <= depth } else { depth == 2 };
        (fits && project(self.path).is_ok()).then(|| self.path.to_owned())
    }
}

/// What only the address itself tells; where it leads to is looked at by those who connect.
fn api(text: &str) -> Result<(), String> {
    let advice = "write where the API begins, for example `https://gitlab.example.org/api/v4`";
    let Some((scheme, rest)) = text.split_once("://") else { return Err(advice.to_owned()) };
    let is_plain = !rest.is_empty()
        && rest.chars().all(|it| it.is_ascii_graphic())
        && !rest.starts_with('/')
        && !rest.contains(['?', '#', '\\']);
    if rest.contains('@') {
        return Err(
            "a user or password in it would be shown: write it without, the token is `token`".to_owned()
        );
    }
    let host = rest.split('/').next().unwrap_or(rest);
    let is_here = ["localhost", "127.0.0.1", "[::1]"]
        .iter()
        .any(|it| host.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
    match scheme {
        "https" if is_plain => Ok(()),
        "http" if is_plain && is_here => Ok(()),
        "http" if is_plain => Err("plain http shows the token to the network: write `https://`".to_owned()),
        _ => Err(advice.to_owned()),
    }
}

fn project(text: &str) -> Result<(), String> {
    let word = |it: &str| {
        !matches!(it, "" | "." | "..")
            && it.len() < 256
            && it.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it))
    };
    let depth = text.split('/').count();
    if (2..=21).contains(&depth) && text.split('/').all(word) {
        Ok(())
    } else {
        Err("write it as in its address: `owner/name`, at GitLab `group/subgroup/name`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_and_the_project_follow_from_the_url() {
        for (url, kind, api, project) in [
            ("https://github.com/acme/infra.git", ForgeKind::Github, "https://api.github.com", "acme/infra"),
            ("git@github.com:acme/infra.git", ForgeKind::Github, "https://api.github.com", "acme/infra"),
            (
                "ssh://git@ssh.github.com:443/acme/infra.git",
                ForgeKind::Github,
                "https://api.github.com",
                "acme/infra",
            ),
            (
                "ssh://git@ghe.example/acme/infra",
                ForgeKind::Github,
                "https://ghe.example/api/v3",
                "acme/infra",
            ),
            ("git@gitlab.com:a/b/c.git", ForgeKind::Gitlab, "https://gitlab.com/api/v4", "a/b/c"),
            ("https://git.example:8443/a/b/", ForgeKind::Gitlab, "https://git.example:8443/api/v4", "a/b"),
            ("ssh://git@git.example:2222/a/b.git", ForgeKind::Forgejo, "https://git.example/api/v1", "a/b"),
            ("https://[fd00::5]:3000/a/b", ForgeKind::Gitea, "https://[fd00::5]:3000/api/v1", "a/b"),
        ] {
            let place = Place::of(url).expect("a place");
            assert_eq!(
                (place.api(kind).as_str(), place.project(kind).as_deref()),
                (api, Some(project)),
                "{url}"
            );
        }
        for here in ["/srv/infra.git", "file:///srv/infra.git", "https://git.example"] {
            assert!(Place::of(here).is_none(), "{here}");
        }
        let deep = Place::of("https://git.example/scm/acme/infra").expect("a place");
        assert_eq!(deep.project(ForgeKind::Gitea), None);
    }

    #[test]
    fn an_api_is_https_or_on_this_machine() {
        for good in
            ["https://api.github.com", "http://127.0.0.1:3000/api/v1", "http://[::1]/", "http://localhost"]
        {
            assert!(api(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.github.com",
            "http://git.example/api/v1",
            "http://localhost.example/",
            "https://a:b@git.example/",
            "https:///x",
            "https://git.example/?x",
            "ftp://git.example",
            "https://git.example/a b",
        ] {
            assert!(api(bad).is_err(), "{bad}");
        }
    }
}
