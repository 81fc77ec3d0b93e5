//! What follows from the facts.

mod programs;

use super::facts::{
    CertificateFacts, ClockFacts, DaemonFacts, DatabaseFacts, DirectoryFacts, Facts, FileFacts, HostFacts,
    SourceFacts, UnitFacts, UserFacts,
};
use super::{Finding, Severity};

/// The oldest ansible-core that is supported.
pub const OLDEST_ANSIBLE: (u32, u32) = (2, 16);

/// What runs as another user needs.
const CAPABILITIES: [&str; 4] = ["cap_setuid", "cap_setgid", "cap_chown", "cap_kill"];

/// A certificate that ends sooner than in so many days should have been renewed.
const CERTIFICATE_DAYS: i64 = 14;

/// With more hosts than this that do not answer only their number is told.
const HOSTS_TOLD: usize = 20;

/// Judges it all, in the order in which a person would look.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let mut all = Findings::default();
    all.daemon(facts);
    all.configuration(facts.configuration.as_ref());
    if let Some(unit) = &facts.unit {
        all.unit(unit);
    }
    facts.users.iter().for_each(|it| all.user(it));
    if let Some((group, exists)) = &facts.admin_group {
        all.group(group, *exists);
    }
    facts.directories.iter().for_each(|it| all.directory(it));
    facts.files.iter().for_each(|it| all.file(it));
    all.programs(facts);
    all.runtimes(facts);
    if let Some(certificate) = &facts.certificate {
        all.certificate(certificate);
    }
    all.clock(&facts.clock);
    if let Some(database) = &facts.database {
        all.database(database);
    }
    facts.sources.iter().for_each(|it| all.source(it));
    all.hosts(&facts.hosts);
    all.0
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, area: &str, severity: Severity, what: impl Into<String>, remedy: Option<String>) {
        self.0.push(Finding { area: area.to_owned(), severity, what: what.into(), remedy });
    }

    fn good(&mut self, area: &str, what: impl Into<String>) {
        self.add(area, Severity::Good, what, None);
    }

    fn bad(&mut self, area: &str, severity: Severity, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(area, severity, what, Some(remedy.into()));
    }

    fn daemon(&mut self, facts: &Facts) {
        match &facts.daemon {
            None => {}
            Some(DaemonFacts::Silent { why, remedy }) => {
                self.add("daemon", Severity::Warning, why.clone(), remedy.clone());
            }
            Some(DaemonFacts::Running { version, unready, notices }) => {
                if *version != facts.version {
                    let what = format!("the daemon is version {version}, and this program {}", facts.version);
                    self.bad("daemon", Severity::Warning, what, "restart it: `systemctl restart driftless`");
                }
                for why in unready {
                    self.bad("daemon", Severity::Error, why.clone(), "see `journalctl -u driftless`");
                }
                for notice in notices {
                    self.bad("daemon", Severity::Warning, notice.clone(), "see `driftless status`");
                }
                if unready.is_empty() {
                    self.good("daemon", format!("driftless {version} runs and is ready"));
                }
            }
        }
    }

    fn configuration(&mut self, found: Option<&Result<(), Vec<String>>>) {
        match found {
            None => {}
            Some(Ok(())) => self.good("configuration", "it is valid"),
            Some(Err(problems)) => {
                for problem in problems {
                    self.bad(
                        "configuration",
                        Severity::Error,
                        problem.clone(),
                        "`driftless check-config` shows the place",
                    );
                }
            }
        }
    }

    fn unit(&mut self, unit: &UnitFacts) {
        let area = "service";
        if unit.load != "loaded" {
            let what = format!("there is no unit `driftless.service` ({})", unit.load);
            return self.bad(
                area,
                Severity::Note,
                what,
                "install the package, or see docs/install.md; by hand, ignore this",
            );
        }
        if unit.active != "active" {
            let what = format!("the unit is {}", unit.active);
            self.bad(
                area,
                Severity::Warning,
                what,
                "`systemctl start driftless`, and `journalctl -u driftless` if it fails",
            );
        }
        if unit.enabled != "enabled" {
            let what = format!("the unit does not start with the machine ({})", unit.enabled);
            self.bad(area, Severity::Warning, what, "`systemctl enable driftless`");
        }
        let missing: Vec<&str> =
            CAPABILITIES.into_iter().filter(|it| !unit.capabilities.iter().any(|has| has == it)).collect();
        if unit.runs_as_others && !missing.is_empty() && unit.user != "root" {
            let what = format!(
                "runs are to belong to other users (`run_as`), and the unit lacks {}",
                missing.join(", ")
            );
            self.bad(
                area,
                Severity::Error,
                what,
                "take `AmbientCapabilities=` from the unit that comes with driftless",
            );
        }
        if unit.stop_seconds.is_some_and(|it| it <= unit.drain_seconds) {
            let what = format!(
                "systemd waits {} s for the daemon to stop, and applies may take `limits.drain`, {} s",
                unit.stop_seconds.unwrap_or_default(),
                unit.drain_seconds
            );
            self.bad(
                area,
                Severity::Warning,
                what,
                "set `TimeoutStopSec=` above `limits.drain`: `systemctl edit driftless`",
            );
        }
    }

    fn user(&mut self, user: &UserFacts) {
        if !user.exists {
            let what = format!("there is no user `{}` ({})", user.name, user.named_by);
            self.bad(
                "users",
                Severity::Error,
                what,
                format!("`useradd --system --create-home {}`", user.name),
            );
        }
    }

    fn group(&mut self, group: &str, exists: bool) {
        if exists {
            return self.good("users", format!("members of the group `{group}` may act"));
        }
        let what =
            format!("there is no group `{group}` (`admin_group`): only root and the daemon's user may act");
        self.bad("users", Severity::Warning, what, format!("`groupadd --system {group}`"));
    }

    fn directory(&mut self, it: &DirectoryFacts) {
        let (area, path) = ("directories", it.path.display());
        if !it.exists {
            let what = format!("`{}` ({path}) is not there yet", it.key);
            return self.bad(area, Severity::Note, what, "the daemon makes it when it starts, if it may");
        }
        if let Some(uid) = it.should_own.filter(|uid| *uid != it.owner) {
            let what =
                format!("`{}` ({path}) belongs to the user {}, and the daemon is {uid}", it.key, it.owner);
            self.bad(
                area,
                Severity::Error,
                what,
                format!("`chown -R {uid} {path}`, where nothing else is in it"),
            );
        }
        if it.mode & 0o022 != 0 {
            let what = format!(
                "others than its owner may write to `{}` ({path}): its mode is {:o}",
                it.key, it.mode
            );
            self.bad(area, Severity::Error, what, format!("`chmod 711 {path}`"));
        }
        if it.lasts && it.in_memory {
            let what = format!(
                "`{}` ({path}) is in memory: all records are gone after a restart of the machine",
                it.key
            );
            self.bad(area, Severity::Warning, what, "name a directory on a disk");
        }
        let Some(room) = it.room else { return };
        let (free, floor) = (room.free_bytes >> 20, room.floor_bytes >> 20);
        let remedy = "free some, or keep less (`retention`)";
        if room.free_bytes < room.floor_bytes {
            let what = format!(
                "no run starts: {free} MiB are free for `{}` ({path}), and {floor} MiB are kept free",
                it.key
            );
            self.bad("disk", Severity::Error, what, remedy);
        } else if room.free_bytes / 4 < room.floor_bytes {
            let what = format!(
                "only {free} MiB are free for `{}` ({path}); below {floor} MiB no run starts",
                it.key
            );
            self.bad("disk", Severity::Warning, what, remedy);
        } else {
            self.good("disk", format!("{free} MiB are free for `{}`", it.key));
        }
        if let Some(left) = room.files_left.filter(|left| *left < 20_000) {
            let what = format!("the file system of `{}` ({path}) can hold only {left} more files", it.key);
            self.bad(
                "disk",
                Severity::Warning,
                what,
                "remove files there, or make the file system anew with more inodes",
            );
        }
    }

    fn file(&mut self, it: &FileFacts) {
        let path = it.path.display();
        if let Some(problem) = &it.problem {
            let what = format!("{} ({path}) cannot be read: {problem}", it.what);
            return self.bad(
                "files",
                Severity::Error,
                what,
                "see that it exists and that the daemon's user may read it",
            );
        }
        // A group may read it: that is how the daemon gets at files of root.
        if it.secret && it.mode & 0o007 != 0 {
            let what = format!("everybody may use {} ({path}): its mode is {:o}", it.what, it.mode);
            let remedy = format!("`chmod o= {path}`; if others were here, change the secret");
            self.bad("files", Severity::Error, what, remedy);
        } else if it.mode & 0o022 != 0 {
            let what =
                format!("others than its owner may write to {} ({path}): its mode is {:o}", it.what, it.mode);
            self.bad("files", Severity::Error, what, format!("`chmod go-w {path}`"));
        }
    }

    fn certificate(&mut self, it: &CertificateFacts) {
        let (area, path) = ("certificate", it.path.display());
        let remedy = "renew it: the daemon reads it again by itself";
        match &it.ends {
            Err((why, remedy)) => {
                self.add(area, Severity::Error, format!("{path} cannot be used: {why}"), remedy.clone());
            }
            Ok(None) => self.add(area, Severity::Note, format!("when {path} ends cannot be read"), None),
            Ok(Some((ends, days))) if *days < 0 => {
                self.bad(
                    area,
                    Severity::Error,
                    format!("{path} ended on {ends}: browsers refuse it"),
                    remedy,
                );
            }
            Ok(Some((ends, days))) if *days < CERTIFICATE_DAYS => {
                self.bad(area, Severity::Warning, format!("{path} ends on {ends}"), remedy);
            }
            Ok(Some((ends, _))) => self.good(area, format!("it ends on {ends}")),
        }
    }

    fn clock(&mut self, clock: &ClockFacts) {
        let remedy = "let something keep the clock right: `timedatectl set-ntp true`, or chrony";
        match clock.synchronized {
            Some(true) => self.good("clock", "it is synchronized"),
            Some(false) => self.bad("clock", Severity::Warning, "nothing keeps the clock right", remedy),
            None => self.add(
                "clock",
                Severity::Note,
                "whether something keeps the clock right is not known",
                None,
            ),
        }
        if let Some(behind) = clock.behind_records_seconds.filter(|it| 60 < *it) {
            let what = format!("the clock is {behind} s behind the newest record: it was set back");
            self.bad("clock", Severity::Warning, what, remedy);
        }
    }

    fn database(&mut self, database: &DatabaseFacts) {
        let area = "database";
        if let Some(damage) = &database.damage {
            let remedy = "stop the daemon and restore a backup: `driftless restore FILE --replace`";
            return self.bad(area, Severity::Error, format!("it is damaged: {damage}"), remedy);
        }
        if database.known < database.format {
            let what = format!(
                "it has format {}, and this driftless knows formats up to {}",
                database.format, database.known
            );
            self.bad(
                area,
                Severity::Error,
                what,
                "install the newer driftless again, or restore a backup from before",
            );
        } else {
            self.good(area, format!("it is whole, and of format {}", database.format));
        }
        match &database.chain {
            Ok(records) => self.good("audit chain", format!("its {records} records hold together")),
            Err(fault) => {
                let remedy = "docs/runbooks/audit-chain-broken.md says what to do";
                self.bad("audit chain", Severity::Error, format!("it does not hold: {fault}"), remedy);
            }
        }
    }

    fn source(&mut self, source: &SourceFacts) {
        let (name, by) = (&source.name, source.asked_by);
        match &source.problem {
            None => self.good("sources", format!("{name} answers ({by})")),
            Some((what, remedy)) => {
                self.add("sources", Severity::Error, format!("{name} ({by}): {what}"), remedy.clone());
            }
        }
    }

    fn hosts(&mut self, hosts: &[HostFacts]) {
        let silent: Vec<&HostFacts> = hosts.iter().filter(|it| it.problem.is_some()).collect();
        let remedy = "see that they are up and that nothing between keeps ssh out; `driftless hosts` tells what they are owed";
        for host in silent.iter().take(HOSTS_TOLD) {
            let problem = host.problem.as_deref().unwrap_or_default();
            let what = format!("{} ({}) does not answer: {problem}", host.name, host.address);
            self.bad("hosts", Severity::Warning, what, remedy);
        }
        if HOSTS_TOLD < silent.len() {
            self.bad(
                "hosts",
                Severity::Warning,
                format!("{} more do not answer", silent.len() - HOSTS_TOLD),
                remedy,
            );
        }
        if hosts.len() != silent.len() {
            self.good("hosts", format!("{} of {} answer", hosts.len() - silent.len(), hosts.len()));
        }
    }
}
