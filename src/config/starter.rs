//! The `driftless.yml` to begin with.

use std::fmt::Write as _;

use super::inferred::candidates;
use super::tree::RepositoryFiles;
use crate::domain::{Failure, SourceName};

/// A commented `driftless.yml` for a repository: the first candidate is written out, the others are named beside it.
/// It loads as it is, if the repository has a playbook and an inventory.
pub fn starter(files: &dyn RepositoryFiles) -> Result<String, Failure> {
    let mut found = candidates(files)?;
    // By custom it is for everything; the others are mostly parts of it.
    found.playbooks.sort_by_key(|it| !matches!(it.rsplit('/').next(), Some("site.yml" | "site.yaml")));
    let galaxy =
        first_of(files, &["requirements.yml", "collections/requirements.yml", "roles/requirements.yml"])?;
    let requirements = first_of(files, &["requirements.txt"])?;
    let mut text = String::from(HEAD);
    text.push_str(
        "\n# ansible:\n#   core: \"2.19.14\"         # an exact version, installed and cached by driftless\n",
    );
    if let Some(path) = requirements {
        let _ = writeln!(text, "#   requirements: {}", quoted(&path));
    }
    if let Some(path) = galaxy {
        let _ = writeln!(text, "#   galaxy: {}", quoted(&path));
    }
    text.push_str("\nstacks:\n  main:\n");
    push_choice(&mut text, "playbook", &found.playbooks, "site.yml");
    push_choice(&mut text, "inventory", &found.inventories, "inventory.yml");
    text.push_str(TAIL);
    Ok(text)
}

/// An operator's file that follows one repository. It loads as it is.
pub fn operator_starter(name: &SourceName, url: &str, reference: &str) -> String {
    format!(
        "# What this control node follows, and how. Every key is explained in docs/configuration.md.\n\
         sources:\n  {name}:\n    url: {}\n    reference: {}\n    # poll: 60s\n    # run_as: driftless-run          # needed as a service: runs \
         belong to this user\n    # credentials:\n    #   ssh_key: {{ file: /etc/driftless/deploy_key }}\n    #   known_hosts: \
         /etc/driftless/known_hosts\n    # access:\n    #   ssh_key: {{ file: /etc/driftless/fleet_key }}\n",
        quoted(url),
        quoted(reference)
    )
}

fn first_of(files: &dyn RepositoryFiles, paths: &[&str]) -> Result<Option<String>, Failure> {
    for path in paths {
        if files.kind(path)?.is_some() {
            return Ok(Some((*path).to_owned()));
        }
    }
    Ok(None)
}

fn push_choice(text: &mut String, key: &str, found: &[String], example: &str) {
    let (first, others) = match found {
        [] => (example, "this file does not exist yet: create it".to_owned()),
        [one] => (one.as_str(), String::new()),
        [first, others @ ..] => {
            let others: Vec<_> = others.iter().take(5).map(|it| quoted(it)).collect();
            (first.as_str(), format!("or: {}", others.join(", ")))
        }
    };
    let line = format!("    {key}: {}", quoted(first));
    let _ = match others.as_str() {
        "" => writeln!(text, "{line}"),
        others => writeln!(text, "{line}  # {others}"),
    };
}

/// File names may hold anything; what is not plain is quoted as JSON, which YAML reads.
fn quoted(text: &str) -> String {
    let plain = text.chars().all(|it| it.is_ascii_alphanumeric() || "._/-".contains(it));
    let is_text = plain && text.starts_with(|it: char| it.is_ascii_alphabetic());
    if is_text { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

const HEAD: &str = "\
# What driftless keeps in sync with this repository. All keys: `docs/stack.md` of driftless.
version: 1

# Which Ansible runs it. Without this, the one that is installed on the control node.";

const TAIL: &str = "    apply: manual             # or: on_commit, to apply each new commit by itself
    # limit: web              # tags, skip_tags, extra_vars and forks work as in Ansible
    # check: { every: 1h }    # look for drift; a cron line and `never` work, too
    # heal: corrective        # and correct it; without this it is only reported
    # timeout: 30m
    # depends_on: [other]     # stacks of this file that go first
";
