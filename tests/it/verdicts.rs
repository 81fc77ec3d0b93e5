//! The verdict corpus: many small playbooks in check mode, and what is rightly said of each of their tasks.
//!
//! The playbooks are in `playbooks/verdicts`, the answers in `tests/fixtures/verdicts/expected.txt`.

use std::collections::BTreeSet;
use std::fs;

use crate::world::ansible_environments;

mod run;
mod table;

use table::{Said, Table};

#[test]
fn each_verdict_is_right_on_every_version() {
    let table = Table::read();
    let cases = table.cases();
    let environments = ansible_environments();
    let said: Vec<Said> = std::thread::scope(|scope| {
        let runs: Vec<_> = environments.iter().map(|it| scope.spawn(|| run::check(it, &cases))).collect();
        runs.into_iter().map(|it| it.join().expect("it does not panic")).collect()
    });
    let comparison = table.compare(&said);
    show(&comparison.awaited);
    assert!(comparison.wrong.is_empty(), "\n{}", comparison.wrong.join("\n"));
}

#[expect(clippy::print_stdout, reason = "what is known to be missing is seen where the test is watched")]
fn show(awaited: &[String]) {
    for it in awaited {
        println!("{it}");
    }
}

#[test]
fn each_case_has_a_playbook_and_a_section() {
    let table = Table::read();
    let sections: BTreeSet<String> = table.cases().into_iter().map(str::to_owned).collect();
    assert_eq!(sections.len(), table.cases().len(), "a case has one section");
    let mut playbooks = BTreeSet::new();
    for entry in fs::read_dir(run::playbooks()).expect("the playbooks are there").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|it| it != "yml") {
            continue;
        }
        let case = path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned();
        // Results are attributed to a case by the name of their play.
        let text = fs::read_to_string(&path).expect("it can be read");
        let plays = text.lines().filter_map(|it| it.strip_prefix("- "));
        plays.for_each(|first| assert_eq!(first, format!("name: {case}"), "{}", path.display()));
        playbooks.insert(case);
    }
    assert_eq!(playbooks, sections);
    assert!(66 <= playbooks.len(), "{}", playbooks.len());
}
