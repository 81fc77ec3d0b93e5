//! Users and groups by name.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use driftless_module::prelude::*;
use nix::unistd::{Gid, Group, Uid, User};

/// The number of a user.
pub(crate) fn user(name: &str) -> Result<u32, Failure> {
    let known = || User::from_name(name).ok().flatten().map(|it| it.uid.as_raw());
    number(name).or_else(known).or_else(|| ask("passwd", name)).explain(unknown("user", "owner", name))
}

/// The number of a group.
pub(crate) fn group(name: &str) -> Result<u32, Failure> {
    let known = || Group::from_name(name).ok().flatten().map(|it| it.gid.as_raw());
    number(name).or_else(known).or_else(|| ask("group", name)).explain(unknown("group", "group", name))
}

fn number(name: &str) -> Option<u32> {
    name.parse().ok()
}

fn unknown(what: &str, option: &str, name: &str) -> String {
    format!("The host has no {what} {name:?}: make it in an earlier task, or give {option} as a number.")
}

/// Asks the system's own C library, which knows directories such as LDAP. This program is static and knows only files.
fn ask(database: &str, name: &str) -> Option<u32> {
    let mut command = Command::new("getent");
    let told =
        command.args(["--", database, name]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(told.stdout).ok()?.split(':').nth(2)?.parse().ok()
}

/// Names of numbers, each looked up once. What has no name is told as its number.
#[derive(Default)]
pub(crate) struct Names {
    users: BTreeMap<String, String>,
    groups: BTreeMap<String, String>,
}

impl Names {
    pub(crate) fn user(&mut self, number: &str) -> String {
        let look = || User::from_uid(Uid::from_raw(number.parse().ok()?)).ok().flatten().map(|it| it.name);
        remembered(&mut self.users, number, look)
    }

    pub(crate) fn group(&mut self, number: &str) -> String {
        let look = || Group::from_gid(Gid::from_raw(number.parse().ok()?)).ok().flatten().map(|it| it.name);
        remembered(&mut self.groups, number, look)
    }
}

fn remembered(
    known: &mut BTreeMap<String, String>,
    number: &str,
    look: impl FnOnce() -> Option<String>,
) -> String {
    known.entry(number.to_owned()).or_insert_with(|| look().unwrap_or_else(|| number.to_owned())).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_known_by_name_and_by_number() {
        assert_eq!(user("root").unwrap(), 0);
        assert_eq!(group("4711").unwrap(), 4711);
        let told = user("nobody-has-this-name").unwrap_err();
        assert!(told.message().contains("earlier task"), "{told}");
        assert_eq!(Names::default().user("0"), "root");
        assert_eq!(Names::default().group("4294967290"), "4294967290");
    }
}
