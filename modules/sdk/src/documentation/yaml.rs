//! As much YAML as documentation needs: every text is quoted as in JSON, which YAML contains.

use crate::python;
use crate::value::Value;

/// A node.
pub(super) enum Yaml {
    Map(Vec<(String, Self)>),
    List(Vec<Self>),
    /// In one line.
    Value(Value),
    /// Lines, kept as they are.
    Block(String),
}

impl Yaml {
    pub(super) fn text(text: &str) -> Self {
        Self::Value(text.into())
    }

    pub(super) fn texts(texts: &[String]) -> Self {
        Self::List(texts.iter().map(|it| Self::text(it)).collect())
    }
}

/// A whole file.
pub(super) fn document(entries: &[(String, Yaml)]) -> String {
    let mut out = String::from("---\n");
    map(&mut out, entries, 0);
    out
}

fn map(out: &mut String, entries: &[(String, Yaml)], depth: usize) {
    for (key, node) in entries {
        indent(out, depth);
        out.push_str(&name(key));
        out.push(':');
        value(out, node, depth + 1);
    }
}

/// Plain where no reader can take it for anything but a text.
fn name(key: &str) -> String {
    let plain = key.starts_with(|it: char| it.is_ascii_alphabetic())
        && key.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_' || it == b'-')
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
            .contains(&key.to_lowercase().as_str());
    if plain { key.to_owned() } else { python::json(&key.into()) }
}

fn value(out: &mut String, node: &Yaml, depth: usize) {
    match node {
        Yaml::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Yaml::List(items) if items.is_empty() => out.push_str(" []\n"),
        Yaml::Map(entries) => {
            out.push('\n');
            map(out, entries, depth);
        }
        Yaml::List(items) => {
            out.push('\n');
            for item in items {
                indent(out, depth);
                out.push('-');
                value(out, item, depth + 1);
            }
        }
        Yaml::Value(value) => {
            out.push(' ');
            out.push_str(&python::json(value));
            out.push('\n');
        }
        Yaml::Block(text) => block(out, text, depth),
    }
}

fn block(out: &mut String, text: &str, depth: usize) {
    out.push_str(" |\n");
    for line in text.trim_matches('\n').lines() {
        if !line.trim().is_empty() {
            indent(out, depth);
            out.push_str(line.trim_end());
        }
        out.push('\n');
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}
