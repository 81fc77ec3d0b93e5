//! The repository of an estate.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use driftless::domain::Span;

use super::Part;

/// How often stacks are looked at: so seldom that nothing is due soon.
pub(super) const CHECK_EVERY: Span = Span::from_hours(30 * 24);

const AUTHORS: [(&str, &str); 4] = [
    ("Anna Berg", "anna@example.test"),
    ("Ben Okafor", "ben@example.test"),
    ("Chiara Conti", "chiara@example.test"),
    ("Dmitri Volkov", "dmitri@example.test"),
];

const VERBS: [&str; 5] =
    ["Raise the limit of", "Rotate the certificate of", "Add a host to", "Tune", "Move the logs of"];

/// Where the inventory of a stack is.
pub(super) fn inventory(part: &Part) -> String {
    format!("inventories/{}.ini", part.name)
}

/// Makes it with so many commits, and gives their hashes, oldest first.
pub(super) fn write(place: &Path, parts: &[Part], commits: u32) -> Vec<String> {
    git(place.parent().expect("a parent"), &["init", "-q", "-b", "main", &place.display().to_string()], "");
    let mut stream = String::new();
    for number in 0..commits {
        let part = &parts[number as usize * 7 % parts.len()];
        let (name, address) = AUTHORS[number as usize % AUTHORS.len()];
        let subject = match number {
            0 => "Begin".to_owned(),
            _ => format!("{} {}", VERBS[number as usize % VERBS.len()], part.name),
        };
        let at = 1_700_000_000 + number * 9_000;
        writeln!(stream, "commit refs/heads/main").expect("writing to a text");
        writeln!(stream, "author {name} <{address}> {at} +0000").expect("writing to a text");
        writeln!(stream, "committer {name} <{address}> {at} +0000").expect("writing to a text");
        writeln!(stream, "data {}\n{subject}", subject.len()).expect("writing to a text");
        if number == 0 {
            for (path, content) in files(parts) {
                file(&mut stream, &path, &content);
            }
        } else {
            let content = format!("# {number}\nworkers: {}\n", number % 16);
            file(&mut stream, &format!("group_vars/{}.yml", part.name.replace('-', "_")), &content);
        }
        stream.push('\n');
    }
    git(place, &["fast-import", "--quiet"], &stream);
    git(place, &["reset", "-q", "--hard"], "");
    let hashes = git(place, &["rev-list", "--reverse", "main"], "");
    hashes.lines().map(str::to_owned).collect()
}

fn file(stream: &mut String, path: &str, content: &str) {
    writeln!(stream, "M 644 inline {path}\ndata {}\n{content}", content.len()).expect("writing to a text");
}

fn files(parts: &[Part]) -> Vec<(String, String)> {
    let mut declared = "version: 1\nstacks:\n".to_owned();
    for part in parts {
        let every = CHECK_EVERY.as_hours() / 24;
        writeln!(
            declared,
            "  {}: {{ playbook: site.yml, inventory: {}, timeout: 1h, check: {{ every: {every}d }} }}",
            part.name,
            inventory(part)
        )
        .expect("writing to a text");
    }
    let play = "- name: Everything of it\n  hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.ping:\n";
    let mut files = vec![("driftless.yml".to_owned(), declared), ("site.yml".to_owned(), play.to_owned())];
    files.extend(parts.iter().map(|it| (inventory(it), it.hosts.join("\n") + "\n")));
    files
}

/// Git, deaf to the configuration of whoever measures.
fn git(place: &Path, args: &[&str], input: &str) -> String {
    std::fs::create_dir_all(place).expect("a directory");
    let mut child = Command::new("git")
        .args(args)
        .current_dir(place)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git starts");
    child.stdin.take().expect("it reads").write_all(input.as_bytes()).expect("it reads everything");
    let done = child.wait_with_output().expect("git ends");
    assert!(done.status.success(), "git {args:?} failed");
    String::from_utf8(done.stdout).expect("hashes are text")
}
