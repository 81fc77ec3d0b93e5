//! Release files: `os-release`, `lsb_release`, and files like `/etc/redhat-release`, put together to a first guess of
//! distribution, version and code name.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::system::one;
use driftless_host::Host;

/// Files in `/etc` that look like a release file of a distribution and are none.
const NO_RELEASE_FILES: [&str; 9] = [
    "debian_version",
    "lsb-release",
    "oem-release",
    "os-release",
    "system-release",
    "plesk-release",
    "iredmail-release",
    "board-release",
    "ec2_version",
];

/// What the host says of its distribution.
#[derive(Debug, Default)]
pub(crate) struct Release {
    /// `os-release`, keys in lower case.
    pub(crate) os: BTreeMap<String, String>,
    /// `lsb_release -a`, keys in lower case with underscores.
    lsb: BTreeMap<String, String>,
    /// Name, version and code name of the first release file.
    file: BTreeMap<&'static str, String>,
    debian_version: String,
}

impl Release {
    /// Reads all that there is.
    pub(crate) fn read(host: &Host) -> Self {
        let os = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| host.raw(path));
        let lsb = host.output("lsb_release", &["-a"]).unwrap_or_default();
        Self {
            os: os_release(&os.unwrap_or_default()),
            lsb: lsb_release(&lsb),
            file: release_file(host),
            debian_version: host
                .raw("/etc/debian_version")
                .and_then(|text| text.lines().next().map(|line| line.trim_end().to_owned()))
                .unwrap_or_default(),
        }
    }

    fn os(&self, key: &str) -> &str {
        self.os.get(key).map_or("", String::as_str)
    }

    fn lsb(&self, key: &str) -> &str {
        self.lsb.get(key).map_or("", String::as_str)
    }

    /// The identifier of the distribution in lower case: `debian`, `rhel`.
    pub(crate) fn id(&self) -> String {
        let file = self.file.get("id").map_or("", String::as_str);
        let found = [self.os("id"), self.lsb("distributor_id"), file];
        let id = found.iter().find(|it| !it.is_empty()).map_or(String::new(), |it| it.to_lowercase());
        match id.replace(' ', "_").as_str() {
            "ol" | "enterpriseenterpriseas" | "enterpriseenterpriseserver" => "oracle".into(),
            "opensuse-leap" => "opensuse".into(),
            "redhat"
            | "redhatenterpriseworkstation"
            | "redhatenterpriseserver"
            | "redhatenterprisecomputenode" => "rhel".into(),
            other => other.to_owned(),
        }
    }

    /// The name with which the search for the distribution begins.
    pub(crate) fn name(&self) -> String {
        match self.id().as_str() {
            "amzn" => "Amazon".into(),
            "rhel" => "Redhat".into(),
            "" => "OtherLinux".into(),
            id => capitalized(id),
        }
    }

    /// The version, with the minor one where the distribution hides it.
    pub(crate) fn version(&self) -> String {
        let versions = self.versions();
        let first = versions.iter().find(|it| !it.is_empty()).cloned().unwrap_or_default();
        let best = versions.iter().filter(|it| !it.is_empty()).fold(String::new(), |best, version| {
            let is_better = best.is_empty() || dots(&best) < dots(version);
            if is_better { version.clone() } else { best }
        });
        match self.id().as_str() {
            "centos" => best.split('.').take(2).collect::<Vec<_>>().join("."),
            "debian" => best,
            _ => first,
        }
    }

    fn versions(&self) -> Vec<String> {
        let of = |text: &str| release_line(text).remove("version_id").unwrap_or_default();
        let mut versions = vec![
            self.os("version_id").to_owned(),
            self.lsb("release").to_owned(),
            self.file.get("version_id").cloned().unwrap_or_default(),
            of(self.os("pretty_name")),
            of(self.lsb("description")),
        ];
        let is_like_debian = self.os("id_like").split_whitespace().any(|it| it == "debian");
        if self.id() == "debian" || is_like_debian {
            versions.push(self.debian_version.clone());
        }
        versions
    }

    /// The code name, if any is known. It can be known to be empty.
    pub(crate) fn codename(&self) -> Option<String> {
        let named = self.os.get("version_codename").or_else(|| self.os.get("ubuntu_codename"));
        if let Some(name) = named {
            return Some(name.clone());
        }
        if self.id() == "ubuntu"
            && let Some(name) = self.lsb.get("codename")
        {
            return Some(name.clone());
        }
        // One that is known from os-release counts, even when it is empty.
        if let Some(name) = codename_in(self.os("version")) {
            return Some(name).filter(|it| !it.is_empty());
        }
        let file = self.file.get("codename").map_or("", String::as_str);
        [self.lsb("codename"), file].into_iter().find(|it| !it.is_empty()).map(str::to_owned)
    }

    /// The facts of the subset `lsb`.
    pub(crate) fn lsb_facts(&self, host: &Host) -> Map<String, Value> {
        let mut facts: BTreeMap<&str, String> = BTreeMap::new();
        for (key, name) in
            [("lsb_version", "release"), ("distributor_id", "id"), ("description", "description")]
                .into_iter()
                .chain([("release", "release"), ("codename", "codename")])
        {
            if let Some(value) = self.lsb.get(key) {
                facts.insert(name, value.clone());
            }
        }
        if facts.is_empty() {
            facts = lsb_file(&host.text("/etc/lsb-release").unwrap_or_default());
        }
        if let Some(release) = facts.get("release") {
            let major = release.split('.').next().unwrap_or_default().to_owned();
            facts.insert("major_release", major);
        }
        let trimmed: Map<String, Value> = facts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value.trim_matches(['\'', '"', '\\']))))
            .collect();
        one("lsb", trimmed.into())
    }
}

fn dots(version: &str) -> usize {
    version.matches('.').count()
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|it| it.to_uppercase().to_string()).unwrap_or_default();
    first + &characters.as_str().to_lowercase()
}

/// `os-release`: assignments as a shell would read them.
pub(crate) fn os_release(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut characters = text.chars().peekable();
    let mut word = String::new();
    let mut flush = |word: &mut String| {
        if let Some((key, value)) = std::mem::take(word).split_once('=') {
            found.insert(key.to_lowercase(), value.to_owned());
        }
    };
    while let Some(character) = characters.next() {
        match character {
            '\'' => word.extend(characters.by_ref().take_while(|it| *it != '\'')),
            '"' => {
                while let Some(quoted) = characters.next() {
                    match quoted {
                        '"' => break,
                        '\\' if matches!(characters.peek(), Some('"' | '\\')) => {
                            word.extend(characters.next());
                        }
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.extend(characters.next()),
            '#' if word.is_empty() => while characters.next_if(|it| *it != '\n').is_some() {},
            ' ' | '\t' | '\r' | '\n' => flush(&mut word),
            other => word.push(other),
        }
    }
    flush(&mut word);
    found
}

/// The code name in a version like `12 (bookworm)` or `18.04 LTS, Bionic`.
fn codename_in(version: &str) -> Option<String> {
    let without_digits = |text: &str| !text.is_empty() && !text.contains(|it: char| it.is_ascii_digit());
    if let Some((_, rest)) = version.split_once('(')
        && let Some((name, _)) = rest.split_once(')')
        && without_digits(name)
    {
        return Some(name.to_owned());
    }
    let (_, rest) = version.split_once(',')?;
    let end = rest.find(|it: char| it.is_ascii_digit()).unwrap_or(rest.len());
    let name = rest[..end].trim_start();
    (!name.is_empty()).then(|| name.to_owned())
}

/// What `lsb_release -a` prints.
fn lsb_release(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.replace(' ', "_").to_lowercase(), value.trim().to_owned()))
        .collect()
}

/// `/etc/lsb-release`, for hosts without the program.
fn lsb_file(text: &str) -> BTreeMap<&'static str, String> {
    let names = [
        ("DISTRIB_ID", "id"),
        ("DISTRIB_RELEASE", "release"),
        ("DISTRIB_DESCRIPTION", "description"),
        ("DISTRIB_CODENAME", "codename"),
    ];
    text.lines()
        .filter_map(|line| {
            let (_, value) = line.split_once('=')?;
            let (_, name) = names.iter().find(|(key, _)| line.contains(key))?;
            Some((*name, value.trim().to_owned()))
        })
        .collect()
}

/// The first file of `/etc` that is named like a release file and says a name.
fn release_file(host: &Host) -> BTreeMap<&'static str, String> {
    let mut names = host.names("/etc");
    names.sort();
    for name in names.iter().filter(|name| !NO_RELEASE_FILES.contains(&name.as_str())) {
        let stem =
            ["-release", "_release", "-version", "_version"].iter().find_map(|it| name.strip_suffix(it));
        let is_word = |it: &&str| !it.is_empty() && it.chars().all(|c| c.is_alphanumeric() || c == '_');
        let Some(stem) = stem.filter(is_word) else { continue };
        let text = host.raw(&format!("/etc/{name}")).unwrap_or_default();
        let mut found = release_line(text.lines().next().unwrap_or_default());
        if let Some(name) = found.get("name") {
            let is_cloud_linux = name.to_lowercase().contains("cloudlinux");
            found.insert("id", if is_cloud_linux { "cloudlinux".into() } else { stem.to_owned() });
            return found;
        }
    }
    BTreeMap::new()
}

/// A line like `Rocky Linux release 9.4 (Blue Onyx)`: name, version, code name.
pub(crate) fn release_line(line: &str) -> BTreeMap<&'static str, String> {
    let line = line.trim();
    let mut found = BTreeMap::new();
    if line.is_empty() {
        return found;
    }
    let (head, codename) = match line.rfind(')') {
        Some(close) => match line[..close].rfind('(') {
            Some(open) => (&line[..open], Some(&line[open + 1..close])),
            None => (line, None),
        },
        None => (line, None),
    };
    let Some((name, version)) = name_and_version(head.trim_end_matches(' ')) else {
        found.insert("name", line.to_owned());
        return found;
    };
    found.insert("name", name.to_owned());
    found.insert("version_id", version.to_owned());
    if let Some(codename) = codename.filter(|it| !it.is_empty()) {
        found.insert("codename", codename.to_owned());
    }
    found
}

/// Splits `Rocky Linux release 9.4`: the version begins with a digit and stands last.
fn name_and_version(head: &str) -> Option<(&str, &str)> {
    let head = head.strip_suffix(" LTS").unwrap_or(head);
    let allowed = |it: char| it.is_ascii_digit() || it.is_ascii_lowercase() || matches!(it, '.' | '+' | '-');
    let tail = head
        .rfind(|it: char| !allowed(it))
        .map_or(0, |at| at + head[at..].chars().next().map_or(1, char::len_utf8));
    let digit = tail + head[tail..].find(|it: char| it.is_ascii_digit())?;
    let version = &head[digit..];
    let name = head[..digit].trim_end_matches(' ');
    let name = name.strip_suffix("release").map_or(name, |it| it.trim_end_matches(' '));
    (!name.is_empty()).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOOKWORM: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n\
        VERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";

    #[test]
    fn debian_gets_its_minor_version_from_its_own_file() {
        let release = Release {
            os: os_release(BOOKWORM),
            debian_version: "12.11".into(),
            lsb: lsb_release("Distributor ID:\tDebian\nRelease:\t12\nCodename:\tbookworm\n"),
            ..Release::default()
        };
        assert_eq!(release.version(), "12.11");
        assert_eq!(release.name(), "Debian");
        assert_eq!(release.codename().unwrap(), "bookworm");
    }

    #[test]
    fn os_release_is_read_as_a_shell_would() {
        let text = "# c\nA='b \"c\"' B=\"d \\\"e\\\" $\\\\\"\nC=x\\ y\nnothing\nD=";
        let found = os_release(text);
        assert_eq!(found["a"], "b \"c\"");
        assert_eq!(found["b"], "d \"e\" $\\");
        assert_eq!(found["c"], "x y");
        assert_eq!(found["d"], "");
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn release_lines_are_taken_apart() {
        let line = |text| {
            let mut found = release_line(text);
            (
                found.remove("name").unwrap_or_default(),
                found.remove("version_id").unwrap_or_default(),
                found.remove("codename").unwrap_or_default(),
            )
        };
        let expected = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(line("Rocky Linux release 9.4 (Blue Onyx)"), expected("Rocky Linux", "9.4", "Blue Onyx"));
        assert_eq!(
            line("CentOS Linux release 7.9.2009 (Core)"),
            expected("CentOS Linux", "7.9.2009", "Core")
        );
        assert_eq!(line("Slackware 15.0"), expected("Slackware", "15.0", ""));
        assert_eq!(line("Debian GNU/Linux 12 (bookworm)"), expected("Debian GNU/Linux", "12", "bookworm"));
        assert_eq!(line("Arch Linux"), expected("Arch Linux", "", ""));
    }

    #[test]
    fn code_names_are_found_in_versions() {
        assert_eq!(codename_in("12 (bookworm)").unwrap(), "bookworm");
        assert_eq!(codename_in("18.04.6 LTS, Bionic Beaver").unwrap(), "Bionic Beaver");
        assert_eq!(codename_in("3.20.1"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).{0,200}") {
            let _any = os_release(&text);
            let _any = release_line(&text);
            let _any = lsb_release(&text);
            let _any = lsb_file(&text);
            let _any = codename_in(&text);
        }
    }
}
