//! Rules of the house that no compiler checks: length, dependencies, links, licences, no shell.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

mod imports;
mod lexer;

use lexer::{Kind, pieces};

/// Longer files hold more than one thought.
const LONGEST_FILE: usize = 400;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project that holds text: tracked, or new and not ignored. Path and content.
fn files() -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists files");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    let files: Vec<_> = names
        .split_terminator('\0')
        .filter(|path| !fs::symlink_metadata(root().join(path)).is_ok_and(|it| it.is_symlink()))
        .filter_map(|path| Some((path.to_owned(), fs::read_to_string(root().join(path)).ok()?)))
        .collect();
    assert!(files.iter().any(|(path, _)| path == "Cargo.toml"), "no files found");
    files
}

fn below(folder: &str, extension: &str) -> Vec<(String, String)> {
    files().into_iter().filter(|(path, _)| path.starts_with(folder) && is(path, extension)).collect()
}

/// Whether the name ends in `.extension`.
fn is(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == extension)
}

/// Fails with one violation a line.
fn none<T: AsRef<str>>(violations: impl IntoIterator<Item = T>) {
    let lines: Vec<String> = violations.into_iter().map(|it| it.as_ref().to_owned()).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let code = files()
        .into_iter()
        .filter(|(path, _)| is(path, "rs") || is(path, "py") || path.starts_with("scripts/"));
    none(code.filter_map(|(path, text)| too_long(&path, &text)));
}

fn too_long(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > LONGEST_FILE).then(|| format!("{path} has {lines} lines, more than {LONGEST_FILE}"))
}

#[test]
fn dependencies_point_one_way() {
    let sources = below("src/", "rs");
    let top_modules = top_modules(sources.iter().map(|(path, _)| path.as_str()));
    assert!(top_modules.contains("domain") && top_modules.contains("git"), "{top_modules:?}");
    none(sources.iter().flat_map(|(path, text)| imports::violations(path, text, &top_modules)));
}

fn top_modules<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    paths
        .filter_map(|path| path.strip_prefix("src/")?.split('/').next())
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .collect()
}

/// The rule itself: each of these lines breaks it, and is seen.
#[test]
fn a_broken_dependency_is_seen() {
    let top = ["api", "ansible", "cli", "domain", "error", "git", "reconciler", "store", "web"];
    let top: BTreeSet<String> = top.into_iter().map(str::to_owned).collect();
    let check = |path: &str, text: &str| imports::violations(path, text, &top);

    for (path, text) in [
        ("src/domain/run.rs", "use crate::store::Store;"),
        ("src/domain.rs", "fn f() -> crate::git::Git { todo() }"),
        ("src/reconciler.rs", "use crate::{domain::{Run, RunId}, store};"),
        ("src/git/watch.rs", "use crate::ansible::decode as other;"),
        ("src/git/watch.rs", "use super::super::ansible::decode;"),
        ("src/git.rs", "mod tests { use super::super::store; }"),
        ("src/git.rs", "use crate::*;"),
        ("src/git.rs", "use crate as all;"),
        ("src/git.rs", "macro_rules! m { () => { $crate::store::open() } }"),
        ("src/store.rs", "use crate::api::RunView;"),
        ("src/cli/show.rs", "use crate::store::Store;"),
        ("src/web/metrics.rs", "use super::super::cli;"),
        ("src/brandnew.rs", "use crate::git::Git;"),
    ] {
        assert_eq!(check(path, text).len(), 1, "{path}: {text}: {:?}", check(path, text));
    }
    for (path, text) in [
        ("src/git.rs", "// use crate::store::Store;\nuse crate::domain::Run;"),
        ("src/git.rs", "/// See [`crate::store`].\nfn f() { print(\"crate::store\"); }"),
        ("src/git.rs", "mod tests { use super::store; }"),
        ("src/git/transport.rs", "use super::store; pub(in crate::git) fn f() {} pub(crate) fn g() {}"),
        ("src/web.rs", "use crate::{api, domain::Run};"),
        ("src/cli.rs", "use crate::error::Exit;"),
        ("src/daemon.rs", "use crate::{git, store, web};"),
        ("src/main.rs", "use driftless::store;"),
    ] {
        assert_eq!(check(path, text), Vec::<String>::new(), "{path}: {text}");
    }
    assert!(too_long("src/x.rs", &"line\n".repeat(LONGEST_FILE + 1)).is_some());
    assert!(too_long("src/x.rs", &"line\n".repeat(LONGEST_FILE)).is_none());
}

#[test]
fn each_test_file_is_part_of_the_binary() {
    let tests = below("tests/", "rs");
    let main = tests.iter().find(|(path, _)| path == "tests/it/main.rs").map_or("", |(_, text)| text);
    none(tests.iter().filter_map(|(path, _)| match path.strip_prefix("tests/it/") {
        // What is executed by the tests of the Python.
        None if path.starts_with("tests/python/") => None,
        None => Some(format!("{path}: integration tests are in tests/it, which is one binary")),
        Some(file) if file.contains('/') || file == "main.rs" => None,
        Some(file) => {
            let line = format!("mod {};", file.trim_end_matches(".rs"));
            (!main.lines().any(|it| it == line)).then(|| format!("tests/it/main.rs lacks `{line}`"))
        }
    }));
}

/// Commands are vectors of arguments: nothing that a repository or a person says meets a shell.
#[test]
fn nothing_is_started_through_a_shell() {
    let code = files().into_iter().filter(|(path, _)| {
        (path.starts_with("src/") && !path.contains("/tests")) || path.starts_with("python/")
    });
    none(code.flat_map(|(path, text)| shells(&path, &text)));
}

fn shells(path: &str, text: &str) -> Vec<String> {
    let found = |what: &str| format!("{path}: `{what}` starts a shell");
    if is(path, "py") {
        let calls = ["shell=True", "os.system(", "os.popen(", "subprocess.getoutput("];
        return calls.into_iter().filter(|call| text.contains(call)).map(found).collect();
    }
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let pieces: Vec<_> = pieces(text).into_iter().filter(|(_, piece)| !piece.trim().is_empty()).collect();
    let starts = |at: usize, word: &str| {
        let program = at >= 2 && pieces[at - 1].1 == "(" && pieces[at - 2].1 == "new";
        let next = pieces[at + 1..].iter().find(|(kind, _)| *kind == Kind::Literal);
        word.contains("sh -c") || is_shell(word) && (program || next.is_some_and(|it| it.1.ends_with("c\"")))
    };
    let literals = pieces.iter().enumerate().filter(|(_, (kind, _))| *kind == Kind::Literal);
    let words = literals.map(|(at, (_, piece))| (at, piece.trim_matches('"')));
    words.filter(|(at, word)| starts(*at, word)).map(|(_, word)| found(word)).collect()
}

fn is_shell(word: &str) -> bool {
    matches!(word.rsplit('/').next(), Some("sh" | "dash" | "bash" | "zsh"))
}

#[test]
fn a_shell_is_seen() {
    assert_eq!(shells("src/x.rs", r#"Command::new("sh").arg("-c")"#).len(), 1);
    assert_eq!(shells("src/x.rs", r#"Command::new("/bin/sh")"#).len(), 1);
    assert_eq!(shells("src/x.rs", r#"argv(["bash", "-lc", it])"#).len(), 1);
    assert_eq!(shells("src/x.rs", r#"if line == "/bin/sh" { rest("x") }"#), Vec::<String>::new());
    assert_eq!(shells("src/x.rs", r#"run("bash -c true") // sh -c"#).len(), 1);
    assert_eq!(shells("src/x.rs", r#"git(["-c", "core.hooksPath=x"])"#), Vec::<String>::new());
    assert_eq!(shells("python/x.py", "subprocess.run(it, shell=True)").len(), 1);
}

#[test]
fn links_lead_somewhere_and_every_page_is_linked() {
    let pages = below("", "md");
    let mut linked = BTreeSet::new();
    let mut broken = Vec::new();
    for (path, text) in &pages {
        for target in links(text) {
            let target = Path::new(path).parent().unwrap_or(Path::new("")).join(target);
            match root().join(&target).canonicalize() {
                Ok(found) => drop(linked.insert(found)),
                Err(_) => broken.push(format!("{path}: no {}", target.display())),
            }
        }
    }
    let documents = pages.iter().filter(|(path, _)| path.starts_with("docs/"));
    let orphans = documents
        .filter(|(path, _)| root().join(path).canonicalize().is_ok_and(|it| !linked.contains(&it)))
        .map(|(path, _)| format!("{path}: no page links to it"));
    none(broken.into_iter().chain(orphans));
}

/// The targets of links to files of this project, without their anchors. Code blocks are left out.
fn links(markdown: &str) -> Vec<String> {
    let prose: String = markdown.split("```").step_by(2).collect();
    prose
        .split("](")
        .skip(1)
        .filter_map(|it| it.split([')', '#']).next())
        .filter(|it| !it.is_empty() && !it.contains("://") && !it.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_changelog_has_a_place_for_what_is_not_released() {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).expect("there is a CHANGELOG.md");
    let section = text.split("\n## ").nth(1).unwrap_or_default();
    assert!(section.starts_with("[Unreleased]"), "the first section of CHANGELOG.md is {section:.40?}");
    assert!(section.contains("\n- "), "nothing is said under Unreleased");
}

/// The project must not know the machine that it was written on, nor where that fetches packages.
#[test]
fn no_file_names_a_machine() {
    let places = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("py", "pi.org"),
        concat!("python", "hosted.org"),
        concat!("deb.de", "bian.org"),
        concat!("static.crates", ".io"),
        concat!("index.crates", ".io"),
    ];
    none(files().iter().flat_map(|(path, text)| {
        let found = places.iter().filter(|place| text.contains(*place));
        found.map(move |place| format!("{path} names {place}"))
    }));
}

#[test]
fn python_says_its_licence() {
    let line = "# SPDX-License-Identifier: GPL-3.0-or-later";
    let python = below("python/", "py");
    let without = python.iter().filter(|(_, text)| !text.lines().take(3).any(|it| it == line));
    none(without.map(|(path, _)| format!("{path} lacks `{line}`")));
}

#[test]
fn scripts_can_be_run() {
    none(
        files()
            .iter()
            .filter(|(path, text)| path.starts_with("scripts/") && text.starts_with("#!"))
            .filter_map(|(path, _)| {
                let mode = fs::metadata(root().join(path)).expect("it was just read").permissions().mode();
                (mode & 0o111 != 0o111).then(|| format!("{path} has no run bit"))
            }),
    );
}
