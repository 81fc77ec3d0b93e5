//! What of a repository's `ansible.cfg` holds in a preview.
//!
//! `ansible.cfg` can name programs, plugins, files to be written and options of ssh. On the followed branch that is
//! the right of those who may push there; in a preview it would be anybody's. So a preview has a configuration that
//! is written here, from the settings that can only choose among what Ansible itself does ([`table`]), each with a
//! value of the form that it must have. All others are named in the preview, since it may differ for their lack.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::text;

mod ini;
mod table;

pub use table::Refusal;

/// The longest `ansible.cfg` that is read, in bytes.
pub const LONGEST_CONFIG: usize = 256 * 1024;

/// How many settings that do not hold are named.
const MOST_NAMED: usize = 100;

/// The configuration of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedConfig {
    /// The `ansible.cfg` of the preview.
    pub text: String,
    /// `roles_path`, absolute, as far as it stays in the repository.
    pub roles_path: Vec<String>,
    /// `collections_path`, absolute, as far as it stays in the repository.
    pub collections_path: Vec<String>,
    /// What the repository sets and does not hold, in the order of the lines.
    pub ignored: Vec<IgnoredSetting>,
}

/// A setting that does not hold in a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredSetting {
    /// The section, as written, cleaned.
    pub section: String,
    /// The key, as written, cleaned.
    pub key: String,
    /// The line, from 1.
    pub line: u32,
    /// Why.
    pub why: Refusal,
}

/// Reads a repository's `ansible.cfg`. `checkout` is where the preview finds the repository: paths become absolute,
/// since the result lies elsewhere.
pub fn allowed_config(given: &str, checkout: &Path) -> AllowedConfig {
    let mut it = AllowedConfig::default();
    let mut kept: BTreeMap<(&'static str, &'static str), String> = BTreeMap::new();
    let cut =
        (0..=LONGEST_CONFIG).rev().find_map(|end| given.get(..end.min(given.len()))).unwrap_or_default();
    for setting in ini::settings(cut) {
        let judged = table::judge(&setting.section, &setting.key, &setting.value);
        let refused = match judged {
            Err(refusal) => Some(refusal),
            Ok((place, _)) if kept.contains_key(&place) => Some(Refusal::Twice),
            Ok((place, table::Value::Plain(value))) => {
                kept.insert(place, value);
                None
            }
            Ok((place, table::Value::Paths(paths))) => {
                let inside: Vec<String> = paths.iter().filter_map(|path| within(checkout, path)).collect();
                let some_left = inside.len() < paths.len();
                if !inside.is_empty() {
                    kept.insert(place, inside.join(":"));
                }
                match place.1 {
                    "roles_path" => it.roles_path = inside,
                    _ => it.collections_path = inside,
                }
                some_left.then_some(Refusal::Outside)
            }
        };
        if let Some(why) = refused
            && it.ignored.len() < MOST_NAMED
        {
            let (section, key) = (text::line(&setting.section, 100), text::line(&setting.key, 100));
            it.ignored.push(IgnoredSetting { section, key, line: setting.line, why });
        }
    }
    it.text = written(&kept);
    it
}

/// The absolute form of a path that stays in the repository and means itself to Ansible, which has `~`, `$` and
/// `{{` of its own.
fn within(checkout: &Path, given: &str) -> Option<String> {
    let plain = given.chars().all(|it| it.is_alphanumeric() || "._-+@/ ".contains(it));
    let path = Path::new(given);
    let inside = path.components().all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    (plain && inside && !given.is_empty())
        .then(|| checkout.join(path).components().collect::<std::path::PathBuf>().display().to_string())
}

fn written(kept: &BTreeMap<(&'static str, &'static str), String>) -> String {
    let mut text = String::new();
    let mut section = "";
    for ((in_section, key), value) in kept {
        if section != *in_section {
            section = in_section;
            text.extend(["[", section, "]\n"]);
        }
        text.extend([key, " = ", value, "\n"]);
    }
    text
}

#[cfg(test)]
mod tests;
