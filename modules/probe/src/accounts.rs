//! Users and groups.

use std::cell::RefCell;
use std::collections::BTreeMap;

use driftless_host::Host;
use serde_json::json;

use crate::item::{Group as WantedGroup, User as WantedUser};
use crate::verdict::Comparison;

/// Sources of `/etc/nsswitch.conf` that are the files themselves, or add only what the system makes up for itself.
const FILES: [&str; 3] = ["files", "compat", "systemd"];

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
    comment: String,
    home: String,
    shell: String,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

/// The accounts of a host: those in its files, and others as the host itself looks them up.
#[derive(Debug)]
pub(crate) struct Accounts<'a> {
    host: &'a Host,
    users: Vec<User>,
    groups: Vec<Group>,
    has_other_users: bool,
    has_other_groups: bool,
    looked_up: RefCell<BTreeMap<(&'static str, String), Option<String>>>,
}

impl<'a> Accounts<'a> {
    pub(crate) fn read(host: &'a Host) -> Self {
        let services = host.raw("/etc/nsswitch.conf").unwrap_or_default();
        let read = |path: &str| host.raw_up_to(path, 64 << 20).unwrap_or_default();
        Self {
            host,
            users: read("/etc/passwd").lines().filter_map(user).collect(),
            groups: read("/etc/group").lines().filter_map(group).collect(),
            has_other_users: has_others(&services, "passwd:"),
            has_other_groups: has_others(&services, "group:"),
            looked_up: RefCell::default(),
        }
    }

    /// A line of a database of the host, for accounts that are not in the files.
    fn look_up(&self, database: &'static str, key: &str) -> Option<String> {
        let known = self.looked_up.borrow().get(&(database, key.to_owned())).cloned();
        known.unwrap_or_else(|| {
            let line = self.host.output("getent", &["--", database, key]);
            self.looked_up.borrow_mut().insert((database, key.to_owned()), line.clone());
            line
        })
    }

    fn user(&self, key: &str) -> Option<User> {
        let number = key.parse().ok();
        let by_file = self.users.iter().find(|user| user.name == key || Some(user.uid) == number).cloned();
        let by_host = || user(self.look_up("passwd", key)?.lines().next()?);
        by_file.or_else(|| if self.has_other_users { by_host() } else { None })
    }

    fn group(&self, key: &str) -> Option<Group> {
        let number = key.parse().ok();
        let by_file =
            self.groups.iter().find(|group| group.name == key || Some(group.gid) == number).cloned();
        let by_host = || group(self.look_up("group", key)?.lines().next()?);
        by_file.or_else(|| if self.has_other_groups { by_host() } else { None })
    }

    pub(crate) fn user_name(&self, uid: u32) -> Option<String> {
        self.user(&uid.to_string()).map(|user| user.name)
    }

    pub(crate) fn group_name(&self, gid: u32) -> Option<String> {
        self.group(&gid.to_string()).map(|group| group.name)
    }

    /// The names of the groups that a user is in besides its own.
    fn groups_of(&self, name: &str) -> Vec<String> {
        let is_in = |group: &&Group| group.members.iter().any(|member| member == name);
        let mut found: Vec<String> =
            self.groups.iter().filter(is_in).map(|group| group.name.clone()).collect();
        if self.has_other_groups
            && let Some(line) = self.look_up("initgroups", name)
        {
            let numbers = line.split_whitespace().skip(1).filter_map(|gid| gid.parse().ok());
            found.extend(numbers.filter_map(|gid| self.group_name(gid)));
            found.sort();
            found.dedup();
        }
        found
    }

    pub(crate) fn compare_user(&self, wanted: &WantedUser, comparison: &mut Comparison) {
        let named = |user: &User| user.name == wanted.name;
        let found = self.user(&wanted.name).filter(named);
        if !state(wanted.present, found.is_some(), comparison) {
            return;
        }
        let Some(found) = found else { return };
        if let Some(uid) = wanted.uid {
            comparison.property("uid", uid, found.uid);
        }
        if let Some(group) = &wanted.group {
            let name = self.group_name(found.gid).unwrap_or(found.gid.to_string());
            let is_same = name == *group || found.gid.to_string() == *group;
            comparison.judged("group", json!(group), json!(name), is_same);
        }
        if let Some(groups) = &wanted.groups {
            let all = self.groups_of(&wanted.name);
            let own = self.group_name(found.gid);
            let is_same = groups.iter().all(|group| all.contains(group) || own.as_ref() == Some(group));
            comparison.judged("groups", json!(groups), json!(all), is_same);
        }
        for (name, wanted, found) in [
            ("home", &wanted.home, found.home),
            ("shell", &wanted.shell, found.shell),
            ("comment", &wanted.comment, found.comment),
        ] {
            if let Some(wanted) = wanted {
                comparison.property(name, wanted.as_str(), found);
            }
        }
    }

    pub(crate) fn compare_group(&self, wanted: &WantedGroup, comparison: &mut Comparison) {
        let found = self.group(&wanted.name).filter(|group| group.name == wanted.name);
        if !state(wanted.present, found.is_some(), comparison) {
            return;
        }
        let Some(found) = found else { return };
        if let Some(gid) = wanted.gid {
            comparison.property("gid", gid, found.gid);
        }
        if let Some(members) = &wanted.members {
            let is_same = members.iter().all(|member| found.members.contains(member));
            comparison.judged("members", json!(members), json!(found.members), is_same);
        }
    }
}

/// Compares presence. Gives whether more is to be compared.
pub(crate) fn state(wanted: bool, found: bool, comparison: &mut Comparison) -> bool {
    let word = |present: bool| if present { "present" } else { "absent" };
    comparison.property("state", word(wanted), word(found));
    wanted && found
}

fn has_others(services: &str, database: &str) -> bool {
    let line = services.lines().find_map(|line| line.trim().strip_prefix(database));
    let sources = line.unwrap_or_default().split_whitespace().filter(|it| !it.starts_with('['));
    sources.into_iter().any(|source| !FILES.contains(&source))
}

fn user(line: &str) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, comment, home, shell] = fields[..] else { return None };
    Some(User {
        name: name.to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        comment: comment.to_owned(),
        home: home.to_owned(),
        shell: shell.to_owned(),
    })
}

fn group(line: &str) -> Option<Group> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, gid, members] = fields[..] else { return None };
    let members = members.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    Some(Group { name: name.to_owned(), gid: gid.parse().ok()?, members })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::tests::verdict;
    use crate::verdict::State::{self, AsWanted, Differs};

    #[track_caller]
    fn check(item: Value, state: State, reason: Option<&str>) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/bash\nweb:x:33:33:,,,:/srv:/bin/false\nbroken\n";
        fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        fs::write(root.path().join("etc/group"), "root:x:0:\nwww:x:33:\nadm:x:4:web,root\n").unwrap();
        let found = verdict(root.path(), item);
        assert_eq!((found.state, found.reason.as_deref()), (state, reason), "{found:?}");
    }

    #[test]
    fn users_are_verified() {
        check(json!({"user": "web"}), AsWanted, None);
        check(
            json!({"user": {"name": "web", "uid": 33, "group": "www", "groups": ["adm", "www"]}}),
            AsWanted,
            None,
        );
        check(
            json!({"user": {"name": "web", "shell": "/bin/sh"}}),
            Differs,
            Some("shell is /bin/false, wanted /bin/sh"),
        );
        check(
            json!({"user": {"name": "web", "groups": "sudo"}}),
            Differs,
            Some("groups is [\"adm\"], wanted [\"sudo\"]"),
        );
        check(json!({"user": "gone"}), Differs, Some("state is absent, wanted present"));
        check(json!({"user": {"name": "gone", "state": "absent"}}), AsWanted, None);
        // A number is no name.
        check(json!({"user": "33"}), Differs, Some("state is absent, wanted present"));
    }

    #[test]
    fn groups_are_verified() {
        check(json!({"group": {"name": "adm", "gid": 4, "members": ["web"]}}), AsWanted, None);
        check(json!({"group": {"name": "adm", "gid": 5}}), Differs, Some("gid is 4, wanted 5"));
        check(
            json!({"group": {"name": "adm", "state": "absent"}}),
            Differs,
            Some("state is present, wanted absent"),
        );
    }

    #[test]
    fn the_host_is_asked_only_if_accounts_may_be_elsewhere() {
        assert!(!has_others("passwd: files systemd\ngroup: files ldap\n", "passwd:"));
        assert!(has_others("passwd: files systemd\ngroup: files [SUCCESS=merge] ldap\n", "group:"));
        assert!(!has_others("", "passwd:"));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[a-z0-9:,]{0,40}") {
            let _any = user(&line);
            let _any = group(&line);
        }
    }
}
