//! Interrupted before any operation, and on a full disk.

use std::path::Path;

use driftless_tree::faults::{Fault, Faults};
use proptest::prelude::*;

use crate::world::{Case, Node, Snapshot, case, has_leftovers, room, snapshot};

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever operation is the last one: each file is old or new, and the next run completes.
    #[test]
    fn an_interruption_leaves_each_file_old_or_new(case in case()) {
        each_step(&case, |room, steps| {
            for at in 0..steps {
                let dir = room.join(format!("end-{at}"));
                case.write(&dir);
                let before = snapshot(&dir);
                let changes = case.plan(&dir).expect("it is not blocked");
                let ended = case.apply(&dir, &changes, &Faults::one(Fault::End(at)));
                prop_assert!(ended.is_err());
                is_old_or_new(&case, &before, &snapshot(&dir))?;

                let rest = case.plan(&dir).expect("it is not blocked");
                case.apply(&dir, &rest, &Faults::none()).unwrap();
                prop_assert_eq!(case.plan(&dir), Ok(vec![]));
                prop_assert!(!has_leftovers(&dir));
            }
            Ok(())
        })?;
    }

    /// A disk that is full at any operation: what was not begun is as before, nothing is left, and it can be run again.
    #[test]
    fn a_full_disk_leaves_nothing_behind(case in case()) {
        each_step(&case, |room, steps| {
            for at in 0..steps {
                let dir = room.join(format!("full-{at}"));
                case.write(&dir);
                let before = snapshot(&dir);
                let changes = case.plan(&dir).expect("it is not blocked");
                let Err(problem) = case.apply(&dir, &changes, &Faults::one(Fault::Full(at))) else {
                    continue; // It was while it tidied up.
                };
                prop_assert!(problem.to_string().contains("make space"), "{problem}");
                let after = snapshot(&dir);
                is_old_or_new(&case, &before, &after)?;
                prop_assert!(problem.made != 0 || after == before, "{problem}");
                prop_assert!(!has_leftovers(&dir) || problem.made != 0, "{problem}");

                let rest = case.plan(&dir).expect("it is not blocked");
                case.apply(&dir, &rest, &Faults::none()).unwrap();
                prop_assert_eq!(case.plan(&dir), Ok(vec![]));
            }
            Ok(())
        })?;
    }
}

/// Counts the steps of a whole run and calls with their number, unless the case cannot be applied.
fn each_step(
    case: &Case,
    check: impl FnOnce(&Path, u64) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let room = room();
    let dir = room.path().join("whole");
    case.write(&dir);
    let Ok(changes) = case.plan(&dir) else { return Ok(()) };
    let faults = Faults::none();
    case.apply(&dir, &changes, &faults).expect("nothing goes wrong");
    check(room.path(), faults.steps())
}

/// Each path is what it was or what it should become; contents and mode of a new file go together.
fn is_old_or_new(case: &Case, before: &Snapshot, now: &Snapshot) -> Result<(), TestCaseError> {
    for (path, (node, ..)) in now.iter().filter(|(path, _)| !path.as_os_str().is_empty()) {
        let old = before.get(path).map(|it| &it.0);
        let new = case.wanted.get(path);
        let same = |it: &Node| match (it, node) {
            (Node::Directory { .. }, Node::Directory { .. }) => true,
            (Node::File { bytes, .. }, Node::File { bytes: now, .. }) if Some(it) == old => bytes == now,
            _ => it == node,
        };
        prop_assert!(old.is_some_and(same) || new.is_some_and(same), "{}: {node:?}", path.display());
    }
    for path in before.keys().filter(|it| !now.contains_key(*it)) {
        let stays = case.wanted.contains_key(path) && path.ancestors().skip(1).all(|it| now.contains_key(it));
        prop_assert!(!stays, "{} is gone", path.display());
    }
    Ok(())
}
