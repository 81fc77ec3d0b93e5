use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::{Access, Credentials, ForgeConfig};
use crate::domain::{
    Failure, ForgeKind, Mode, Outcome, RunId, RuntimeSpec, Selection, SignatureRules, SourcePolicy, Span,
    Trigger, Windows,
};

const URL: &str = "https://deploy:url-passw0rd@git.example.org/infra.git";

fn spec() -> RunSpec {
    let variables = serde_json::json!({
        "port": 8080,
        "motto": "nothing special",
        "db_password": "pg-secret-1",
        "deep": {"list": [{"api_token": ["t0ken-in-list", 12_345_678]}]},
    });
    RunSpec {
        run: RunId(1),
        stack: "infra/web".parse().unwrap(),
        revision: format!("main@sha1:{}", "ab".repeat(20)).parse().unwrap(),
        mode: Mode::Apply,
        trigger: Trigger::NewRevision,
        merge_request: None,
        requested_by: None,
        failures_before: 0,
        outside_window: None,
        selection: Selection::Full,
        playbook: "site.yml".to_owned(),
        inventory: "hosts".to_owned(),
        limit: None,
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: variables.as_object().cloned().unwrap().into_iter().collect(),
        forks: None,
        debts: Vec::new(),
        timeout: Span::from_secs(240),
        runtime: RuntimeSpec::System,
    }
}

/// A source whose runs are lent one secret of each kind.
fn source(dir: &Path) -> SourceConfig {
    let secret = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        SecretSource::file(path)
    };
    let program = secret("program", "#!/bin/sh is-no-secret-program");
    std::fs::set_permissions(dir.join("program"), std::fs::Permissions::from_mode(0o700)).unwrap();
    SourceConfig {
        policy: SourcePolicy {
            poll_every: Span::from_secs(30),
            ..SourcePolicy::new("infra".parse().unwrap(), "main".parse().unwrap())
        },
        url: URL.to_owned(),
        run_as: None,
        signatures: SignatureRules::default(),
        windows: Windows::default(),
        forge: Some(ForgeConfig {
            kind: ForgeKind::Github,
            api: "https://api.github.com".to_owned(),
            project: "acme/infra".to_owned(),
            token: secret("forge", "ghs-forge-token"),
            poll_every: Span::from_mins(1),
            ca_bundle: None,
        }),
        credentials: Credentials {
            https_token: Some(secret("token", "ghs-https-token")),
            ..Credentials::default()
        },
        access: Access {
            ssh_key: Some(secret("key", "-----BEGIN KEY-----\nfirst-line-of-key\nsecond-line-of-key")),
            become_password: Some(secret("become", "sudo-passw0rd")),
            vault: [("prod".to_owned(), secret("vault", "vault-passw0rd")), ("p".to_owned(), program)].into(),
            environment: [
                ("API_TOKEN".to_owned(), secret("env", "environment-value")),
                ("GONE".to_owned(), SecretSource::file(dir.join("gone"))),
                ("SHORT".to_owned(), secret("short", "abc")),
            ]
            .into(),
            ..Access::default()
        },
        webhook: None,
        stacks: BTreeMap::default(),
    }
}

const LENT: [&str; 11] = [
    "url-passw0rd",
    "ghs-https-token",
    "ghs-forge-token",
    "first-line-of-key",
    "second-line-of-key",
    "sudo-passw0rd",
    "vault-passw0rd",
    "environment-value",
    "pg-secret-1",
    "t0ken-in-list",
    "12345678",
];
const HARMLESS: &str = "nothing special on port 8080, is-no-secret-program";

#[test]
fn everything_that_is_lent_is_taken_out_of_all_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = RunSecrets::lent(&source(dir.path()), &Redact::default(), &spec());
    assert_eq!(secrets.cannot_be_redacted(), 1);
    let mut cleaner = secrets.cleaner();
    let all = format!("{HARMLESS}: {}", LENT.join(" and "));
    assert_eq!(cleaner.text(HARMLESS), HARMLESS);
    let diff = Diff {
        path: all.clone(),
        before: all.clone(),
        after: all.clone(),
        prepared: all.clone(),
        hidden: false,
    };
    let mut detail = Detail {
        msg: all.clone(),
        stdout: all.clone(),
        stderr: all.clone(),
        diff: vec![diff],
        ..Detail::default()
    };
    cleaner.detail(&mut detail);
    let mut output = cleaner.output(format!("{all}\n").as_bytes());
    output.extend(cleaner.rest());
    let failure = Failure::soon(all.clone()).remedy(all.clone());
    let mut ending = Ending::because(Outcome::Errored, Reason::Setup { failure });
    ending.notes.push(all.clone());
    secrets.clean(&mut ending);
    for said in [
        cleaner.text(&all).into_owned(),
        serde_json::to_string(&detail).unwrap(),
        String::from_utf8(output).unwrap(),
        serde_json::to_string(&ending).unwrap(),
    ] {
        assert!(said.contains("nothing special on port 8080") && said.contains("[redacted]"), "{said}");
        for secret in LENT {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}

#[test]
fn what_the_operator_adds_is_taken_out_too() {
    let dir = tempfile::tempdir().unwrap();
    let redact = Redact { paths: vec!["/srv/wallets/".to_owned()], names: vec!["motto".to_owned()] };
    let mut cleaner = RunSecrets::lent(&source(dir.path()), &redact, &spec()).cleaner();
    assert_eq!(cleaner.text("it is nothing special"), "it is [redacted]");
    assert_eq!(cleaner.text("my_motto=12"), "my_motto=[redacted]");
    let diff = |path: &str| Diff { path: path.to_owned(), after: "text".to_owned(), ..Diff::default() };
    let mut detail = Detail { diff: vec![diff("/srv/wallets/a"), diff("/srv/b")], ..Detail::default() };
    cleaner.detail(&mut detail);
    assert_eq!(detail.diff[0], Diff { path: "/srv/wallets/a".to_owned(), hidden: true, ..Diff::default() });
    assert_eq!(detail.diff[1], diff("/srv/b"));
}

#[test]
fn what_is_announced_is_taken_out_from_then_on() {
    let secrets = RunSecrets::default();
    let mut cleaner = secrets.cleaner();
    assert_eq!(cleaner.text("opensesame"), "opensesame");
    for _ in 0..2 {
        cleaner.learn(b"opensesame");
        cleaner.learn(b"open-too-please");
    }
    assert_eq!(cleaner.text("opensesame open-too-please"), "[redacted] [redacted]");
    cleaner.learn(b"one-more-secret");
    assert_eq!(cleaner.output(b"one-more-secret\n"), b"[redacted]\n");
    let mut ending = Ending::because(Outcome::Failed, Reason::Stopped { by: "opensesame".to_owned() });
    secrets.clean(&mut ending);
    assert_eq!(ending.reason, Some(Reason::Stopped { by: "[redacted]".to_owned() }));
}

#[test]
fn of_files_that_hold_secrets_only_that_they_differ_is_kept() {
    let mut cleaner = RunSecrets::default().cleaner();
    let diff = |path: &str| Diff {
        path: path.to_owned(),
        before: "a".to_owned(),
        after: "b".to_owned(),
        prepared: "c".to_owned(),
        hidden: false,
    };
    let mut detail = Detail { diff: vec![diff("/etc/shadow"), diff("/etc/motd")], ..Detail::default() };
    cleaner.detail(&mut detail);
    let hidden = Diff { path: "/etc/shadow".to_owned(), hidden: true, ..Diff::default() };
    assert_eq!(detail.diff, [hidden, diff("/etc/motd")]);
}

#[test]
fn every_reason_is_looked_at() {
    let secrets = RunSecrets::default();
    secrets.cleaner().learn(b"opensesame");
    let text = || "opensesame".to_owned();
    for reason in [
        Reason::UnknownHosts { patterns: vec![text()] },
        Reason::Inventory { source: text() },
        Reason::Broke { class: text(), place: Some(text()) },
        Reason::Parse { class: text(), place: Some(text()), message: Some(text()) },
        Reason::Prompt { variable: text() },
        Reason::Limit { limit: text() },
        Reason::Stopped { by: text() },
        Reason::Refused { why: text() },
        Reason::Setup { failure: Failure::soon(text()).remedy(text()) },
    ] {
        let mut ending = Ending::because(Outcome::Failed, reason);
        secrets.clean(&mut ending);
        let said = serde_json::to_string(&ending).unwrap();
        assert!(!said.contains("opensesame") && said.contains("[redacted]"), "{said}");
    }
}

#[test]
fn the_secret_of_a_url_is_what_stands_before_its_host() {
    for (url, secret) in [
        ("https://git.example.org/a@b", None),
        ("https://oauth2@git.example.org/a", None),
        ("https://ghp_0123456789abcdef@git.example.org/a", Some("ghp_0123456789abcdef")),
        ("https://me:pass@git.example.org/a", Some("pass")),
        ("ssh://git@git.example.org/a", None),
        ("git@git.example.org:a", None),
        ("/srv/git/a", None),
    ] {
        assert_eq!(password_of(url), secret, "{url}");
    }
}
