//! What is found out about this machine: the unit, users, directories, files, the database.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use driftless::config::{Config, TlsConfig};
use driftless::daemon::{self, clock};
use driftless::doctor::{
    CertificateFacts, DatabaseFacts, DirectoryFacts, Facts, FileFacts, RoomFacts, UnitFacts, UserFacts,
};
use driftless::domain::{StackId, Timestamp};
use driftless::store::{Space, examine};

use super::doctor::store_dir;

/// What `statfs` calls a file system in memory.
const TMPFS: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// The first line that a program says, or why it cannot be started.
pub(super) fn first_line(program: &str, arguments: &[&str]) -> Result<String, String> {
    let said =
        Command::new(program).args(arguments).env("LC_ALL", "C").output().map_err(|it| it.to_string())?;
    if !said.status.success() {
        return Err(format!("it ended with {}", said.status));
    }
    Ok(String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or_default().trim().to_owned())
}

pub(super) fn clock_is_synchronized() -> Option<bool> {
    match first_line("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).ok()?.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// The unit; `None` where there is no systemd.
pub(super) fn unit(drain_seconds: u64, runs_as_others: bool) -> Option<UnitFacts> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let names = "LoadState,ActiveState,UnitFileState,User,AmbientCapabilities,TimeoutStopUSec";
    let shown = Command::new("systemctl")
        .args(["show", "driftless.service", "--property", names])
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let value = |name: &str| {
        let line = text.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    Some(UnitFacts {
        load: value("LoadState"),
        active: value("ActiveState"),
        enabled: value("UnitFileState"),
        user: value("User"),
        capabilities: value("AmbientCapabilities").split_whitespace().map(str::to_lowercase).collect(),
        stop_seconds: seconds(&value("TimeoutStopUSec")),
        drain_seconds,
        runs_as_others,
    })
}

/// A length of time as systemd writes it: `1h 12min 3.5s`; `None` for `infinity` and what is not understood.
fn seconds(text: &str) -> Option<u64> {
    text.split_whitespace().try_fold(0, |sum, word| {
        let (number, unit) = word.split_at(word.find(|it: char| it.is_ascii_alphabetic())?);
        let whole: u64 = number.split('.').next()?.parse().ok()?;
        let factor = match unit {
            "w" => 604_800,
            "d" => 86_400,
            "h" => 3_600,
            "min" => 60,
            "s" => 1,
            "ms" | "us" => 0,
            _ => return None,
        };
        Some(sum + whole * factor)
    })
}

pub(super) fn users(config: &Config, unit: Option<&UnitFacts>) -> Vec<UserFacts> {
    let mut all: Vec<UserFacts> = Vec::new();
    let mut add = |name: &str, named_by: String| {
        if !name.is_empty() && all.iter().all(|it| it.name != name) {
            all.push(UserFacts { name: name.to_owned(), named_by, exists: uid_of(name).is_some() });
        }
    };
    if let Some(unit) = unit {
        add(&unit.user, "`User=` of the unit".to_owned());
    }
    for source in config.sources.values() {
        let named_by = format!("`run_as` of the source {}", source.policy.name);
        add(source.run_as.as_deref().unwrap_or_default(), named_by);
    }
    all
}

fn uid_of(name: &str) -> Option<u32> {
    nix::unistd::User::from_name(name).ok().flatten().map(|it| it.uid.as_raw())
}

pub(super) fn group_exists(name: &str) -> bool {
    nix::unistd::Group::from_name(name).is_ok_and(|it| it.is_some())
}

pub(super) fn directories(config: &Config, unit: Option<&UnitFacts>) -> Vec<DirectoryFacts> {
    let user = unit.filter(|it| it.load == "loaded").map(|it| it.user.as_str()).filter(|it| !it.is_empty());
    let should_own = user.and_then(uid_of);
    let paths = &config.paths;
    let named = [
        ("state_dir", &paths.state_dir, true, true),
        ("cache_dir", &paths.cache_dir, true, false),
        ("run_dir", &paths.run_dir, false, false),
    ];
    named
        .into_iter()
        .map(|(key, path, has_floor, lasts)| {
            let metadata = std::fs::metadata(path).ok();
            let floor = if has_floor { config.limits.free_disk } else { 0 };
            let room = Space::of(path, floor).ok().map(|it| RoomFacts {
                free_bytes: it.available_bytes,
                floor_bytes: it.floor_bytes,
                files_left: it.files_left,
            });
            DirectoryFacts {
                key: key.to_owned(),
                path: path.clone(),
                exists: metadata.is_some(),
                mode: metadata.as_ref().map_or(0, |it| it.permissions().mode() & 0o7777),
                owner: metadata.as_ref().map_or(0, std::fs::Metadata::uid),
                should_own,
                room: room.filter(|_| has_floor),
                in_memory: rustix::fs::statfs(path).is_ok_and(|it| TMPFS.contains(&it.f_type)),
                lasts,
            }
        })
        .collect()
}

/// The configuration, the keys of the store, and every file that the configuration names as a secret.
pub(super) fn files(config: &Config, config_file: &Path) -> Vec<FileFacts> {
    let mut all = vec![file("the configuration", config_file, false)];
    let store = store_dir(config);
    for (what, name) in
        [("the key of variables", "driftless.key"), ("the key of the audit chain", "audit.key")]
    {
        let path = store.join(name);
        if path.exists() {
            all.push(file(what, &path, true));
        }
    }
    // Credentials of systemd are not among them: their files are of the service alone.
    all.extend(config.secret_files().into_iter().map(|(what, path)| file(&what, path, true)));
    all
}

fn file(what: &str, path: &Path, secret: bool) -> FileFacts {
    let found = std::fs::metadata(path);
    FileFacts {
        what: what.to_owned(),
        path: path.to_owned(),
        problem: found.as_ref().err().map(ToString::to_string),
        mode: found.map_or(0, |it| it.permissions().mode() & 0o7777),
        secret,
    }
}

/// When the certificate ends, and whether it can be used.
pub(super) fn certificate(tls: &TlsConfig) -> CertificateFacts {
    let days = |ends: Timestamp| ends.duration_since(clock::now()).as_hours().div_euclid(24);
    let ends = daemon::examine_certificate(tls);
    CertificateFacts {
        path: tls.certificate.clone(),
        ends: ends.map(|it| it.map(|it| (it.to_string(), days(it)))).map_err(|it| (it.message, it.remedy)),
    }
}

/// What the database knows of the fleet.
#[derive(Default)]
pub(super) struct Known {
    /// The machines, by the name in their inventory.
    pub(super) machines: Vec<(String, String)>,
    /// The stacks that declare an Ansible of their own.
    pub(super) managed: BTreeSet<StackId>,
}

/// Examines the database.
pub(super) fn database(facts: &mut Facts, config: &Config) -> Known {
    let dir = store_dir(config);
    if !dir.join("driftless.db").exists() {
        return Known::default();
    }
    let examined = match examine(&dir) {
        Ok(examined) => examined,
        Err(error) => {
            let damage = Some(format!("it cannot be read: {error}"));
            facts.database = Some(DatabaseFacts { damage, format: 0, known: 0, chain: Ok(0) });
            return Known::default();
        }
    };
    facts.clock.behind_records_seconds = examined.newest.map(|it| it.duration_since(clock::now()).as_secs());
    facts.database = Some(DatabaseFacts {
        damage: examined.damage,
        format: examined.format,
        known: examined.known,
        chain: examined.chain,
    });
    let machines = examined.machines.into_iter().filter(|(_, it)| it != "localhost");
    let machines = machines.map(|(name, machine)| (name, with_port(machine))).collect();
    Known { machines, managed: examined.managed }
}

/// An address of ssh has its port only where it is another than 22.
fn with_port(machine: String) -> String {
    match (machine.starts_with('['), machine.matches(':').count()) {
        (true, _) | (false, 1) => machine,
        (false, 0) => format!("{machine}:22"),
        _ => format!("[{machine}]:22"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_systemd_writes_them() {
        for (text, wanted) in [
            ("12min", Some(720)),
            ("1h 1min 30s", Some(3690)),
            ("1.500s", Some(1)),
            ("infinity", None),
            ("", Some(0)),
        ] {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }

    #[test]
    fn machines_have_the_port_of_ssh_unless_they_say_another() {
        for (machine, wanted) in [
            ("web1", "web1:22"),
            ("10.0.0.5:2222", "10.0.0.5:2222"),
            ("fd00::5", "[fd00::5]:22"),
            ("[fd00::5]:9", "[fd00::5]:9"),
        ] {
            assert_eq!(with_port(machine.to_owned()), wanted);
        }
    }
}
