//! Inventories in INI.

use super::super::super::arguments::words;
use super::Inventory;

/// What the lines of a section are.
enum Section {
    Hosts,
    Children,
    Variables,
}

/// Takes up what an inventory says, or tells why it is not understood.
pub(super) fn take(inventory: &mut Inventory, text: &str, path: &str) -> Result<(), String> {
    let mut section = Section::Hosts;
    let mut group = "ungrouped".to_owned();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let bad = || format!("{path}:{} is not understood", index + 1);
        if let Some((name, kind)) = header(line) {
            section = match kind {
                "" | "hosts" => Section::Hosts,
                "children" => Section::Children,
                "vars" => Section::Variables,
                _ => return Err(bad()),
            };
            name.clone_into(&mut group);
            inventory.group(name);
            continue;
        }
        match section {
            Section::Hosts => host(inventory, line, &group).ok_or_else(bad)??,
            Section::Children => {
                let child = without_comment(line);
                if child.contains(char::is_whitespace) || child.contains([':', ']']) {
                    return Err(bad());
                }
                inventory.group(&group).children.insert(child.to_owned());
            }
            Section::Variables => {
                let (key, value) = line.split_once('=').ok_or_else(bad)?;
                inventory.group(&group).variables.push(format!("{}={}", key.trim(), value.trim()));
            }
        }
    }
    Ok(())
}

/// `[name]` or `[name:kind]`.
fn header(line: &str) -> Option<(&str, &str)> {
    let (inside, after) = line.strip_prefix('[')?.split_once(']')?;
    let after = after.trim();
    if !(after.is_empty() || after.starts_with('#')) || inside.contains(char::is_whitespace) {
        return None;
    }
    let (name, kind) = inside.split_once(':').unwrap_or((inside, ""));
    (!name.is_empty() && !kind.contains(':')).then_some((name, kind))
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

fn host(inventory: &mut Inventory, line: &str, group: &str) -> Option<Result<(), String>> {
    let words: Vec<&str> = words(line);
    let end = words.iter().position(|it| it.starts_with('#')).unwrap_or(words.len());
    let (name, variables) = words[..end].split_first()?;
    // A mapping of YAML, or a line that another plugin understands.
    if name.ends_with(':') || name.contains(['{', '=', '"', '\'', ',']) {
        return None;
    }
    if variables.iter().any(|it| !it.contains('=')) {
        return None;
    }
    Some(inventory.add_pattern(name, group, &variables.join(" ")))
}
