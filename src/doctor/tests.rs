//! Broken installations, and what is said of each.

use super::*;

/// What is not good, a line each.
fn said(change: impl FnOnce(&mut Facts)) -> String {
    let mut facts = well();
    change(&mut facts);
    let bad = judge(&facts).into_iter().filter(|it| it.severity != Severity::Good);
    let lines: Vec<String> = bad
        .map(|it| {
            let remedy = it.remedy.map_or_else(String::new, |it| format!(" | {it}"));
            format!("{} {}: {}{remedy}", it.severity.as_str(), it.area, it.what)
        })
        .collect();
    lines.join("\n")
}

fn directory() -> DirectoryFacts {
    DirectoryFacts {
        key: "state_dir".to_owned(),
        path: "/var/lib/driftless".into(),
        exists: true,
        mode: 0o711,
        owner: 990,
        should_own: Some(990),
        room: Some(RoomFacts { free_bytes: 10 << 30, floor_bytes: 256 << 20, files_left: Some(1 << 20) }),
        in_memory: false,
        lasts: true,
    }
}

fn well() -> Facts {
    Facts {
        version: "1.2.0".to_owned(),
        daemon: Some(DaemonFacts::Running { version: "1.2.0".to_owned(), unready: vec![], notices: vec![] }),
        configuration: Some(Ok(())),
        unit: Some(UnitFacts {
            load: "loaded".to_owned(),
            active: "active".to_owned(),
            enabled: "enabled".to_owned(),
            user: "driftless".to_owned(),
            capabilities: ["cap_setuid", "cap_setgid", "cap_chown", "cap_kill"].map(str::to_owned).to_vec(),
            stop_seconds: Some(720),
            drain_seconds: 600,
            runs_as_others: true,
        }),
        users: vec![UserFacts { name: "run".to_owned(), named_by: "`run_as`".to_owned(), exists: true }],
        admin_group: Some(("driftless-admin".to_owned(), true)),
        directories: vec![directory()],
        files: vec![FileFacts {
            what: "the key of variables".to_owned(),
            path: "/k".into(),
            mode: 0o600,
            secret: true,
            problem: None,
        }],
        git: Some(Ok("git version 2.39.5".to_owned())),
        ansible: Some(AnsibleFacts::Found { version: "2.19.14".to_owned() }),
        pythons: vec![PythonFacts { python: "python3".into(), problem: None }],
        runtimes: vec![RuntimeFacts {
            version: "2.18.1".to_owned(),
            dir: "/c/runtimes/5d".into(),
            has_python: true,
            has_ansible: true,
        }],
        certificate: Some(CertificateFacts {
            path: "/s/fleet.pem".into(),
            ends: Ok(Some(("2027-02-01T00:00:00Z".to_owned(), 65))),
        }),
        sandbox: Some(Ok(())),
        clock: ClockFacts { synchronized: Some(true), behind_records_seconds: Some(-5) },
        database: Some(DatabaseFacts { damage: None, format: 6, known: 6, chain: Ok(17) }),
        sources: vec![SourceFacts { name: "infra".to_owned(), problem: None, asked_by: "the daemon" }],
        hosts: vec![HostFacts { name: "web1".to_owned(), address: "web1:22".to_owned(), problem: None }],
    }
}

fn unit(change: impl FnOnce(&mut UnitFacts)) -> String {
    said(|it| change(it.unit.as_mut().expect("there is one")))
}

fn at(change: impl FnOnce(&mut DirectoryFacts)) -> String {
    said(|it| change(&mut it.directories[0]))
}

fn certificate(ends: Result<Option<CertificateEnd>, (String, Option<String>)>) -> String {
    said(|it| it.certificate.as_mut().expect("there is one").ends = ends)
}

fn room(change: impl FnOnce(&mut RoomFacts)) -> String {
    at(|it| change(it.room.as_mut().expect("it is known")))
}

#[test]
fn nothing_is_said_of_an_installation_that_is_well() {
    assert_eq!(said(|_| {}), "");
    assert_eq!(said(|it| it.files[0].mode = 0o640), "", "a group may read a secret");
    assert!(!is_unhealthy(&judge(&well())));
    assert!(10 < judge(&well()).len(), "but what was looked at is told");
}

#[test]
fn nothing_at_all_is_known_on_an_empty_machine() {
    assert_eq!(
        said(|it| *it = Facts::default()),
        "note clock: whether something keeps the clock right is not known"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn each_broken_part_is_named_with_what_mends_it() {
    let broken: [(String, &[&str]); 32] = [
        (said(|it| it.version = "1.3.0".to_owned()), &["warning daemon", "1.2.0", "systemctl restart"]),
        (
            said(|it| {
                it.daemon = Some(DaemonFacts::Silent { why: "nobody answers".to_owned(), remedy: None });
            }),
            &["warning daemon: nobody answers"],
        ),
        (
            said(|it| {
                let unready = vec!["the journal cannot be written".to_owned()];
                it.daemon =
                    Some(DaemonFacts::Running { version: "1.2.0".to_owned(), unready, notices: vec![] });
            }),
            &["error daemon: the journal", "journalctl"],
        ),
        (
            said(|it| it.configuration = Some(Err(vec!["unknown key".to_owned()]))),
            &["error configuration", "check-config"],
        ),
        (unit(|it| it.load = "not-found".to_owned()), &["note service", "install"]),
        (unit(|it| it.active = "failed".to_owned()), &["warning service: the unit is failed", "journalctl"]),
        (unit(|it| it.enabled = "disabled".to_owned()), &["warning service", "systemctl enable"]),
        (
            unit(|it| it.capabilities.truncate(2)),
            &["error service", "cap_chown, cap_kill", "AmbientCapabilities="],
        ),
        (unit(|it| it.stop_seconds = Some(90)), &["warning service", "90 s", "TimeoutStopSec="]),
        (said(|it| it.users[0].exists = false), &["error users", "`run`", "useradd"]),
        (
            said(|it| it.admin_group = Some(("ops".to_owned(), false))),
            &["warning users", "groupadd --system ops"],
        ),
        (at(|it| it.exists = false), &["note directories", "not there yet"]),
        (at(|it| it.owner = 0), &["error directories", "chown -R 990"]),
        (at(|it| it.mode = 0o777), &["error directories", "777", "chmod 711"]),
        (at(|it| it.in_memory = true), &["warning directories", "in memory"]),
        (room(|it| it.free_bytes = 100 << 20), &["error disk: no run starts: 100 MiB", "retention"]),
        (room(|it| it.free_bytes = 900 << 20), &["warning disk: only 900 MiB", "retention"]),
        (room(|it| it.files_left = Some(9)), &["warning disk", "only 9 more files"]),
        (said(|it| it.files[0].mode = 0o660), &["error files", "chmod go-w /k"]),
        (said(|it| it.files[0].mode = 0o644), &["error files", "change the secret"]),
        (said(|it| it.files[0].problem = Some("no such file".to_owned())), &["error files", "no such file"]),
        (
            said(|it| it.git = Some(Ok("git version 2.20.1".to_owned()))),
            &["error programs", "too old", "2.39"],
        ),
        (said(|it| it.git = Some(Err("not found".to_owned()))), &["error programs", "install git"]),
        (
            said(|it| it.ansible = Some(AnsibleFacts::Found { version: "2.9.27".to_owned() })),
            &["error programs: ansible-core 2.9.27", "2.16 or newer"],
        ),
        (
            said(|it| {
                it.sandbox = Some(Err(("bwrap is missing".to_owned(), "install bubblewrap".to_owned())));
            }),
            &["warning programs", "bwrap is missing", "install bubblewrap"],
        ),
        (said(|it| it.clock.synchronized = Some(false)), &["warning clock", "set-ntp"]),
        (
            said(|it| it.pythons[0].problem = Some("No module named ensurepip".to_owned())),
            &["error runtimes", "`python3 -m venv` does not work: No module named", "python3-venv"],
        ),
        (
            said(|it| it.runtimes[0].has_ansible = false),
            &["error runtimes", "2.18.1 (/c/runtimes/5d) has no", "rm -r /c/runtimes/5d"],
        ),
        (said(|it| it.runtimes[0].has_python = false), &["note runtimes", "is gone", "builds it anew"]),
        (
            certificate(Ok(Some(("2026-12-05".to_owned(), 7)))),
            &["warning certificate", "2026-12-05", "renew"],
        ),
        (
            certificate(Ok(Some(("2026-11-05".to_owned(), -1)))),
            &["error certificate", "browsers refuse", "renew"],
        ),
        (
            certificate(Err(("there is no key".to_owned(), Some("look at `tls.key`".to_owned())))),
            &["error certificate", "/s/fleet.pem cannot be used: there is no key", "tls.key"],
        ),
    ];
    for (said, wanted) in broken {
        assert_eq!(said.lines().count(), 1, "{said}");
        for it in wanted {
            assert!(said.contains(it), "{it} is not in: {said}");
        }
    }
}

#[test]
fn state_and_surroundings_are_judged() {
    let database =
        |change: fn(&mut DatabaseFacts)| said(|it| change(it.database.as_mut().expect("there is one")));
    for (said, wanted) in [
        (
            said(|it| it.clock.behind_records_seconds = Some(7200)),
            "warning clock: the clock is 7200 s behind",
        ),
        (
            database(|it| it.damage = Some("row 3 missing".to_owned())),
            "error database: it is damaged: row 3 missing",
        ),
        (database(|it| it.format = 9), "error database: it has format 9"),
        (
            database(|it| it.chain = Err("record 4".to_owned())),
            "error audit chain: it does not hold: record 4",
        ),
        (
            said(|it| {
                it.sources[0].problem = Some(("unknown host key".to_owned(), Some("add it".to_owned())));
            }),
            "error sources: infra (the daemon): unknown host key | add it",
        ),
        (
            said(|it| it.ansible = Some(AnsibleFacts::Missing { why: "it is not in /usr/bin".to_owned() })),
            "warning programs: there is no Ansible of the system: it is not in /usr/bin",
        ),
    ] {
        assert!(said.starts_with(wanted), "{said}");
    }
    let host = |it| HostFacts {
        name: format!("h{it}"),
        address: "a:22".to_owned(),
        problem: Some("refused".to_owned()),
    };
    let many = said(|it| it.hosts = (0..50).map(host).collect());
    assert_eq!(many.lines().count(), 21, "{many}");
    assert!(many.contains("30 more do not answer"));
}
