//! Patterns of hosts: what they mean in inventories of the corpus, compared with what Ansible said of them.

use super::super::hosts::matching;
use super::super::inventory::Inventory;
use super::*;
use crate::content::files::Tree;

/// `inventory | pattern | hosts`, as `ansible --list-hosts` gave them out.
fn recorded() -> Vec<(String, String, Vec<String>)> {
    let text = std::fs::read_to_string(fixtures().join("../inventories/hosts.recorded")).unwrap();
    let parts = text.lines().filter(|it| !it.starts_with('#')).map(|line| {
        let parts: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let hosts = parts.get(2).copied().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        (parts[0].to_owned(), parts[1].to_owned(), hosts)
    });
    parts.collect()
}

fn inventories() -> Memory {
    let directory = fixtures().join("../inventories");
    let mut memory = Memory::default();
    let mut waiting = vec![directory.clone()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(&directory).unwrap().to_str().unwrap().to_owned();
                memory.files.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    memory
}

#[test]
fn patterns_mean_what_ansible_says() {
    let memory = inventories();
    let tree = Tree::new(&memory, &[]);
    let all = recorded();
    assert!(50 <= all.len(), "{}", all.len());
    let mut wrong = Vec::new();
    for (name, pattern, expected) in all {
        let inventory = Inventory::read(&tree, &name).unwrap();
        let found: Vec<String> = matching(&inventory, &pattern).into_iter().collect();
        // A regular expression, and an order that is not known, may mean more.
        let is_open = pattern.contains('~') || pattern.ends_with(']') && found.len() > expected.len();
        let is_right = if is_open { expected.iter().all(|it| found.contains(it)) } else { found == expected };
        if !is_right {
            wrong.push(format!("{name} {pattern}: {found:?}, but Ansible says {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
