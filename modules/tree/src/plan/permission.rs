//! What the user of a task may not do.
//!
//! It is asked for while planning and not only when it fails, so that a check run says it too and nothing is half done.

use std::collections::BTreeSet;

use crate::observed::{Actor, Found, Kind, Observed};
use crate::path::TreePath;
use crate::plan::{Action, Attributes, Change};

/// Why changes cannot be made, each reason once.
pub(super) fn missing(changes: &[Change], observed: &Observed) -> Vec<String> {
    let actor = &observed.actor;
    let opened: BTreeSet<_> = changes
        .iter()
        .filter(|it| matches!(it.action, Action::Adjust { opens: true } | Action::Make(_)))
        .map(|it| &it.path)
        .collect();
    let mut told = BTreeSet::new();
    let mut missing = Vec::new();
    for change in changes {
        let found = observed.entries.get(&change.path);
        let closed = closed(change, found, observed).filter(|(above, _)| !opened.contains(above));
        if let Some((above, why)) = closed
            && told.insert(above)
        {
            missing.push(why);
        }
        missing.extend(forbidden(change, found, actor));
    }
    missing
}

/// The directory in which this change may not be made, and why.
fn closed(change: &Change, found: Option<&Found>, observed: &Observed) -> Option<(TreePath, String)> {
    if matches!(change.action, Action::Adjust { .. } | Action::RemovedWithAbove) {
        return None;
    }
    let above = change.path.parent()?;
    let directory = observed.entries.get(&above)?;
    let Kind::Directory { writable, .. } = directory.kind else { return None };
    let user = observed.actor.uid;
    let theirs = |it: &Found| !observed.actor.is_root() && it.uid != user;
    if !writable {
        let why = format!(
            "User {user} may not change what is in {above}: set become to true, or look at its mount"
        );
        return Some((above, why));
    }
    let kept = directory.is_sticky() && theirs(directory) && found.is_some_and(theirs);
    kept.then(|| {
        let why = format!(
            "User {user} may remove only its own files in {above}, and {} is not: set become to true",
            change.path
        );
        (above, why)
    })
}

/// Owners and modes that the user cannot set.
fn forbidden(change: &Change, found: Option<&Found>, actor: &Actor) -> Option<String> {
    if actor.is_root() {
        return None;
    }
    let path = &change.path;
    let Attributes { uid, gid, .. } = change.attributes;
    if let Some(uid) = uid.filter(|it| *it != actor.uid) {
        let who = actor.uid;
        return Some(format!(
            "{path} must belong to user {uid}, which user {who} cannot arrange: set become to true"
        ));
    }
    let has = found.filter(|_| matches!(change.action, Action::Adjust { .. }));
    if has.is_some_and(|it| it.uid != actor.uid) {
        return Some(format!(
            "{path} belongs to another user, so its mode and group stay: set become to true"
        ));
    }
    let gid = gid.filter(|it| !actor.gids.contains(it) && has.is_none_or(|has| has.gid != *it))?;
    Some(format!(
        "{path} must belong to group {gid}, of which user {} is no member: set become to true",
        actor.uid
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::plan;
    use crate::wanted::{Entry, Line, Wanted};

    fn directory(mode: u32, uid: u32, writable: bool) -> Found {
        let kind = Kind::Directory { mount: false, holds_excluded: false, writable };
        Found { kind, mode, uid, gid: 0, shared: false }
    }

    fn path(text: &str) -> TreePath {
        TreePath::try_from(text.to_owned()).unwrap()
    }

    /// A link in `d` that is wanted otherwise, seen by user 1000 in group 100.
    fn reasons(directory: Found, link_uid: u32, wanted: (u32, Option<u32>, Option<u32>)) -> Vec<String> {
        let at = |text, entry| Line { path: path(text), entry };
        let lines = vec![
            at("", Entry::Directory { mode: 0o755, keep: true }),
            at("d", Entry::Directory { mode: wanted.0, keep: wanted.0 == 0 }),
            at("d/l", Entry::Link { target: "new".to_owned() }),
        ];
        let link =
            Found { kind: Kind::Link(b"old".to_vec()), mode: 0o777, uid: link_uid, gid: 100, shared: false };
        let mut observed = Observed { actor: Actor { uid: 1000, gids: vec![100] }, ..Observed::default() };
        let root = Found { mode: 0o755, uid: 1000, ..directory.clone() };
        let entries = [(
            "",
            Found { kind: Kind::Directory { mount: false, holds_excluded: false, writable: true }, ..root },
        )];
        observed.entries.extend(entries.map(|(text, it)| (path(text), it)));
        observed.entries.extend([(path("d"), directory), (path("d/l"), link)]);
        plan(&Wanted::new(lines, wanted.1, wanted.2).unwrap(), &observed, false).err().unwrap_or_default()
    }

    #[test]
    fn what_will_not_be_permitted_is_said_before() {
        let free = (0, None, None);
        let none: Vec<String> = vec![];
        assert_eq!(reasons(directory(0o755, 1000, true), 1000, free), none);
        let told = reasons(directory(0o755, 0, false), 1000, free);
        assert!(told.len() == 1 && told[0].contains("may not change what is in d"), "{told:?}");
        let told = reasons(directory(0o1777, 0, true), 1001, free);
        assert!(told.iter().any(|it| it.contains("only its own files in d")), "{told:?}");
        assert_eq!(reasons(directory(0o1777, 0, true), 1000, free), none);
        let told = reasons(directory(0o755, 1000, true), 1001, free);
        assert!(told.len() == 1 && told[0].contains("must belong to user 1001"), "{told:?}");
        let told = reasons(directory(0o755, 1000, true), 1000, (0, None, Some(7)));
        assert!(told.iter().any(|it| it.contains("must belong to group 7")), "{told:?}");
        let told = reasons(directory(0o755, 0, true), 1000, (0o700, None, None));
        assert!(told.iter().any(|it| it.contains("d belongs to another user")), "{told:?}");
    }

    /// A directory that its owner cannot write in yet, but will.
    #[test]
    fn what_is_opened_first_is_no_obstacle() {
        let none: Vec<String> = vec![];
        assert_eq!(reasons(directory(0o555, 1000, false), 1000, (0o755, None, None)), none);
        assert_eq!(reasons(directory(0o555, 1000, false), 1000, (0, None, None)).len(), 1);
    }
}
