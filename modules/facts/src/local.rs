//! Facts that the host's administrator wrote: the subset `local`, files `*.fact` in a directory.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Map, Value, json};

use crate::system::one;
use driftless_host::Host;

/// The fact `local`, and warnings about files that gave none.
pub(crate) fn local(host: &Host, directory: &str) -> (Map<String, Value>, Vec<String>) {
    let is_fact = |name: &String| name.strip_suffix(".fact").is_some();
    let mut names: Vec<String> = host.names(directory).into_iter().filter(is_fact).collect();
    names.sort();
    let mut warnings = Vec::new();
    let facts: Map<String, Value> = names
        .into_iter()
        .map(|name| {
            let path = format!("{}/{name}", directory.trim_end_matches('/'));
            let fact = fact(host, &path).unwrap_or_else(|problem| {
                warnings.push(problem.clone());
                json!(problem)
            });
            (name.replace(".fact", ""), fact)
        })
        .collect();
    (one("local", facts.into()), warnings)
}

/// What one file says: the output of a program, or a text; JSON or INI.
fn fact(host: &Host, path: &str) -> Result<Value, String> {
    let file = host.at(path);
    let metadata = file.metadata().map_err(|error| format!("Could not stat fact ({path}): {error}"))?;
    let text = if metadata.permissions().mode() & 0o100 != 0 {
        let (succeeded, text) =
            host.run(&file, &[]).ok_or_else(|| format!("Could not execute fact script ({path})"))?;
        if !succeeded {
            return Err(format!("Failure executing fact script ({path})"));
        }
        text
    } else {
        host.raw(path).unwrap_or_default()
    };
    if let Ok(fact) = serde_json::from_str(&text) {
        return Ok(fact);
    }
    sections(&text)
        .ok_or_else(|| format!("error loading facts as JSON or ini - please check content: {path}"))
}

/// The entries of a section, in order.
type Entries = Vec<(String, Option<String>)>;

/// Sections of an INI file. Values of the section `DEFAULT` are in all others. Nothing if it is no such file, or if it
/// refers to other values with `%`, which is not done here.
fn sections(text: &str) -> Option<Value> {
    let mut sections: Vec<(String, Entries)> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with(char::is_whitespace)
            && let Some((_, Some(value))) = sections.last_mut().and_then(|(_, entries)| entries.last_mut())
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        if let Some((name, _)) = trimmed.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
            if sections.iter().any(|(known, _)| known == name) && name != "DEFAULT" {
                return None;
            }
            sections.push((name.to_owned(), Vec::new()));
            continue;
        }
        let (key, value) = trimmed.split_once(['=', ':'])?;
        let key = key.trim().to_lowercase();
        let (_, entries) = sections.last_mut()?;
        if key.is_empty() || value.contains('%') || entries.iter().any(|(known, _)| *known == key) {
            return None;
        }
        entries.push((key, Some(value.trim().to_owned())));
    }
    let (defaults, sections): (Vec<_>, Vec<_>) =
        sections.into_iter().partition(|(name, _)| name == "DEFAULT");
    let defaults: Entries = defaults.into_iter().flat_map(|(_, entries)| entries).collect();
    let fact = sections.into_iter().map(|(name, entries)| {
        let values = defaults.iter().cloned().chain(entries).map(|(key, value)| (key, json!(value)));
        (name, Value::Object(values.collect()))
    });
    Some(Value::Object(fact.collect()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_are_json_or_ini_and_others_are_warned_of() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("etc/ansible/facts.d");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("a.fact"), "{\"x\": [1]}").unwrap();
        fs::write(directory.join("b.fact"), "[DEFAULT]\nd = 0\n[General]\nColour: red\n  and blue\n; c\n")
            .unwrap();
        fs::write(directory.join("c.fact"), "nonsense").unwrap();
        fs::write(directory.join("d.txt"), "{}").unwrap();
        let host = Host::recorded(root.path(), BTreeMap::new());
        let (facts, warnings) = local(&host, "/etc/ansible/facts.d");
        assert_eq!(facts["local"]["a"], json!({"x": [1]}));
        assert_eq!(facts["local"]["b"], json!({"General": {"d": "0", "colour": "red\nand blue"}}));
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("c.fact"), "{warnings:?}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s)[ a-c=:\\[\\]\n#%\t]{0,100}") {
            let _any = sections(&text);
        }
    }
}
