//! The dependency rule: who may name whom, read off the source text.

use std::collections::BTreeSet;

use super::lexer::{Kind, pieces};

/// The modules of ours that the top module `from` may name; `None`: all of them.
fn allowed(from: &str) -> Option<&'static [&'static str]> {
    match from {
        "daemon" | "main" | "lib" => None,
        "domain" => Some(&[]),
        "web" | "error" => Some(&["domain", "api"]),
        "cli" => Some(&["domain", "api", "error"]),
        // A person at the command line, who commits and looks.
        "demo" => Some(&["domain", "api", "cli"]),
        // Those who connect to what the operator names do it in one way.
        "alerts" | "forge" | "identity" => Some(&["domain", "outbound"]),
        // Those who start programs as other users.
        "ansible" | "sandbox" => Some(&["domain", "privileges"]),
        // The core and each adapter, those that are still to come as well.
        _ => Some(&["domain"]),
    }
}

/// What the file at `path` (as in `src/git/transport.rs`) names although it must not.
pub(super) fn violations(path: &str, text: &str, top_modules: &BTreeSet<String>) -> Vec<String> {
    let module: Vec<&str> = path.trim_start_matches("src/").trim_end_matches(".rs").split('/').collect();
    let Some(allowed) = allowed(module[0]) else { return Vec::new() };
    named(&module, text)
        .into_iter()
        .filter(|name| name == "*" || top_modules.contains(name))
        .filter(|name| name != module[0] && !allowed.contains(&name.as_str()))
        .map(|name| format!("{path}: `{}` must not use `crate::{name}`", module[0]))
        .collect()
}

/// The names at the root of the crate that a file uses, by `crate::` or by enough `super::`.
fn named(module: &[&str], text: &str) -> BTreeSet<String> {
    let tokens = tokens(text);
    let mut names = BTreeSet::new();
    let mut braces = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => braces.push(at >= 2 && tokens[at - 2] == "mod"),
            "}" => drop(braces.pop()),
            "crate" => names.extend(roots(&tokens[at + 1..])),
            "super" => {
                let inside = module.len() + braces.iter().filter(|is_module| **is_module).count();
                let mut levels = 1;
                while tokens.get(at + 1).is_some_and(|it| it == "::")
                    && tokens.get(at + 2).is_some_and(|it| it == "super")
                {
                    levels += 1;
                    at += 2;
                }
                if levels >= inside {
                    names.extend(roots(&tokens[at + 1..]));
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// The first segments after `crate` or `super`: one name, or each of a group in braces.
fn roots(rest: &[String]) -> Vec<String> {
    if rest.first().is_none_or(|it| it != "::") {
        // `pub(crate)` has no path; `use crate as x` would hide what is used.
        return if rest.first().is_some_and(|it| it == "as") { vec!["*".to_owned()] } else { Vec::new() };
    }
    match rest.get(1).map(String::as_str) {
        Some("{") => {
            let mut names = Vec::new();
            let mut depth = 1;
            for pair in rest[1..].windows(2) {
                if depth == 1 && (pair[0] == "{" || pair[0] == ",") && pair[1] != "}" {
                    names.push(pair[1].clone());
                }
                match pair[1].as_str() {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            names
        }
        Some(name) => vec![name.to_owned()],
        None => Vec::new(),
    }
}

/// Identifiers and punctuation, `::` as one token.
fn tokens(text: &str) -> Vec<String> {
    pieces(text)
        .into_iter()
        .filter(|(kind, piece)| *kind == Kind::Code && !piece.trim().is_empty())
        .map(|(_, piece)| piece.to_owned())
        .collect()
}
