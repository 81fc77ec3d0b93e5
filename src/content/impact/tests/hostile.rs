//! Trees that were made to hurt. Time is measured by what is done, not by the clock: each of these ends.

use super::*;

const SITE: &str = "- hosts: all\n  roles: [app]\n";
const TASKS: &str = "roles/app/tasks/main.yml";

fn tree() -> Memory {
    Memory::of(&[("site.yml", SITE), ("hosts.ini", "a\nb\n"), (TASKS, "- ping:\n"), ("other", "x")])
}

/// What is said if `path` has this text in both trees, and another file changes.
fn said(path: &str, text: &str) -> String {
    let before = tree().with(&[(path, text)]);
    let after = before.with(&[("other", "y")]);
    said_of(&before, &after)
}

fn said_of(before: &Memory, after: &Memory) -> String {
    shown(&impact(before, after, &[], &changed(before, after), &[stack("site", "hosts.ini")]))
}

#[test]
fn what_is_nested_too_deep_counts_as_everything() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        for depth in [200, 20_000] {
            let text = format!("- ping: {}x{}\n", open.repeat(depth), close.repeat(depth));
            assert!(said(TASKS, &text).contains("cannot be read as YAML"), "{open}");
            assert!(said("site.yml", &text).contains("everything: "), "{open}");
            assert!(said("hosts.ini", &text).starts_with("nothing"), "{open}");
        }
    }
    let mut blocks = String::new();
    for it in 0..200 {
        blocks.push_str(&"  ".repeat(it));
        blocks.push_str("- block:\n");
    }
    assert!(said(TASKS, &blocks).contains("cannot be read as YAML"));
}

#[test]
fn bombs_do_not_go_off() {
    let mut bomb = vec!["a0: &a0 [x, x]".to_owned()];
    bomb.extend((1..60).map(|it| format!("a{it}: &a{it} [*a{0}, *a{0}]", it - 1)));
    let bomb = bomb.join("\n");
    assert_eq!(said("group_vars/all.yml", &bomb), "nothing\n");
    // Blocks that each hold the one before twice.
    let mut blocks = vec!["- &b0 {block: [{ping: }]}".to_owned()];
    blocks.extend((1..60).map(|it| format!("- &b{it} {{block: [*b{0}, *b{0}]}}", it - 1)));
    assert!(said(TASKS, &blocks.join("\n")).contains("more tasks than are followed"));
    // The same as an inventory.
    let mut groups = vec!["g0: &g0 {hosts: {a: }}".to_owned()];
    groups.extend((1..60).map(|it| format!("g{it}: &g{it} {{children: {{x: *g{0}, y: *g{0}}}}}", it - 1)));
    let text = groups.join("\n");
    let files = tree().with(&[("inventory.yml", &text)]);
    let after = files.with(&[(TASKS, "- debug:\n")]);
    let found = impact(&files, &after, &[], &changed(&files, &after), &[stack("site", "inventory.yml")]);
    assert!(shown(&found).contains("unknown hosts: inventory.yml:"), "{}", shown(&found));
}

#[test]
fn endless_ranges_are_refused() {
    for range in
        ["a[0:99999999999]", "a[0:9999][0:9999]", "a[9:1]", "a[1:99999999999999999999999]", "a[::]", "a[:"]
    {
        let before = tree().with(&[("hosts.ini", range)]);
        let after = before.with(&[(TASKS, "- debug:\n")]);
        let said = said_of(&before, &after);
        assert!(said.starts_with("site: unknown hosts") || range.ends_with("[:"), "{range}: {said}");
    }
}

#[test]
fn loops_end() {
    let files = tree().with(&[
        (TASKS, "- include_tasks: main.yml\n- include_role: {name: app}\n- include_role: {name: other}\n"),
        ("roles/app/meta/main.yml", "dependencies: [other]\n"),
        ("roles/other/meta/main.yml", "dependencies: [app]\n"),
        ("roles/other/tasks/main.yml", "- include_tasks: \"{{ next }}\"\n  vars: {next: \"{{ next }}\"}\n"),
        ("hosts.ini", "[a:children]\nb\n[b:children]\na\n[b]\nh1\n"),
        ("group_vars/all.yml", "x: \"{{ y }}\"\ny: \"{{ x }}\"\n"),
    ]);
    let after = files.with(&[(TASKS, "- template: {src: \"{{ x }}\", dest: /x}\n")]);
    assert!(said_of(&files, &after).contains("h1"));
    let imports = "- import_playbook: site.yml\n".repeat(2);
    assert!(said("site.yml", &imports).contains("everything: "));
}

#[test]
fn links_that_lead_in_circles_end() {
    let mut files = tree();
    files.links = vec![
        ("roles/app/files".to_owned(), "roles/app".to_owned()),
        ("roles/app".to_owned(), "roles/app/files".to_owned()),
        ("x".to_owned(), "x".to_owned()),
    ];
    let after = files.with(&[(TASKS, "- debug:\n")]);
    assert!(said_of(&files, &after).contains("symbolic link"));
}

#[test]
fn many_files_and_many_changes_end() {
    let mut files = tree();
    for it in 0..50_000 {
        files.files.insert(format!("data/{}/{it}.conf", it % 100), Vec::new());
    }
    let task = "- copy: {src: \"{{ x }}/{{ y }}/{{ z }}.conf\", dest: /x}\n".repeat(200);
    let files = files.with(&[(TASKS, &task)]);
    let mut after = files.clone();
    for it in 0..50_000 {
        after.files.insert(format!("data/{}/{it}.conf", it % 100), b"x".to_vec());
    }
    let found = impact(&files, &after, &[], &changed(&files, &after), &[stack("site", "hosts.ini")]);
    assert_eq!((found.files.len(), found.files_left_out), (MOST_LISTED, 49_000));
    assert!(shown(&found).contains("and 49950 more"), "{:.2000}", shown(&found));
}

#[test]
fn large_files_are_not_read() {
    let large = format!("- ping:\n# {}\n", "x".repeat(LARGEST));
    assert!(said(TASKS, &large).contains("too large"));
    assert!(said("site.yml", &large).contains("everything: site.yml cannot be read"));
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    const PATHS: [&str; 14] = [
        "site.yml",
        "hosts.ini",
        "hosts.yml",
        "ansible.cfg",
        "driftless.yml",
        TASKS,
        "roles/app/meta/main.yml",
        "roles/app/templates/a.j2",
        "roles/app/defaults/main.yml",
        "group_vars/all.yml",
        "host_vars/a",
        "files/x",
        "library/x.py",
        "README.md",
    ];

    /// Pieces that the readers look for, among others.
    const PIECES: [&str; 67] = [
        "- ",
        "\n",
        "  ",
        ": ",
        "hosts",
        "all",
        "roles",
        "app",
        "tasks",
        "block",
        "include_tasks",
        "include_role",
        "name",
        "template",
        "src",
        "dest",
        "/etc/x",
        "{{",
        "}}",
        "{%",
        "%}",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "\\",
        "lookup(",
        "'first_found'",
        "'file'",
        ",",
        ")",
        "~",
        "=",
        "&a",
        "*a",
        "<<",
        "|",
        "main.yml",
        "../",
        "when",
        "loop",
        "item",
        "item.x",
        "with_fileglob",
        "*",
        "?",
        "!vault",
        "é",
        "import_playbook",
        "site.yml",
        "vars",
        "a[1:3]",
        ":children",
        ":vars",
        "#",
        "register",
        "set_fact",
        "state",
        "absent",
        "delegate_to",
        "localhost",
        "\u{1}",
        "\u{2}",
        "plugin",
        "children",
    ];

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40).prop_map(|it| it.concat())
    }

    fn at_most(cases: u32) -> ProptestConfig {
        let asked = ProptestConfig::default();
        ProptestConfig { cases: asked.cases.min(cases), ..asked }
    }

    proptest! {
        #![proptest_config(at_most(5_000))]

        #[test]
        fn any_files_are_taken(texts in prop::collection::vec((prop::sample::select(PATHS.to_vec()), text(), any::<bool>()), 1..6), bytes: Vec<u8>) {
            let mut before = tree();
            before.files.insert("roles/app/files/raw".to_owned(), bytes);
            let mut after = before.clone();
            for (path, text, is_after) in &texts {
                let memory = if *is_after { &mut after } else { &mut before };
                memory.files.insert((*path).to_owned(), text.as_bytes().to_vec());
            }
            let changes = changed(&before, &after);
            let stacks = [stack("site", "hosts.ini"), stack("other", "hosts.yml")];
            let found = impact(&before, &after, &[], &changes, &stacks);
            prop_assert_eq!(found.files.len(), changes.len());
            // Whatever the order of the changes and stacks, the same is said.
            let reversed: Vec<_> = changes.iter().rev().cloned().collect();
            prop_assert_eq!(&impact(&before, &after, &[], &reversed, &[stacks[1].clone(), stacks[0].clone()]), &found);
        }

        #[test]
        fn any_names_are_taken(playbook in "\\PC*", inventory in "\\PC*", limit in "\\PC*", path in "\\PC*") {
            let input = StackInput { playbook, limit: Some(limit), ..stack("site", &inventory) };
            let changes = [(path, FileChange::Modified), ("site.yml".to_owned(), FileChange::Deleted)];
            let found = impact(&tree(), &tree(), &[], &changes, &[input]);
            prop_assert!(found.files.len() <= 2);
        }
    }
}

/// A repository of 10,000 files with 50 roles: what a preview costs is printed.
#[test]
fn a_large_repository_is_read_at_once() {
    let mut files = tree();
    let mut plays = String::new();
    for role in 0..50 {
        writeln!(plays, "- hosts: all\n  roles: [r{role}]").unwrap();
        for it in 0..200 {
            let (kind, end) =
                [("tasks", "yml"), ("templates", "j2"), ("files", "txt"), ("defaults", "yml")][it % 4];
            let text = match kind {
                "tasks" => {
                    "- name: Configure\n  template: {src: a.j2, dest: /etc/a}\n- debug: {msg: \"{{ x }}\"}\n"
                }
                "defaults" => "a: 1\nb: [x, y]\n",
                _ => "{{ a }}\n",
            };
            files.files.insert(format!("roles/r{role}/{kind}/f{it}.{end}"), text.as_bytes().to_vec());
        }
    }
    let before = files.with(&[("site.yml", &plays)]);
    let after = before.with(&[("roles/r7/files/f2.txt", "new")]);
    let started = std::time::Instant::now();
    let said = said_of(&before, &after);
    println!("10,000 files, 50 roles, both trees: {:?}", started.elapsed());
    assert_eq!(said.matches("  play ").count(), 1, "{said}");
}
