//! Folds hosts with the same changes into one.

use std::collections::HashMap;

use super::input::PreviewedChange;
use crate::domain::HostName;

/// Hosts on which exactly the same would change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group<'a> {
    /// The hosts, in the order of their names.
    pub(super) hosts: Vec<&'a HostName>,
    /// The changes as on one of them, in the order of the playbook.
    pub(super) changes: Vec<&'a PreviewedChange>,
}

/// A change without its host.
type What<'a> = (u32, &'a str, Option<&'a str>, bool);

fn what(change: &PreviewedChange) -> What<'_> {
    (change.task, &change.item, change.diff.as_deref(), change.no_log)
}

/// The groups: most hosts first, then by the first host. Whatever the order of the changes, it is the same.
pub(super) fn groups(changes: &[PreviewedChange]) -> Vec<Group<'_>> {
    // A number for each distinct change. With room for all of them, since growing would hash the differences again.
    let mut kinds: HashMap<What<'_>, u32> = HashMap::with_capacity(changes.len());
    let mut by_host: HashMap<&HostName, Vec<(u32, &PreviewedChange)>> = HashMap::new();
    for change in changes {
        let next = u32::try_from(kinds.len()).unwrap_or(u32::MAX);
        let kind = *kinds.entry(what(change)).or_insert(next);
        by_host.entry(&change.host).or_default().push((kind, change));
    }
    let mut by_set: HashMap<Vec<u32>, Group<'_>> = HashMap::with_capacity(by_host.len());
    for (host, mut changes) in by_host {
        changes.sort_unstable_by_key(|it| it.0);
        let set = changes.iter().map(|it| it.0).collect();
        let of_one = || changes.into_iter().map(|it| it.1).collect();
        let group = by_set.entry(set).or_insert_with(|| Group { hosts: Vec::new(), changes: of_one() });
        group.hosts.push(host);
    }
    let mut groups: Vec<Group<'_>> = by_set.into_values().collect();
    for group in &mut groups {
        group.hosts.sort_unstable();
        group.changes.sort_unstable_by(|a, b| what(a).cmp(&what(b)));
    }
    groups.sort_unstable_by(|a, b| b.hosts.len().cmp(&a.hosts.len()).then_with(|| a.hosts.cmp(&b.hosts)));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(host: &str, task: u32, diff: &str) -> PreviewedChange {
        let diff = (!diff.is_empty()).then(|| diff.into());
        PreviewedChange { host: HostName::new(host), task, item: String::new(), diff, no_log: false }
    }

    #[test]
    fn hosts_with_the_same_changes_are_one_group() {
        let mut changes = vec![
            change("a", 1, "+x"),
            change("a", 0, ""),
            change("b", 0, ""),
            change("b", 1, "+x"),
            change("c", 1, "+y"),
            change("c", 0, ""),
            change("d", 1, "+x"),
        ];
        let told = |changes: &[PreviewedChange]| -> Vec<(String, Vec<u32>)> {
            let names = |it: &Group<'_>| it.hosts.iter().map(|it| it.as_str()).collect::<String>();
            let tasks = |it: &Group<'_>| it.changes.iter().map(|it| it.task).collect();
            groups(changes).iter().map(|it| (names(it), tasks(it))).collect()
        };
        let expected =
            [("ab".to_owned(), vec![0, 1]), ("c".to_owned(), vec![0, 1]), ("d".to_owned(), vec![1])];
        assert_eq!(told(&changes), expected);
        changes.reverse();
        assert_eq!(told(&changes), expected);
    }
}
