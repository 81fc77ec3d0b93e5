//! Files whose content is not looked at: of their diffs only "differs" is kept.

/// Where secrets are kept. `*` and `?` stand for parts of a name, `**` for any directories.
const DENIED: [&str; 32] = [
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/security/opasswd",
    "/etc/ssl/private/**",
    "/etc/pki/tls/private/**",
    "/etc/sudoers.d/**",
    "/etc/wireguard/**",
    "/etc/krb5.keytab",
    "/proc/**/environ",
    "**/*.key",
    "**/*.pem",
    "**/*.p12",
    "**/*.pfx",
    "**/*.jks",
    "**/*.kdbx",
    "**/*.keytab",
    "**/id_*",
    "**/ssh_host_*_key",
    "**/.netrc",
    "**/.pgpass",
    "**/.my.cnf",
    "**/.htpasswd",
    "**/.git-credentials",
    "**/.vault_pass*",
    "**/.aws/credentials",
    "**/.docker/config.json",
    "**/*vault*",
    "**/*vault*/**",
    "**/secrets/**",
    "**/*secret*",
];

/// Paths of files on hosts whose diffs are not kept.
#[derive(Debug, Clone)]
pub struct DenyList {
    patterns: Vec<Vec<String>>,
}

impl Default for DenyList {
    fn default() -> Self {
        Self::new(std::iter::empty::<&str>())
    }
}

impl DenyList {
    /// What is denied always, and the operator's own patterns. One that does not begin with `/` holds at any depth,
    /// one that ends with `/` for all that is below.
    pub fn new(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut list = Self { patterns: DENIED.iter().map(|it| segments(it)).collect() };
        list.patterns.extend(patterns.into_iter().filter(|it| !it.as_ref().trim().is_empty()).map(|it| {
            let it = it.as_ref().trim();
            let below = if it.ends_with('/') { "**" } else { "" };
            if it.starts_with('/') {
                segments(&format!("{it}{below}"))
            } else {
                segments(&format!("**/{it}{below}"))
            }
        }));
        list
    }

    /// Whether the file's content is to be left alone. Upper and lower case are the same, and what Ansible adds to
    /// a path in a diff (`/etc/shadow (content)`) does not count.
    pub fn matches(&self, path: &str) -> bool {
        let path = path.trim();
        let path = path.strip_suffix(')').and_then(|it| it.rsplit_once(" (")).map_or(path, |it| it.0);
        let path = segments(path);
        self.patterns.iter().any(|it| fits(it, &path))
    }
}

/// The names of a path, without what leads nowhere. An absolute one begins with an empty name.
fn segments(path: &str) -> Vec<String> {
    let mut names: Vec<String> = if path.starts_with('/') { vec![String::new()] } else { Vec::new() };
    let least = names.len();
    for name in path.split('/').filter(|it| !it.is_empty() && *it != ".") {
        if name != ".." {
            names.push(name.to_lowercase());
        } else if least < names.len() {
            names.pop();
        }
    }
    names
}

/// Whether a pattern fits a whole path: for each of its names in turn, the ends of the path's beginnings that fit.
fn fits(pattern: &[String], path: &[String]) -> bool {
    let mut ends = vec![false; path.len() + 1];
    ends[0] = true;
    for name in pattern {
        let mut next = vec![false; path.len() + 1];
        if name == "**" {
            let first = ends.iter().position(|it| *it).unwrap_or(ends.len());
            next[first..].fill(true);
        } else {
            for at in 0..path.len() {
                next[at + 1] = ends[at] && name_fits(name, &path[at]);
            }
        }
        ends = next;
    }
    ends[path.len()]
}

fn name_fits(pattern: &str, name: &str) -> bool {
    let mut ends = vec![false; name.chars().count() + 1];
    ends[0] = true;
    for it in pattern.chars() {
        let mut next = vec![false; ends.len()];
        if it == '*' {
            let first = ends.iter().position(|it| *it).unwrap_or(ends.len());
            next[first..].fill(true);
        } else {
            for (at, other) in name.chars().enumerate() {
                next[at + 1] = ends[at] && (it == '?' || it == other);
            }
        }
        ends = next;
    }
    ends.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn where_secrets_are_kept() {
        let list = DenyList::new(["/srv/app/*.ini", "conf/private/", "*.asc", " "]);
        for path in [
            "/etc/shadow",
            "/etc/shadow (content)",
            "/etc//./x/../SHADOW",
            "/etc/ssl/private/a/b.crt",
            "/home/x/.ssh/id_ed25519",
            "id_rsa",
            "server.key",
            "/opt/a.PEM (file attributes)",
            "/srv/app/.netrc",
            "/x/my-vault.yml",
            "/x/vault/plain.yml",
            "/x/secrets/plain.yml",
            "/srv/app/x.ini",
            "/a/conf/private/b/c",
            "/a/b.asc",
        ] {
            assert!(list.matches(path), "{path}");
        }
        for path in [
            "/etc/passwd",
            "/etc/shadows",
            "/srv/app/x/y.ini",
            "/a/conf/privat/b",
            "/etc/nginx.conf",
            "",
            "/",
        ] {
            assert!(!list.matches(path), "{path}");
        }
        assert!(!DenyList::default().matches("/srv/app/x.ini"));
    }

    proptest! {
        #[test]
        fn any_pattern_and_any_path(pattern in ".*", path in ".*", plain in "(/[a-z]{1,3}){1,4}") {
            let list = DenyList::new([&pattern, &plain]);
            list.matches(&path);
            prop_assert!(list.matches(&plain));
        }

        #[test]
        fn stars_grow(name in "[a-z]{0,8}", at in 0_usize..9) {
            let at = at.min(name.len());
            let pattern = format!("/{}*{}", &name[..at], &name[at..]);
            let list = DenyList::new([pattern]);
            let longer = format!("/x{}q{}", &name[..at], &name[at..]);
            prop_assert!(!list.matches(&longer[..2]) || name.is_empty() || name == "x");
            let longer = format!("/{}qq{}", &name[..at], &name[at..]);
            prop_assert!(list.matches(&longer));
        }
    }
}
