//! What stands in the way on a real host.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use driftless_tree::faults::Faults;
use driftless_tree::plan::Change;
use driftless_tree::root::Root;
use rustix::fs::{FlockOperation, flock};

use crate::world::{Case, Node, is_root, room};

fn file(text: &str) -> Node {
    Node::File { mode: 0o644, bytes: text.as_bytes().to_vec() }
}

fn case(wanted: &[(&str, Node)]) -> Case {
    Case {
        there: [].into(),
        wanted: wanted.iter().map(|(path, node)| ((*path).into(), node.clone())).collect(),
        delete: true,
        excluded: vec![],
        owners: (None, None),
        keep: true,
    }
}

fn run(case: &Case, dir: &Path) -> Vec<Change> {
    let changes = case.plan(dir).expect("nothing is in the way");
    case.apply(dir, &changes, &Faults::none()).expect("nothing goes wrong");
    changes
}

/// A link where a directory should be is replaced. What it leads to is not touched.
#[test]
fn links_are_never_followed() {
    let room = room();
    let [dir, outside] = ["dest", "outside"].map(|it| room.path().join(it));
    fs::create_dir(&dir).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("f"), "theirs").unwrap();
    symlink(&outside, dir.join("d")).unwrap();
    symlink(outside.join("f"), dir.join("g")).unwrap();
    let case = case(&[("d", Node::Directory { mode: 0o755 }), ("d/f", file("ours")), ("g", file("ours"))]);
    run(&case, &dir);
    assert_eq!(fs::read_to_string(outside.join("f")).unwrap(), "theirs");
    assert_eq!(fs::read_to_string(dir.join("d/f")).unwrap(), "ours");
    assert!(!fs::symlink_metadata(dir.join("g")).unwrap().is_symlink());
}

/// Somebody swaps a directory for a link between looking and acting.
#[test]
fn a_link_that_appears_meanwhile_leads_nowhere() {
    let room = room();
    let [dir, outside] = ["dest", "outside"].map(|it| room.path().join(it));
    fs::create_dir_all(dir.join("d")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(dir.join("d/old"), "").unwrap();
    fs::write(outside.join("old"), "theirs").unwrap();
    let case = case(&[("d", Node::Directory { mode: 0o755 }), ("d/f", file("ours"))]);
    let changes = case.plan(&dir).unwrap();
    fs::rename(dir.join("d"), room.path().join("moved")).unwrap();
    symlink(&outside, dir.join("d")).unwrap();
    let told = case.apply(&dir, &changes, &Faults::none()).unwrap_err().to_string();
    assert!(told.contains("links are not followed") && told.contains("nothing was changed"), "{told}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(outside.join("old")).unwrap(), "theirs");
}

#[test]
fn a_destination_that_is_a_link_is_refused() {
    let room = room();
    symlink("/etc", room.path().join("dest")).unwrap();
    assert!(Root::open(&room.path().join("dest"), &Faults::none()).is_err());
}

/// Another name of the same file, perhaps outside, keeps contents, mode and owner.
#[test]
fn other_names_of_a_file_do_not_change() {
    let room = room();
    let [dir, other] = ["dest", "other"].map(|it| room.path().join(it));
    fs::create_dir(&dir).unwrap();
    fs::write(&other, "same").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(&other, dir.join("f")).unwrap();
    let changes = run(&case(&[("f", file("same"))]), &dir);
    assert_eq!(changes.len(), 1);
    assert_eq!(fs::metadata(&other).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(dir.join("f")).unwrap().mode() & 0o777, 0o644);
    assert_eq!(fs::metadata(&other).unwrap().nlink(), 1);
}

/// It was one file when the plan was made.
#[test]
fn a_name_that_is_added_meanwhile_does_not_change_either() {
    let room = room();
    let dir = room.path().join("dest");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("f"), "same").unwrap();
    fs::set_permissions(dir.join("f"), fs::Permissions::from_mode(0o600)).unwrap();
    let case = case(&[("f", file("same"))]);
    let changes = case.plan(&dir).unwrap();
    fs::hard_link(dir.join("f"), room.path().join("other")).unwrap();
    let told = case.apply(&dir, &changes, &Faults::none()).unwrap_err().to_string();
    assert!(told.contains("run this again"), "{told}");
    assert_eq!(fs::metadata(dir.join("f")).unwrap().mode() & 0o777, 0o600);
}

/// A directory in which groups are inherited goes on to do so.
#[test]
fn groups_are_inherited_where_the_host_says_so() {
    if !is_root() {
        return; // Only root can give a directory to a foreign group.
    }
    let room = room();
    let dir = room.path().join("dest");
    fs::create_dir(&dir).unwrap();
    std::os::unix::fs::chown(&dir, None, Some(4711)).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o2775)).unwrap();
    run(&case(&[("f", file("")), ("d", Node::Directory { mode: 0o755 }), ("d/g", file(""))]), &dir);
    for (path, mode) in [("f", 0o644), ("d", 0o2755), ("d/g", 0o644)] {
        let about = fs::metadata(dir.join(path)).unwrap();
        assert_eq!((about.gid(), about.mode() & 0o7777), (4711, mode), "{path}");
    }
}

#[test]
fn two_runs_do_not_work_in_one_directory() {
    let room = room();
    let dir = room.path().join("dest");
    fs::create_dir(&dir).unwrap();
    let other = fs::File::open(&dir).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    let case = case(&[("f", file(""))]);
    let changes = case.plan(&dir).unwrap();
    let told = case.apply(&dir, &changes, &Faults::none()).unwrap_err().to_string();
    assert!(told.contains("another run"), "{told}");
    drop(other);
    case.apply(&dir, &changes, &Faults::none()).unwrap();
}

/// What is sent is compared with what was promised before anything is put in its place.
#[test]
fn damaged_contents_are_refused() {
    let room = room();
    let dir = room.path().join("dest");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("a"), "old").unwrap();
    let honest = case(&[("a", file("new")), ("b", file("right"))]);
    let changes = honest.plan(&dir).unwrap();
    let forged = case(&[("a", file("new")), ("b", file("wrong"))]);
    let told = forged.apply(&dir, &changes, &Faults::none()).unwrap_err().to_string();
    assert!(
        told.contains("b: its contents arrived damaged") && told.contains("nothing was changed"),
        "{told}"
    );
    assert_eq!(fs::read_to_string(dir.join("a")).unwrap(), "old");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
}
