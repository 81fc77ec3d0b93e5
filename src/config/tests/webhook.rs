//! Receivers of webhooks, and secrets that are none.

use std::path::Path;

use super::super::{Config, Report};
use super::{checks, operator};
use crate::domain::WebhookProvider;

fn with(webhook: &str) -> String {
    format!("sources:\n  infra:\n    url: https://git.example/infra.git\n    webhook:\n{webhook}")
}

fn parse(text: &str, credentials: Option<&Path>) -> Result<Config, Report> {
    Config::parse("/etc/driftless/config.yml", text, credentials, &checks())
}

#[test]
fn a_receiver_has_a_provider_and_a_secret() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("hook"), "c0rrect-horse\n").expect("written");
    let file = dir.path().join("hook");
    for (word, provider) in WebhookProvider::WORDS.iter().zip(WebhookProvider::ALL) {
        let by_file = format!("      provider: {word}\n      secret: {{file: {}}}\n", file.display());
        let by_credential = format!("      provider: {word}\n      secret: {{credential: hook}}\n");
        for text in [by_file, by_credential] {
            let config = parse(&with(&text), Some(dir.path())).unwrap_or_else(|it| panic!("{text}{it}"));
            let webhook = config.sources[&super::source()].webhook.clone().expect("a receiver");
            assert_eq!(webhook.provider, provider);
            assert_eq!(webhook.secret.read().expect("a secret").expose(), "c0rrect-horse");
            assert_eq!(config.webhook_body_limit, 1 << 20);
        }
    }
    assert_eq!(super::infra().sources[&super::source()].webhook, None);
}

#[test]
fn a_receiver_without_a_secret_is_refused_where_it_stands() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in [("empty", ""), ("line", "\n"), ("blank", "  \n")] {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    let at = |name: &str| dir.path().join(name).display().to_string();
    let cases = [
        ("", "has no `secret`"),
        ("      secret: \"\"\n", "stands in the file itself"),
        ("      secret: hunter2\n", "stands in the file itself"),
        ("      secret:\n", "has no value"),
        ("      secret: {credential: nothing}\n", "cannot be read"),
        ("      secret: {credential: empty}\n", "is empty"),
        (&format!("      secret: {{file: {}}}\n", at("missing")), "cannot be read"),
        (&format!("      secret: {{file: {}}}\n", at("empty")), "is empty"),
        (&format!("      secret: {{file: {}}}\n", at("line")), "is empty"),
        (&format!("      secret: {{file: {}}}\n", at("blank")), "is refused"),
        (&format!("      secret: {{file: {}}}\n", dir.path().display()), "cannot be read"),
    ];
    for (secret, wanted) in cases {
        let text = with(&format!("      provider: github\n{secret}"));
        let report = parse(&text, Some(dir.path())).expect_err("refused");
        let shown = report.render(false);
        assert!(shown.contains(wanted) && shown.contains("help: ") && !shown.contains("hunter2"), "{shown}");
        let error =
            report.findings().into_iter().find(|it| it.message.contains(wanted)).expect("an error").line;
        assert!((4..=6).contains(&error.expect("a line")), "{shown}");
    }
    let strange = parse(&with("      provider: gitHub\n      secret: {credential: hook}\n"), None);
    assert!(strange.expect_err("refused").render(false).contains("did you mean `github`?"));
}

/// Whoever looks at the file by hand has not the credentials of the service.
#[test]
fn a_credential_is_looked_at_only_where_there_are_credentials() {
    let text = with("      provider: gitlab\n      secret: {credential: hook}\n");
    let config = operator(&text).expect("a configuration");
    assert!(config.warnings.render(false).contains("only by the service itself"), "{}", config.warnings);
    let error = config.sources[&super::source()].webhook.as_ref().expect("a receiver").secret.read();
    assert!(error.is_err(), "and the service does not come up without it");
}

#[test]
fn the_largest_delivery_has_bounds() {
    let limit = |text: &str| {
        let file = format!("sources: {{a: {{url: /srv/a}}}}\nwebhooks: {{body_limit: {text}}}\n");
        operator(&file).map(|it| it.webhook_body_limit)
    };
    assert_eq!((limit("1KiB"), limit("25MiB")), (Ok(1 << 10), Ok(25 << 20)));
    assert!(limit("26MiB").is_err() && limit("0").is_err() && limit("never").is_err());
}
