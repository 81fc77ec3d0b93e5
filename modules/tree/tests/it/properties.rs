//! Of any tree on the host and any tree that is wanted.

use std::fs;
use std::path::Path;

use driftless_tree::faults::Faults;
use proptest::prelude::*;

use crate::world::{Case, Node, Snapshot, case, difference, has_leftovers, is_root, room, snapshot, told};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// What is promised in check mode is what happens, no more and no less; afterwards the tree is as wanted, and a
    /// second run finds nothing to do.
    #[test]
    fn check_predicts_exactly_and_apply_makes_it_so(case in case()) {
        let room = room();
        let dir = room.path().join("dest");
        case.write(&dir);
        let before = snapshot(&dir);
        match case.plan(&dir) {
            Err(reasons) => prop_assert!(is_blocked(&case, &before), "{reasons:?}"),
            Ok(changes) => {
                prop_assert!(!is_blocked(&case, &before));
                prop_assert_eq!(&snapshot(&dir), &before, "a check run changes nothing");
                case.apply(&dir, &changes, &Faults::none()).unwrap();
                let after = snapshot(&dir);
                prop_assert_eq!(told(&changes), difference(&before, &after));
                is_as_wanted(&case, &before, &after)?;
                prop_assert_eq!(case.plan(&dir), Ok(vec![]));
                prop_assert!(!has_leftovers(&dir));
            }
        }
    }

    /// Where there is nothing, everything is made, and those above it too.
    #[test]
    fn a_new_directory_is_made(case in case()) {
        let room = room();
        let dir = room.path().join("not/there");
        let changes = case.plan(&dir).unwrap();
        case.apply(&dir, &changes, &Faults::none()).unwrap();
        let after = snapshot(&dir);
        prop_assert_eq!(told(&changes), difference(&Snapshot::new(), &after));
        prop_assert_eq!(after.len(), case.wanted.len() + 1);
        is_as_wanted(&case, &Snapshot::new(), &after)?;
        prop_assert_eq!(case.plan(&dir), Ok(vec![]));
    }
}

/// Whether a directory is where something else is wanted and may not go.
fn is_blocked(case: &Case, before: &Snapshot) -> bool {
    let directory = |path: &Path| matches!(before.get(path), Some((Node::Directory { .. }, ..)));
    let holds_excluded =
        |path: &Path| before.keys().any(|it| it.starts_with(path) && it != path && case.excludes(it));
    let wanted =
        case.wanted.iter().filter(|(path, node)| directory(path) && !matches!(node, Node::Directory { .. }));
    wanted.into_iter().any(|(path, _)| !case.delete || holds_excluded(path))
}

fn is_as_wanted(case: &Case, before: &Snapshot, after: &Snapshot) -> Result<(), TestCaseError> {
    for (path, node) in &case.wanted {
        let (now, uid, gid) = &after[path];
        let expected = match (node, before.get(path)) {
            (Node::Directory { .. }, Some((was @ Node::Directory { .. }, ..))) if case.keep => was,
            _ => node,
        };
        prop_assert_eq!(now, expected, "{}", path.display());
        prop_assert!(case.owners.0.is_none_or(|it| it == *uid));
        prop_assert!(case.owners.1.is_none_or(|it| it == *gid));
    }
    for (path, was) in before.iter().filter(|(path, _)| !path.as_os_str().is_empty()) {
        if case.wanted.contains_key(path) {
            continue;
        }
        let excluded = case.excludes(path);
        let holds = before.keys().any(|it| it.starts_with(path) && case.excludes(it));
        let replaced = path
            .ancestors()
            .any(|it| case.wanted.get(it).is_some_and(|it| !matches!(it, Node::Directory { .. })));
        if excluded || holds || !case.delete {
            prop_assert_eq!(after.get(path), Some(was), "left alone: {}", path.display());
        } else {
            prop_assert!(!after.contains_key(path), "removed: {} {}", path.display(), replaced);
        }
    }
    Ok(())
}

/// Who replaces the contents of a file does not take it.
#[test]
fn an_owner_that_is_not_asked_for_stays() {
    use std::os::unix::fs::{MetadataExt, chown};
    if !is_root() {
        return; // Only root can give a file away, and so only root meets another's.
    }
    let file = |bytes: &[u8]| Node::File { mode: 0o644, bytes: bytes.to_vec() };
    let case = Case {
        there: [("f".into(), file(b"old"))].into(),
        wanted: [("f".into(), file(b"new"))].into(),
        delete: false,
        excluded: vec![],
        owners: (None, None),
        keep: true,
    };
    let room = room();
    let dir = room.path().join("dest");
    case.write(&dir);
    chown(dir.join("f"), Some(4711), Some(4712)).unwrap();
    let changes = case.plan(&dir).unwrap();
    case.apply(&dir, &changes, &Faults::none()).unwrap();
    let about = fs::metadata(dir.join("f")).unwrap();
    assert_eq!((about.uid(), about.gid()), (4711, 4712));
    assert_eq!(fs::read(dir.join("f")).unwrap(), b"new");
}
