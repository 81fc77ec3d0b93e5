//! Text of strangers, in every field that they control: it stays text.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::chromium::{Browser, Scheme, Width};
use super::looks::widest;
use super::site::Site;
use crate::world::{SOON, eventually};

/// All strings of `tests/fixtures/naughty`.
pub(super) fn strings() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/naughty");
    let read = |name: &str| -> Vec<String> {
        let text = std::fs::read_to_string(dir.join(name)).expect("a list");
        serde_json::from_str(&text).expect("a list of strings")
    };
    let all: Vec<String> = ["list.json", "ours.json"].into_iter().flat_map(read).collect();
    assert!(500 < all.len());
    all
}

/// What takes long is done for each string with `scripts/test full`, else for some, with their places.
pub(super) fn each(strings: &[String], some: usize) -> impl Iterator<Item = (usize, &String)> {
    #[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/test")]
    let is_full = std::env::var("DRIFTLESS_TEST_FULL").is_ok();
    let every = if is_full { 1 } else { strings.len().div_ceil(some) };
    strings.iter().enumerate().step_by(every)
}

/// What no page may have, whatever it shows: elements and attributes that are not ours, and characters that are
/// obeyed instead of shown. One a line.
const INTRUDERS: &str = r"
    const found = [];
    const say = (what, it) => found.push(`${what}: ${it.outerHTML ? it.outerHTML.slice(0, 200) : it}`);
    const never = 'script, iframe, object, embed, base, meta, link, style, img, video, audio, template, math, frame, applet';
    for (const it of document.body.querySelectorAll(never)) say('an element', it);
    for (const it of document.querySelectorAll('*')) {
        for (const { name, value } of it.attributes) {
            if (name.startsWith('on') || name === 'style' || name === 'srcdoc') say(`the attribute ${name}`, it);
            if (['href', 'src', 'action', 'formaction', 'xlink:href', 'data', 'poster'].includes(name)) {
                const to = new URL(value, location.href);
                if (to.origin !== location.origin) say(`a link to ${to.protocol}`, it);
            }
        }
    }
    const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode.textContent;
        if (obeyed.test(text)) say('a character that is obeyed', JSON.stringify(text.slice(0, 200)));
    }
    if (obeyed.test(document.title)) say('a character that is obeyed in the title', JSON.stringify(document.title));
    return found;
";

/// Looks at the page that is shown. What is wrong, one a line.
pub(super) fn wrong(browser: &Browser) -> Vec<String> {
    let told = browser.script(INTRUDERS, Vec::new());
    let mut all: Vec<String> = serde_json::from_value(told).expect("texts");
    let overflow = browser.overflow();
    if 0 < overflow {
        all.push(format!("{overflow} pixels wider than the window: {}", widest(browser)));
    }
    let path = browser.path();
    all.into_iter().map(|it| format!("{path}: {it}")).collect()
}

/// The text of the page with nothing that is obeyed, hidden, or an escape for it, and no white space: what is left is to
/// be there as it was written.
fn bare(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{27e8}U+") {
        left.push_str(&rest[..at]);
        rest = rest[at..].split_once('\u{27e9}').map_or("", |it| it.1);
    }
    left.push_str(rest);
    left.retain(|it| {
        let is_hidden = matches!(it, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}');
        !it.is_whitespace() && !it.is_control() && !is_hidden
    });
    left
}

/// The beginning of what is to be there: long texts are cut.
fn beginning(text: &str) -> String {
    bare(text).chars().take(60).collect()
}

/// What a page says.
fn said(browser: &Browser) -> String {
    let script = "return document.getElementById('main').textContent";
    bare(browser.script(script, Vec::new()).as_str().unwrap_or_default())
}

/// All pages of a list, from the one that is shown on.
pub(super) fn turned(browser: &Browser, complaints: &mut Vec<String>) -> String {
    let mut all = said(browser);
    complaints.extend(wrong(browser));
    let mut seen = BTreeSet::from([browser.path()]);
    let next = "return document.querySelector('a[rel=next]')?.getAttribute('href')";
    while let Some(path) = browser.script(next, Vec::new()).as_str().map(str::to_owned) {
        if !seen.insert(path.clone()) || 60 < seen.len() {
            break;
        }
        browser.goto(&path);
        all.push_str(&said(browser));
        complaints.extend(wrong(browser));
    }
    all
}

#[track_caller]
pub(super) fn all_there<'a>(
    what: &str,
    wanted: impl IntoIterator<Item = &'a String>,
    said: &str,
) -> Vec<String> {
    // What looks like a number or a truth value is written by Ansible as it reads it.
    let is_read =
        |it: &str| it.parse::<f64>().is_ok() || it.starts_with("0x") || it.eq_ignore_ascii_case("true");
    let missing = wanted.into_iter().filter(|it| !is_read(it) && !said.contains(&beginning(it)));
    missing.map(|it| format!("{what}: {it:?} is not there")).collect()
}

/// A string in YAML, in ASCII, and not to be templated.
fn yaml(text: &str) -> String {
    let mut quoted = "!unsafe \"".to_owned();
    for it in text.chars() {
        match it {
            '"' | '\\' => write!(quoted, "\\{it}"),
            ' '..='~' => write!(quoted, "{it}"),
            it => write!(quoted, "\\U{:08x}", u32::from(it)),
        }
        .expect("writing to a text");
    }
    quoted + "\""
}

/// Tasks that are called so and say so, and hosts with these names that are greeted.
fn strange_tasks(strings: &[String]) -> String {
    let mut tasks = String::new();
    for text in strings {
        let it = yaml(text);
        writeln!(
            tasks,
            "    - name: {it}\n      ansible.builtin.debug:\n        msg: {it}\n      changed_when: true"
        )
        .expect("writing to a text");
    }
    tasks.push_str("    - name: Meet strangers\n      ansible.builtin.add_host:\n        name: \"{{ item }}\"\n        groups: [strangers]\n        ansible_connection: local\n      ignore_errors: true\n      loop:\n");
    for text in strings {
        writeln!(tasks, "        - {}", yaml(text)).expect("writing to a text");
    }
    tasks.push_str(
        "- name: Strangers\n  hosts: strangers\n  gather_facts: false\n  tasks:\n    - name: Greet them\n      \
         ansible.builtin.debug:\n        msg: hello\n      changed_when: true\n",
    );
    tasks
}

#[test]
fn tasks_hosts_and_outputs_stay_text() {
    let strings = strings();
    let tasks = strange_tasks(&strings);
    let mut site = Site::new(&["web1"], &tasks);
    let commit = site.world.repository.commit("Say strange things");
    site.world.start();
    let run = eventually("it ends", SOON * 5, || {
        let runs = site.world.runs();
        runs.into_iter().find(|it| it["mode"] == "apply" && !it["ending"].is_null())
    });
    assert!(run["revision"].as_str().is_some_and(|it| it.ends_with(&commit)), "{run:#}");
    let browser = site.sign_in("vera", "viewer");
    let mut complaints = Vec::new();
    browser.goto(&format!("/runs/{}", run["run"]));
    turned(&browser, &mut complaints);
    browser.picture("hostile-run", Scheme::Light, Width::Wide);
    for (number, text) in each(&strings, 80) {
        browser.goto(&format!("/runs/{}/tasks/{number}", run["run"]));
        complaints.extend(wrong(&browser));
        complaints.extend(all_there(&format!("task {number}"), [text], &said(&browser)));
    }
    browser.goto(&format!("/runs/{}/log", run["run"]));
    assert!(!browser.texts(".log-line").is_empty(), "{}", browser.text());
    turned(&browser, &mut complaints);
    browser.goto("/hosts");
    let hosts = turned(&browser, &mut complaints);
    let known: Value = site.world.json(&["drift", "web"]);
    let names: Vec<String> = known[0]["hosts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["host"].as_str().map(str::to_owned))
        .collect();
    assert!(strings.len() / 2 < names.len(), "{} hosts", names.len());
    complaints.extend(all_there("a host", &names, &hosts));
    browser.look(Scheme::Dark, Width::Narrow);
    for path in ["/", "/stacks/infra/web", "/hosts", "/runs", "/audit", "/system"] {
        browser.goto(path);
        complaints.extend(wrong(&browser));
    }
    browser.goto(&format!("/runs/{}/log", run["run"]));
    complaints.extend(wrong(&browser));
    browser.goto(&format!("/runs/{}", run["run"]));
    complaints.extend(wrong(&browser));
    browser.picture("hostile-run", Scheme::Dark, Width::Narrow);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    browser.finish();
}

/// A name as Git takes it.
fn author(text: &str) -> String {
    let name: String = text.chars().filter(|it| !matches!(it, '<' | '>' | '\n' | '\0')).collect();
    name.trim().trim_matches(['.', ',', ':', ';', '"', '\'', '\\']).to_owned()
}

#[test]
fn subjects_and_authors_stay_text() {
    let strings = strings();
    let mut site = Site::new(&["web1"], "    - ansible.builtin.ping:\n");
    site.world.repository.commit("Begin");
    let mut stream = String::new().into_bytes();
    for (number, text) in strings.iter().enumerate() {
        let (subject, name) = (text.replace(['\n', '\r'], " "), author(text));
        let message = format!("{}\n\n{text}\n", subject.trim());
        write!(stream, "commit refs/heads/main\nmark :{}\n", number + 1).expect("written");
        let who = format!("{name} <x@example.com> {} +0000", 1_700_000_000 + number);
        write!(stream, "author {who}\ncommitter {who}\ndata {}\n{message}\n", message.len())
            .expect("written");
        let from = if number == 0 { "refs/heads/main^0".to_owned() } else { format!(":{number}") };
        writeln!(stream, "from {from}").expect("written");
    }
    import(&site, &stream);
    let hashes = site.world.repository.git(&["rev-list", "--reverse", "main"]);
    site.world.start();
    site.run_when("it is applied", |it| !it["ending"].is_null());
    let browser = site.sign_in("vera", "viewer");
    browser.look(Scheme::Light, Width::Narrow);
    let mut complaints = Vec::new();
    let hashes: Vec<&str> = hashes.lines().skip(1).collect();
    for (number, text) in each(&strings, 160) {
        let commit = hashes[number];
        browser.goto(&format!("/sources/infra/commits/{commit}"));
        complaints.extend(wrong(&browser));
        let said = said(&browser);
        for wanted in [text.clone(), author(text)] {
            complaints.extend(all_there(&format!("commit {commit}"), [&wanted], &said));
        }
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    browser.finish();
}

/// Commits as a stream of `git fast-import`, which refuses less than `git commit`.
fn import(site: &Site, stream: &[u8]) {
    let mut child = Command::new("git")
        .args(["fast-import", "--quiet", "--force"])
        .current_dir(&site.world.repository.path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("git starts");
    child.stdin.take().expect("it reads").write_all(stream).expect("it reads everything");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn what_is_not_there_is_told_as_text() {
    let mut site = Site::new(&["web1"], "    - ansible.builtin.ping:\n");
    site.world.repository.commit("Begin");
    site.world.start();
    let mut browser = site.sign_in("vera", "viewer");
    for status in ["404", "400", "414", "431"] {
        browser.provoke(&format!("status of {status}"));
    }
    let mut complaints = Vec::new();
    for text in strings().iter().filter(|it| it.len() < 500).step_by(5) {
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for path in [format!("/hosts/{encoded}"), format!("/?q={encoded}"), format!("/runs?host={encoded}")] {
            browser.goto(&path.replace('+', "%20"));
            complaints.extend(wrong(&browser));
        }
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    browser.finish();
}
