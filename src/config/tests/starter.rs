//! What `driftless init` writes.

use super::super::starter;
use super::{Tree, infra, source};

const PLAY: &str = "- hosts: all\n";

/// What is commented out, without the comment signs.
fn bare(line: &str) -> String {
    match line {
        "# ansible:" => "ansible:".to_owned(),
        _ if line.starts_with("#   ") => line.replacen("#   ", "  ", 1),
        _ if line.starts_with("    # ") => line.replacen("    # ", "    ", 1),
        _ => line.to_owned(),
    }
}

#[test]
fn what_init_writes_is_valid_and_names_what_else_could_be_meant() {
    for files in [
        vec![("site.yml", PLAY), ("inventory.ini", "")],
        vec![("web.yml", PLAY), ("db.yml", PLAY), ("inventories/a", ""), ("inventories/b", "")],
        vec![("no.yml", PLAY), ("inventories/1.5", ""), ("inventories/ü x: #", "")],
        vec![("site.yml", PLAY), ("hosts", ""), ("requirements.yml", ""), ("requirements.txt", "")],
    ] {
        let text = starter(&Tree::of(&files)).expect("a file");
        let declare =
            |text: &str| infra().declaration(&source(), &Tree::of(&files).with("driftless.yml", text));
        let declaration = declare(&text).unwrap_or_else(|failure| panic!("{text}\n{failure}"));
        assert_eq!(declaration.stacks.len(), 1);
        for (name, _) in files.iter().filter(|(name, _)| name.is_ascii()) {
            assert!(text.contains(name), "{name} is not named:\n{text}");
        }
        // What is commented out is valid too.
        let all = text.lines().map(|it| bare(it) + "\n").collect::<String>();
        let all = all.replace("depends_on: [other]", "depends_on: []");
        assert!(all.contains("\nansible:\n") && all.contains("\n    timeout: 30m\n"), "{all}");
        declare(&all).unwrap_or_else(|failure| panic!("{all}\n{failure}"));
    }
}

#[test]
fn without_candidates_it_says_what_to_create() {
    let text = starter(&Tree::of(&[])).expect("a file");
    assert!(text.contains("playbook: site.yml  # this file does not exist yet: create it"), "{text}");
}

#[test]
fn the_playbook_that_is_for_everything_is_chosen_before_its_parts() {
    let files = [("db.yml", PLAY), ("inventory.ini", ""), ("site.yml", PLAY), ("web.yml", PLAY)];
    let text = starter(&Tree::of(&files)).expect("a file");
    assert!(text.contains("    playbook: site.yml  # or: db.yml, web.yml\n"), "{text}");
}
