//! What only the whole operator's file can tell: keys that contradict each other, files that are not there.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::check::Findings;
use super::checks::Checks;
use super::drift::alias_key;
use super::forge;
use super::mask::{for_display, one_line};
use super::report::Diagnostic;
use super::sign_in;
use super::signatures::check_signatures;
use super::units::show_span;
use super::value::{Content, Pointer, Value};
use super::webhook;
use super::windows::check_freezes;
use super::yaml::Name;

/// Keys whose path is to exist already. Secrets are looked at by themselves.
const EXISTING: [&str; 11] = [
    "ssh_agent",
    "known_hosts",
    "ssh_config",
    "git_credentials",
    "ca_bundle",
    "certificate",
    "system_ansible",
    "python",
    "allowed_signers",
    "revoked_keys",
    "keyring",
];

pub(super) struct Rules<'a> {
    pub(super) findings: &'a mut Findings,
    pub(super) checks: &'a Checks,
    pub(super) credentials_dir: Option<&'a Path>,
}

impl Rules<'_> {
    pub(super) fn apply(&mut self, value: &Value) {
        self.listener(value);
        if let Some(limits) = value.get("limits") {
            self.not_longer(limits.get("retry"), "base", "max");
            self.not_longer(limits.get("fetch"), "connect", "total");
            self.not_longer(limits.get("fetch"), "stall", "total");
        }
        let sources = value.named("sources");
        for (_, source) in sources {
            self.source(source);
            webhook::check(self.findings, source, self.checks, self.credentials_dir);
        }
        sign_in::check(value, self.findings);
        self.users(sources);
        self.aliases(value.named("aliases"));
        if let Some(alerts) = value.get("alerts") {
            super::alerts::check(alerts, self.findings);
        }
        self.files(value);
    }

    fn listener(&mut self, value: &Value) {
        let Some(listen) = value.get("listen") else { return };
        let address = listen.as_text().and_then(|it| it.parse::<std::net::SocketAddr>().ok());
        let publicly = value.switch("listen_publicly") == Some(true);
        if address.is_some_and(|it| !it.ip().is_loopback()) && !publicly && value.get("tls").is_none() {
            let help = "add `tls:` with a certificate and its key, or listen on `127.0.0.1:9847`; with a proxy that has \
                TLS in front, add `listen_publicly: true`";
            self.findings.error("this address can be reached by other machines", &listen.place, help);
        }
    }

    fn not_longer(&mut self, group: Option<&Value>, short: &str, long: &str) {
        let Some(group) = group else { return };
        let (Some(first), Some(second)) = (group.duration(short), group.duration(long)) else { return };
        let written = group.written(short).or_else(|| group.written(long));
        if let Some(place) = written.map(|it| it.place.clone()).filter(|_| second < first) {
            let message =
                format!("`{short}` ({}) is longer than `{long}` ({})", show_span(first), show_span(second));
            let help = format!("set both, `{short}` not longer than `{long}`");
            self.findings.error(message, &place, help);
        }
    }

    fn source(&mut self, source: &Value) {
        if let Some(url) = source.get("url")
            && let Some(text) = url.as_text()
            && let Err(help) = (self.checks.url)(text, true)
        {
            self.findings.error("this URL is refused", &url.place, one_line(&for_display(&help, &[])));
        }
        check_signatures(source, self.findings);
        check_freezes(source, self.findings);
        source.named("stacks").iter().for_each(|(_, it)| check_freezes(it, self.findings));
        forge::complete(source, self.findings);
        let stacks = source.named("stacks").iter().filter_map(|(_, it)| it.get("access"));
        for access in source.get("access").into_iter().chain(stacks) {
            for (name, _) in access.named("environment") {
                if let Err(help) = (self.checks.env_name)(&name.text) {
                    let message = format!("`{}` cannot be set for a run", one_line(&name.text));
                    self.findings.error(message, &name.place, help);
                }
            }
        }
    }

    /// Each source its own user: otherwise the playbooks of one read the keys of the other.
    fn users(&mut self, sources: &[(Name, Value)]) {
        let mut seen: Vec<(&str, &Name)> = Vec::new();
        for (name, source) in sources {
            let Some(user) = source.get("run_as") else { continue };
            let Some(text) = user.as_text() else { continue };
            if text == "root" {
                let help = "name a user without rights; playbooks get root on the hosts by `become`";
                self.findings.error("runs cannot belong to `root`", &user.place, help);
            }
            if let Some((_, other)) = seen.iter().find(|(it, _)| *it == text) {
                let message = format!("`{}` and `{}` share the user `{text}`", other.text, name.text);
                let help = "playbooks of one can read the keys of the other: give each source its own user";
                self.findings.warning(message, &user.place, help);
            }
            seen.push((text, name));
        }
    }

    /// One machine has one name, and a name is not another one's address.
    fn aliases(&mut self, entries: &[(Name, Value)]) {
        let known: Vec<(String, &Name, &str)> = entries
            .iter()
            .filter_map(|(key, value)| Some((alias_key(&key.text)?, key, value.as_text()?)))
            .collect();
        for (at, (key, name, machine)) in known.iter().enumerate() {
            if let Some((_, first, _)) = known[..at].iter().find(|(other, ..)| other == key) {
                let found = Diagnostic::error(
                    format!("`{}` is the same as `{}`", one_line(&name.text), one_line(&first.text)),
                    name.place.clone(),
                );
                let found = found.context(first.place.clone(), "first here");
                self.findings.diagnostics.push(found.help("keep one of them"));
            }
            let itself = alias_key(machine);
            let other = known.iter().find(|(other, _, further)| {
                Some(other) == itself.as_ref() && !further.eq_ignore_ascii_case(machine)
            });
            if let Some((_, second, further)) = other {
                let message = format!("`{machine}` is itself called `{further}`");
                let help =
                    format!("write `{further}` here, too, or remove the key `{}`", one_line(&second.text));
                self.findings.error(message, &name.place, help);
            }
        }
    }

    /// Warns of files that are named but not there, or that everybody can read. Not an error: one missing key must
    /// not stop the other sources.
    fn files(&mut self, value: &Value) {
        match &value.content {
            Content::Group(values) => {
                for (key, value) in values {
                    if EXISTING.contains(key)
                        && let Some(path) = value.as_text()
                    {
                        self.exists(Path::new(path), value, false);
                    }
                    self.files(value);
                }
            }
            Content::Named(entries) => entries.iter().for_each(|(_, it)| self.files(it)),
            Content::List(items) => items.iter().for_each(|it| self.files(it)),
            Content::Secret(Pointer::File(path)) => self.exists(path, value, true),
            Content::Secret(Pointer::Credential(name)) => self.credential(name, value),
            _ => {}
        }
    }

    fn credential(&mut self, name: &str, value: &Value) {
        let path: Option<PathBuf> = self.credentials_dir.map(|it| it.join(name));
        if path.is_some_and(|it| !it.exists()) {
            let message = format!("systemd handed over no credential `{name}`");
            let help = format!("add `LoadCredential={name}:/path` to the unit and restart");
            self.findings.warning(message, &value.place, help);
        }
    }

    fn exists(&mut self, path: &Path, value: &Value, secret: bool) {
        let shown = one_line(&path.display().to_string());
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.findings.warning(
                    format!("`{shown}` does not exist"),
                    &value.place,
                    "create it, or correct the path",
                );
            }
            Ok(it) if secret && it.is_file() && it.permissions().mode() & 0o007 != 0 => {
                let message = format!("`{shown}` holds a secret and everybody can read it");
                self.findings.warning(message, &value.place, format!("run `chmod o-rwx {shown}`"));
            }
            _ => {}
        }
    }
}
