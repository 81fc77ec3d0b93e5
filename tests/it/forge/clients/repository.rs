//! The repository behind the forge, over HTTPS and by git itself.

use std::path::Path;
use std::process::Command;

use driftless::domain::{ForgeKind, MergeRequestNumber};

use super::super::Forge;
use super::{at_each_forge, client, read};

at_each_forge! { the_head_of_a_merge_request_is_fetched_and_pushed_over_https }

/// Runs git with the authority of the forge; the text that it printed.
fn git(forge: &Forge, dir: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .current_dir(dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_SSL_CAINFO", forge.ca_bundle())
        .args(["-c", "user.name=ada", "-c", "user.email=ada@example.org"])
        .args(arguments)
        .output()
        .expect("git");
    let text = |it: &[u8]| String::from_utf8_lossy(it).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

async fn the_head_of_a_merge_request_is_fetched_and_pushed_over_https(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let head = forge.push("tls", &[("site.yml", "[]\n")]);
    let number = forge.open("tls", "Serve over TLS", "jdoe");
    let dir = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| git(&forge, dir.path(), arguments);
    let error = run(&["ls-remote", &forge.git_url()]).expect_err("without a token");
    assert!(
        error.contains("Authentication failed") || error.contains("terminal prompts disabled"),
        "{error}"
    );
    let url = forge.git_url().replace("https://", &format!("https://oauth2:{}@", forge.token()));
    run(&["init", "-q", "."]).expect("a repository");
    let reference = kind.merge_request_ref(MergeRequestNumber(number));
    run(&["fetch", "-q", &url, &format!("{reference}:refs/heads/tls")]).expect("fetched");
    assert_eq!(run(&["rev-parse", "refs/heads/tls"]).expect("a hash"), head.as_str());

    run(&["checkout", "-q", "tls"]).expect("checked out");
    std::fs::write(dir.path().join("more.yml"), "[]\n").expect("written");
    run(&["add", "."]).expect("added");
    run(&["commit", "-qm", "More"]).expect("committed");
    run(&["push", "-q", &url, "tls"]).expect("pushed");
    let new = run(&["rev-parse", "HEAD"]).expect("a hash");
    assert_eq!(read(&client(&forge), number).await.head.as_str(), new);
    assert!(run(&["ls-remote", &url]).expect("a list").contains(&format!("{new}\t{reference}")));

    forge.force_push("tls", &[("site.yml", "[{hosts: none}]\n")]);
    assert_ne!(forge.head(number).as_str(), new);
    assert!(forge.repository().join("HEAD").exists());
    forge.push_changes("tls", &[("README.md", None)]);
    assert_eq!(read(&client(&forge), number).await.head, forge.head(number));
}
