//! Who is at the other end of the socket, and whether they may act.
//!
//! The kernel says the user and primary group of the peer. Its further groups are looked up in `/etc/group`, because
//! that is what the administrator of this machine wrote; groups that only a directory service knows do not count here.

use std::path::{Path, PathBuf};

use crate::domain::{Caller, Proof, Role, Scope};

/// Whether a peer may use the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// They may, and this is who they are.
    Granted(Caller),
    /// They may not, and this is their name.
    Denied(String),
}

/// Who may use the API, and where names are looked up.
#[derive(Debug, Clone)]
pub struct Accounts {
    daemon_uid: u32,
    admin_group: Option<String>,
    passwd: PathBuf,
    group: PathBuf,
}

impl Accounts {
    /// root, `daemon_uid` and the members of `admin_group` may use the API.
    pub fn new(daemon_uid: u32, admin_group: Option<String>) -> Self {
        Self { daemon_uid, admin_group, passwd: "/etc/passwd".into(), group: "/etc/group".into() }
    }

    /// The same with other files than `/etc/passwd` and `/etc/group`.
    #[must_use]
    pub fn files(mut self, passwd: impl Into<PathBuf>, group: impl Into<PathBuf>) -> Self {
        self.passwd = passwd.into();
        self.group = group.into();
        self
    }

    /// The number of the group of administrators, if it exists on this machine.
    pub fn admin_gid(&self) -> Option<u32> {
        let wanted = self.admin_group.as_deref()?;
        lines(&self.group).iter().find(|it| field(it, 0) == wanted).and_then(|it| field(it, 2).parse().ok())
    }

    /// The name of the group of administrators, whether it exists or not.
    pub fn admin_group(&self) -> Option<&str> {
        self.admin_group.as_deref()
    }

    /// Decides about the peer with these numbers.
    pub fn permission(&self, uid: u32, gid: u32) -> Permission {
        let name = self.user_name(uid);
        let allowed = uid == 0
            || uid == self.daemon_uid
            || self.admin_gid() == Some(gid)
            || name.as_deref().is_some_and(|it| self.is_member(it));
        let name = name.unwrap_or_else(|| format!("uid {uid}"));
        if !allowed {
            return Permission::Denied(name);
        }
        Permission::Granted(Caller {
            name,
            role: Role::Admin,
            scope: Scope::All,
            proof: Proof::Socket { uid },
        })
    }

    fn user_name(&self, uid: u32) -> Option<String> {
        let lines = lines(&self.passwd);
        let line = lines.iter().find(|it| field(it, 2).parse() == Ok(uid))?;
        Some(field(line, 0).to_owned()).filter(|it| !it.is_empty())
    }

    fn is_member(&self, user: &str) -> bool {
        let Some(wanted) = self.admin_group.as_deref() else { return false };
        lines(&self.group)
            .iter()
            .filter(|it| field(it, 0) == wanted)
            .any(|it| field(it, 3).split(',').any(|member| member == user))
    }
}

/// The lines of a small file of the system; none if it cannot be read, and then nobody is found in it.
fn lines(path: &Path) -> Vec<String> {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
        .unwrap_or_default()
}

fn field(line: &str, number: usize) -> &str {
    line.split(':').nth(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(dir: &Path) -> Accounts {
        std::fs::write(
            dir.join("passwd"),
            "root:x:0:0::/root:/bin/sh\ndriftless:x:990:990::/:/bin/false\nann:x:1001:100::/:/bin/sh\n\
             bob:x:1002:100::/:/bin/sh\n+::::::\nanna:x:1003:100::/:/bin/sh\n",
        )
        .expect("passwd");
        std::fs::write(dir.join("group"), "users:x:100:bob\ndriftless-admin:x:985:ann,carl\nbroken\n")
            .expect("group");
        Accounts::new(990, Some("driftless-admin".to_owned())).files(dir.join("passwd"), dir.join("group"))
    }

    fn granted(accounts: &Accounts, uid: u32, gid: u32) -> Option<String> {
        match accounts.permission(uid, gid) {
            Permission::Granted(person) => Some(person.name),
            Permission::Denied(_) => None,
        }
    }

    #[test]
    fn root_the_daemon_and_administrators_may() {
        let dir = tempfile::tempdir().expect("a directory");
        let accounts = accounts(dir.path());
        assert_eq!(accounts.admin_gid(), Some(985));
        assert_eq!(granted(&accounts, 0, 0).as_deref(), Some("root"));
        assert_eq!(granted(&accounts, 990, 990).as_deref(), Some("driftless"));
        assert_eq!(granted(&accounts, 1001, 100).as_deref(), Some("ann"));
        assert_eq!(granted(&accounts, 1002, 985).as_deref(), Some("bob"), "by the primary group");
        assert_eq!(granted(&accounts, 4242, 985).as_deref(), Some("uid 4242"));
    }

    #[test]
    fn others_may_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let accounts = accounts(dir.path());
        assert_eq!(granted(&accounts, 1002, 100), None);
        assert_eq!(granted(&accounts, 1003, 100), None, "anna is not ann");
        assert_eq!(granted(&accounts, 4242, 100), None);
    }

    #[test]
    fn without_a_group_or_its_file_only_root_and_the_daemon_may() {
        let dir = tempfile::tempdir().expect("a directory");
        let none = Accounts { admin_group: None, ..accounts(dir.path()) };
        assert_eq!(granted(&none, 1001, 985), None);
        let missing =
            Accounts::new(990, Some("driftless-admin".to_owned())).files("/nonexistent", "/nonexistent");
        assert_eq!(missing.admin_gid(), None);
        assert_eq!(granted(&missing, 1001, 985), None);
        assert_eq!(granted(&missing, 0, 0).as_deref(), Some("uid 0"));
    }
}
