//! Trees, changes of them and what is said of the changes: `tests/fixtures/impact`.
//!
//! A file begins with a tree that all of its cases share. A case says which files are there instead (`both`), only
//! before (`before`), only after (`after`) or no longer (`gone`), and what is expected.

use super::*;

struct Case {
    title: String,
    stacks: Vec<StackInput>,
    before: Memory,
    after: Memory,
    expected: String,
}

fn cases(text: &str) -> Vec<Case> {
    let mut base = Memory::default();
    let mut stacks = vec![stack("site", "hosts.ini")];
    let mut found = Vec::new();
    for part in text.split("\n@@ ").skip(1) {
        let (title, body) = part.split_once('\n').unwrap_or((part, ""));
        let mut case = Case {
            title: title.to_owned(),
            stacks: stacks.clone(),
            before: base.clone(),
            after: base.clone(),
            expected: String::new(),
        };
        for piece in format!("\n{body}").split("\n@ ").skip(1) {
            let (order, content) = piece.split_once('\n').unwrap_or((piece, ""));
            let content =
                if content.is_empty() { String::new() } else { format!("{}\n", content.trim_end()) };
            case.take(order, content);
        }
        if title == "base" {
            (base, stacks) = (case.before, case.stacks);
        } else {
            found.push(case);
        }
    }
    found
}

impl Case {
    fn take(&mut self, order: &str, content: String) {
        let (order, path) = order.split_once(' ').unwrap_or((order, ""));
        let bytes = content.clone().into_bytes();
        match order {
            "both" => {
                self.before.files.insert(path.to_owned(), bytes.clone());
                self.after.files.insert(path.to_owned(), bytes);
            }
            "before" => drop(self.before.files.insert(path.to_owned(), bytes)),
            "after" => drop(self.after.files.insert(path.to_owned(), bytes)),
            "gone" => drop(self.after.files.remove(path)),
            "new" => {
                self.before.files.remove(path);
                self.after.files.insert(path.to_owned(), bytes);
            }
            "link" => {
                let (link, target) = path.split_once(" -> ").unwrap();
                self.before.links.push((link.to_owned(), target.to_owned()));
                self.after.links.push((link.to_owned(), target.to_owned()));
            }
            "stack" => {
                let words: Vec<&str> = path.split(' ').collect();
                let mut it = stack(words[0], words[2]);
                words[1].clone_into(&mut it.playbook);
                it.limit = words.get(3).map(|it| (*it).to_owned());
                self.stacks.retain(|other| other.name != it.name);
                self.stacks.push(it);
            }
            "expect" => self.expected = content,
            other => panic!("{}: no order {other}", self.title),
        }
    }
}

#[test]
fn what_is_said_of_a_change() {
    let mut count = 0;
    let mut wrong = String::new();
    let mut files: Vec<_> = std::fs::read_dir(fixtures()).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    for file in files {
        for case in cases(&format!("\n{}", std::fs::read_to_string(&file).unwrap())) {
            count += 1;
            let changes = changed(&case.before, &case.after);
            let found = shown(&impact(&case.before, &case.after, &[], &changes, &case.stacks));
            if found != case.expected {
                let name = file.file_name().unwrap().to_string_lossy();
                write!(wrong, "### {name} | {}\n{found}### expected\n{}", case.title, case.expected).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(60 <= count, "{count} cases");
}
