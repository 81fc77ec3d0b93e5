//! What is made of good operator files.

use std::path::{Path, PathBuf};

use super::super::{Config, Severity};
use super::{checks, infra, operator};
use crate::domain::{AirbagPolicy, ApplyPolicy, CheckSchedule, HealPolicy, RewindPolicy, Span, StackName};

#[test]
fn the_smallest_file_takes_every_default() {
    let config = infra();
    let settings = &config.settings;
    assert_eq!((settings.max_live_runs, settings.drain_timeout), (4, Span::from_mins(10)));
    assert_eq!((settings.retry_base, settings.retry_max), (Span::from_secs(30), Span::from_hours(1)));
    let source = &config.sources[&super::source()];
    assert_eq!(settings.sources, std::slice::from_ref(&source.policy));
    assert_eq!(source.policy.reference.as_str(), "main");
    assert_eq!((source.policy.poll_every, source.policy.rewinds), (Span::from_mins(1), RewindPolicy::Ask));
    assert_eq!(source.credentials.https_user, "git");
    assert_eq!(source.access, super::super::Access::default());
    assert_eq!(config.listen.to_string(), "127.0.0.1:9847");
    assert_eq!(config.admin_group, "driftless-admin");
    assert_eq!(config.paths.state_dir, PathBuf::from("/var/lib/driftless"));
    assert_eq!((config.paths.python.as_ref(), config.raw_log), (None, false));
    assert_eq!((config.limits.timeout, config.limits.output), (Span::from_hours(1), 256 << 20));
    assert_eq!((config.limits.daily_heals, config.limits.max_task_time), (3, Span::from_mins(30)));
    assert_eq!(config.limits.airbag, AirbagPolicy::default());
    assert!(config.aliases.is_empty() && config.redact == super::super::Redact::default());
    assert_eq!(config.host_metrics, 500);
    assert_eq!((config.limits.checkout.files, config.limits.checkout.size), (200_000, 2 << 30));
    assert_eq!(config.limits.run, super::super::RunLimits::default());
    assert_eq!((config.retention.age, config.retention.size), (Span::from_hours(90 * 24), 5 << 30));
    assert!(config.warnings.is_empty(), "{}", config.warnings);
}

/// What a package installs: the daemon comes up before anybody told it what to follow.
#[test]
fn the_file_of_a_package_follows_nothing_yet() {
    let text = std::fs::read_to_string(super::fixture("systemd/config.yml")).expect("the file");
    let config = operator(&text).expect("valid");
    assert!(config.sources.is_empty() && config.warnings.is_empty(), "{}", config.warnings);
}

#[test]
fn what_is_said_of_a_stack_outranks_what_is_said_of_its_source_key_by_key() {
    let config = operator(
        "
sources:
  infra:
    url: ssh://git@git.example/infra.git
    access:
      ssh_key: {file: /dev/null}
      remote_user: deploy
      vault:
        default: {credential: vault}
        prod: {credential: vault-prod}
    stacks:
      web:
        apply: manual
        heal: corrective
        check: {every: 2h}
        timeout: 3h
        forks: 20
        access:
          remote_user: web
          become_password: {credential: become}
          vault:
            prod: {credential: vault-web}
",
    )
    .expect("a configuration");
    let source = &config.sources[&super::source()];
    let name = |it: &str| it.parse::<StackName>().expect("a name");
    let web = source.access_for(&name("web"));
    assert_eq!(web.remote_user.as_deref(), Some("web"));
    assert_eq!(web.ssh_key.map(|it| it.describe()).as_deref(), Some("file /dev/null"));
    let vault: Vec<String> = web.vault.iter().map(|(id, it)| format!("{id}: {}", it.describe())).collect();
    assert_eq!(vault, ["default: credential vault", "prod: credential vault-web"]);
    assert_eq!(source.access_for(&name("db")), source.access);
    let of_web = &source.stacks[&name("web")];
    assert_eq!((of_web.apply, of_web.heal), (Some(ApplyPolicy::Manual), Some(HealPolicy::Corrective)));
    assert_eq!((of_web.timeout, of_web.forks), (Some(Span::from_hours(3)), Some(20)));
    assert_eq!(of_web.check, Some(CheckSchedule::Every(Span::from_hours(2))));
}

#[test]
fn what_is_held_and_healed_is_said_for_all_and_outranked_for_one() {
    let config = operator(
        "
sources:
  infra:
    url: https://git.example/infra.git
    stacks:
      web: {airbag: {fewer: 100%, more_changes: 4}, daily_heals: 0, max_task_time: 2h}
limits: {daily_heals: 5, max_task_time: 10m, airbag: {fewer: 10%, max_hosts: 50}}
",
    )
    .expect("a configuration");
    let text = "version: 1\nstacks:\n  web: {playbook: site.yml, inventory: inventory.ini}\n  db: {playbook: base.yml, inventory: inventory.ini}\n";
    let tree = super::Tree::usual().with("driftless.yml", text);
    let declaration = config.declaration(&super::source(), &tree).expect("valid");
    let [db, web] = declaration.stacks.as_slice() else { panic!("{declaration:?}") };
    assert_eq!((db.daily_heals, db.max_task_time), (5, Span::from_mins(10)));
    assert_eq!(db.airbag, AirbagPolicy { fewer_percent: 10, max_hosts: Some(50), more_changes: None });
    assert_eq!((web.daily_heals, web.max_task_time), (0, Span::from_hours(2)));
    assert_eq!(web.airbag, AirbagPolicy { fewer_percent: 100, max_hosts: Some(50), more_changes: Some(4) });
    assert!(declaration.notes.is_empty(), "{declaration:?}");
}

#[test]
fn one_machine_has_one_name_however_it_is_reached() {
    let config = operator(
        "
sources: {infra: {url: /srv/infra}}
aliases:
  Web1.example.org: web1
  web1: web1
  10.0.0.5:22: web1
  10.0.0.5:2222: container7
  '[FD00::5]': web1
  'fd00::6': web2
  '[fd00::6]:2222': web3
redact: {paths: [/srv/app/*.ini, private/], names: [dsn]}
metrics: {hosts: 20}
",
    )
    .expect("a configuration");
    let aliases: Vec<String> = config.aliases.iter().map(|(key, name)| format!("{key} {name}")).collect();
    assert_eq!(
        aliases,
        [
            "10.0.0.5 web1",
            "10.0.0.5:2222 container7",
            "[fd00::6]:2222 web3",
            "fd00::5 web1",
            "fd00::6 web2",
            "web1 web1",
            "web1.example.org web1",
        ]
    );
    assert_eq!(config.redact.paths, ["/srv/app/*.ini", "private/"]);
    assert_eq!((config.redact.names.as_slice(), config.host_metrics), (&["dsn".to_owned()][..], 20));
}

#[test]
fn anchors_and_merges_save_repetition() {
    let config = operator(
        "
sources:
  infra: &usual
    url: https://git.example/infra.git
    poll: 5m
    rewinds: follow
  web:
    <<: *usual
    url: https://git.example/web.git
",
    )
    .expect("a configuration");
    let web = &config.sources[&"web".parse().expect("a name")];
    assert_eq!(web.url, "https://git.example/web.git");
    assert_eq!((web.policy.poll_every, web.policy.rewinds), (Span::from_mins(5), RewindPolicy::Follow));
}

#[test]
fn what_is_doubtful_warns_and_does_not_stop_the_other_sources() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = dir.path().join("open");
    std::fs::write(&open, "hunter2").expect("written");
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("changed");
    let text = format!(
        "
sources:
  infra:
    url: https://git.example/infra.git
    run_as: driftless-infra
    credentials: {{ssh_key: {{file: /nowhere/key}}, https_token: {{file: {}}}}}
  web:
    url: https://git.example/web.git
    run_as: driftless-infra
    access: {{known_hosts: /nowhere/hosts, become_password: {{credential: become}}}}
",
        open.display()
    );
    let config = Config::parse("config.yml", &text, Some(dir.path()), &checks()).expect("a configuration");
    assert!(config.warnings.diagnostics.iter().all(|it| it.severity == Severity::Warning));
    let said: Vec<&str> = config.warnings.diagnostics.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "`/nowhere/key` does not exist",
            &format!("`{}` holds a secret and everybody can read it", open.display()),
            "`infra` and `web` share the user `driftless-infra`",
            "`/nowhere/hosts` does not exist",
            "systemd handed over no credential `become`",
        ]
    );
}

#[test]
fn an_address_that_others_reach_has_to_be_wanted() {
    let text = "listen: '[::]:80'\nlisten_publicly: true\nsources: {a: {url: /srv/a}}\n";
    assert_eq!(operator(text).map(|it| it.listen.port()), Ok(80));
    assert!(operator("listen: '[::]:80'\nsources: {a: {url: /srv/a}}\n").is_err());
}

#[test]
fn with_tls_others_may_reach_it() {
    let text = "listen: 0.0.0.0:443\ntls: {certificate: /etc/a.pem, key: {file: /etc/a.key}}\nsources: {a: {url: /srv/a}}\n";
    let tls = operator(text).expect("valid").tls.expect("TLS");
    assert_eq!(tls.certificate, Path::new("/etc/a.pem"));
    assert_eq!(tls.key.describe(), "file /etc/a.key");
    let half = "tls: {certificate: /etc/a.pem}\nsources: {a: {url: /srv/a}}\n";
    assert!(operator(half).is_err());
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let load = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        Config::load(&path, None, &checks()).map(|_| ()).map_err(|it| it.render(false))
    };
    let missing = Config::load(Path::new("/nowhere/config.yml"), None, &checks()).expect_err("missing");
    assert!(missing.render(false).starts_with("error: /nowhere/config.yml: cannot be read: No such file"));
    let large = load("large", &vec![b'#'; 1024 * 1024 + 1]).expect_err("large");
    assert!(large.contains("is larger than 1 MiB"), "{large}");
    let latin = load("latin", b"# a\n# \xe4\n").expect_err("not UTF-8");
    assert!(latin.contains("is not UTF-8 in line 2"), "{latin}");
    assert_eq!(load("good", b"sources: {a: {url: /srv/a}}\n"), Ok(()));
}

#[test]
fn only_some_changes_need_a_restart() {
    let old = infra();
    let same = operator("sources: {b: {url: /srv/b}}\nlimits: {runs: 9}\nraw_log: true\n").expect("valid");
    assert_eq!(Config::changes(&old, &same), Vec::<String>::new());
    let text = "sources: {b: {url: /srv/b}}\nlisten: 127.0.0.1:1\nstate_dir: /srv/state\n";
    assert_eq!(
        Config::changes(&old, &operator(text).expect("valid")),
        [
            "`listen` stays `127.0.0.1:9847` until a restart; `127.0.0.1:1` is configured.",
            "`state_dir` stays `/var/lib/driftless` until a restart; `/srv/state` is configured.",
        ]
    );
}

#[test]
fn a_report_is_readable_for_programs_and_in_colour() {
    let report = operator("sources:\n  infra:\n    url: /srv/ü\n    pol: 1m\n").expect_err("an unknown key");
    let finding = &report.findings()[0];
    assert_eq!((finding.line, finding.column), (Some(4), Some(5)));
    assert_eq!(finding.help, Some("did you mean `poll`?"));
    assert!(report.render(true).contains("\u{1b}["));
    assert_eq!(report.to_string(), report.render(false));
}

#[test]
fn a_forge_is_told_by_its_kind_and_its_token() {
    let config = operator(
        "
sources:
  infra:
    url: https://git.example:8443/ops/infra.git
    credentials: {ca_bundle: /dev/null}
    forge: {kind: gitlab, token: {credential: gitlab}}
",
    )
    .expect("a configuration");
    let forge = config.sources[&super::source()].forge.as_ref().expect("a forge");
    assert_eq!(forge.kind, crate::domain::ForgeKind::Gitlab);
    assert_eq!(
        (forge.api.as_str(), forge.project.as_str()),
        ("https://git.example:8443/api/v4", "ops/infra")
    );
    assert_eq!(
        (forge.token.describe(), forge.poll_every),
        ("credential gitlab".to_owned(), Span::from_mins(1))
    );
    assert_eq!(forge.ca_bundle, Some(PathBuf::from("/dev/null")));
    assert_eq!(infra().sources[&super::source()].forge, None);
}
