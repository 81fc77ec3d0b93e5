//! Packages: the databases of dpkg and apk are read, that of rpm is asked through its program.

use std::collections::BTreeMap;

use driftless_host::Host;
use serde_json::json;

use crate::item::Package as Wanted;
use crate::verdict::Comparison;

const DPKG: &str = "/var/lib/dpkg/status";
const APK: [&str; 2] = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];
const LIMIT_BYTES: u64 = 256 << 20;

/// A package that the database knows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Package {
    architecture: String,
    version: String,
    /// `installed`, or how far it got: `half-configured`, `config-files`.
    status: String,
}

/// The packages of a host, or of those that were asked for.
#[derive(Debug)]
pub(crate) struct Packages(Result<BTreeMap<String, Vec<Package>>, String>);

impl Packages {
    /// Reads the database that the host has. Only the `names` are sure to be in the answer.
    pub(crate) fn read(host: &Host, names: &[String]) -> Self {
        if let Some(text) = host.raw_up_to(DPKG, LIMIT_BYTES) {
            return Self(Ok(dpkg(&text)));
        }
        if let Some(text) = APK.iter().find_map(|path| host.raw_up_to(path, LIMIT_BYTES)) {
            return Self(Ok(apk(&text)));
        }
        if let Some(program) = host.program("rpm") {
            let format = "%{NAME}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\n";
            let mut arguments = vec!["-q", "--queryformat", format, "--"];
            arguments.extend(names.iter().map(String::as_str));
            // It fails if one of them is not installed, and answers all the same.
            let answer = host.run(&program, &arguments).map(|(_, text)| rpm(&text));
            return Self(answer.ok_or_else(|| "rpm did not answer in time".to_owned()));
        }
        Self(Err("this host has none of the package databases that are known: dpkg, rpm, apk".to_owned()))
    }

    pub(crate) fn compare(&self, wanted: &Wanted, comparison: &mut Comparison) {
        let word = if wanted.installed { "installed" } else { "absent" };
        let packages = match &self.0 {
            Ok(packages) => packages,
            Err(reason) => return comparison.unknown("state", json!(word), reason.clone()),
        };
        let found = find(packages, &wanted.name);
        let status = found.map_or("absent", |package| package.status.as_str());
        // Configuration that was left behind is no package.
        let status = if status == "config-files" || status == "not-installed" { "absent" } else { status };
        comparison.property("state", word, status);
        if let (Some(version), Some(found)) = (&wanted.version, found.filter(|_| status == "installed")) {
            let is_same = match version.strip_suffix('*') {
                Some(start) => found.version.starts_with(start),
                None => found.version == *version,
            };
            comparison.judged("version", json!(version), json!(found.version), is_same);
        }
    }
}

/// A package by its name, or by name and architecture: `libc6:amd64`. An installed one is preferred.
fn find<'a>(packages: &'a BTreeMap<String, Vec<Package>>, name: &str) -> Option<&'a Package> {
    let (name, architecture) = match name.split_once(':') {
        Some((name, architecture)) => (name, Some(architecture)),
        None => (name, None),
    };
    let is_wanted = |package: &&Package| architecture.is_none_or(|it| it == package.architecture);
    let fitting = || packages.get(name).into_iter().flatten().filter(is_wanted);
    fitting().find(|package| package.status == "installed").or_else(|| fitting().next())
}

/// The status file of dpkg: paragraphs of fields.
fn dpkg(text: &str) -> BTreeMap<String, Vec<Package>> {
    let mut found: BTreeMap<String, Vec<Package>> = BTreeMap::new();
    for paragraph in text.split("\n\n") {
        let (mut name, mut package) = ("", Package::empty());
        for line in paragraph.lines() {
            // Most lines are descriptions, and long lists of dependencies.
            if !line.starts_with(['P', 'V', 'A', 'S']) {
                continue;
            }
            match line.split_once(": ") {
                Some(("Package", value)) => name = value,
                Some(("Version", value)) => value.clone_into(&mut package.version),
                Some(("Architecture", value)) => value.clone_into(&mut package.architecture),
                Some(("Status", value)) => {
                    value.rsplit(' ').next().unwrap_or_default().clone_into(&mut package.status);
                }
                _ => {}
            }
        }
        if !name.is_empty() {
            found.entry(name.to_owned()).or_default().push(package);
        }
    }
    found
}

/// The database of apk: paragraphs with a letter before each value.
fn apk(text: &str) -> BTreeMap<String, Vec<Package>> {
    let mut found: BTreeMap<String, Vec<Package>> = BTreeMap::new();
    for paragraph in text.split("\n\n") {
        let field =
            |letter: &str| paragraph.lines().find_map(|line| line.strip_prefix(letter)).unwrap_or_default();
        if !field("P:").is_empty() {
            let package = Package {
                architecture: field("A:").to_owned(),
                version: field("V:").to_owned(),
                status: "installed".to_owned(),
            };
            found.entry(field("P:").to_owned()).or_default().push(package);
        }
    }
    found
}

/// What rpm prints in our format. Lines about packages that are not installed have no tabs.
fn rpm(text: &str) -> BTreeMap<String, Vec<Package>> {
    let mut found: BTreeMap<String, Vec<Package>> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        if let [name, version, architecture] = fields[..] {
            let package = Package {
                architecture: architecture.to_owned(),
                version: version.to_owned(),
                status: "installed".to_owned(),
            };
            found.entry(name.to_owned()).or_default().push(package);
        }
    }
    found
}

impl Package {
    fn empty() -> Self {
        Self { architecture: String::new(), version: String::new(), status: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::verdict::State::{self, AsWanted, Differs, Unknown};

    const STATUS: &str = "Package: libc6\nStatus: install ok installed\nArchitecture: i386\nVersion: 2.36-9\n\n\
        Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u1\nDescription: x\n Status: y\n\n\
        Package: nginx\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1.22\n\n\
        Package: broken\nStatus: install ok half-configured\nArchitecture: all\nVersion: 1\n";

    #[track_caller]
    fn check(
        packages: Result<BTreeMap<String, Vec<Package>>, String>,
        wanted: (&str, bool, Option<&str>),
        state: State,
        reason: &str,
    ) {
        let (name, installed, version) = wanted;
        let wanted = Wanted { name: name.to_owned(), installed, version: version.map(str::to_owned) };
        let mut comparison = Comparison::default();
        Packages(packages).compare(&wanted, &mut comparison);
        let found = comparison.into_verdict(0, String::new(), "package");
        assert_eq!((found.state, found.reason.as_deref().unwrap_or_default()), (state, reason), "{found:?}");
    }

    #[test]
    fn packages_of_dpkg_are_verified() {
        let packages = || Ok(dpkg(STATUS));
        check(packages(), ("libc6", true, None), AsWanted, "");
        check(packages(), ("libc6:amd64", true, Some("2.36-9+deb12u1")), AsWanted, "");
        check(packages(), ("libc6:amd64", true, Some("2.36*")), AsWanted, "");
        check(
            packages(),
            ("libc6:amd64", true, Some("2.36")),
            Differs,
            "version is 2.36-9+deb12u1, wanted 2.36",
        );
        check(packages(), ("libc6:arm64", true, None), Differs, "state is absent, wanted installed");
        check(packages(), ("nginx", false, None), AsWanted, "");
        check(packages(), ("nginx", true, None), Differs, "state is absent, wanted installed");
        check(packages(), ("broken", true, Some("1")), Differs, "state is half-configured, wanted installed");
        check(packages(), ("broken", false, None), Differs, "state is half-configured, wanted absent");
        check(Err("no database".into()), ("x", true, None), Unknown, "no database");
    }

    #[test]
    fn packages_of_rpm_and_apk_are_verified() {
        let text = "bash\t5.1.8-9.el9\tx86_64\npackage nano is not installed\n";
        check(Ok(rpm(text)), ("bash", true, Some("5.1.8-9.el9")), AsWanted, "");
        check(Ok(rpm(text)), ("nano", true, None), Differs, "state is absent, wanted installed");
        let text = "C:Q1\nP:musl\nV:1.2.5-r0\nA:x86_64\n\nP:zlib\nV:1.3\n\n";
        check(Ok(apk(text)), ("musl", true, Some("1.2.5-r0")), AsWanted, "");
        check(Ok(apk(text)), ("zlib", false, None), Differs, "state is installed, wanted absent");
    }

    proptest! {
        #[test]
        fn no_database_panics(text in "(?s)(Package: a\n)?.{0,80}(\n\nP:)?.{0,40}") {
            let _any = dpkg(&text);
            let _any = apk(&text);
            let _any = rpm(&text);
            let _any = find(&dpkg(&text), &text);
        }
    }
}
