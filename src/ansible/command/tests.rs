use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{RunId, RuntimeSpec, Selection, Span, Trigger};

fn spec() -> RunSpec {
    RunSpec {
        run: RunId(7),
        stack: "infra/web".parse().unwrap(),
        revision: format!("main@sha1:{}", "ab".repeat(20)).parse().unwrap(),
        mode: Mode::Apply,
        trigger: Trigger::NewRevision,
        merge_request: None,
        requested_by: None,
        failures_before: 0,
        outside_window: None,
        selection: Selection::Full,
        playbook: "site.yml".to_owned(),
        inventory: "inventories/production".to_owned(),
        limit: None,
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: BTreeMap::new(),
        forks: None,
        debts: Vec::new(),
        timeout: Span::from_mins(30),
        runtime: RuntimeSpec::System,
    }
}

fn place() -> Place {
    Place {
        checkout: "/c".into(),
        run_dir: "/r/7".into(),
        state_dir: "/s".into(),
        home: "/h".into(),
        launcher: "/l/launcher.py".into(),
        nonce: "nonce".to_owned(),
        item_key: Secret::new("key".to_owned()),
    }
}

fn runtime() -> Runtime {
    Runtime {
        python: "/v/bin/python".into(),
        bin_dir: "/v/bin".into(),
        hash: "h".to_owned(),
        version: "2.19.14".to_owned(),
        collections_path: None,
        roles_path: None,
    }
}

fn launched(spec: &RunSpec, access: &Access) -> Result<Launch, CommandError> {
    launch(spec, &place(), access, &runtime(), &RepositoryConfig::default())
}

fn argv(spec: &RunSpec, access: &Access) -> Vec<String> {
    launched(spec, access).unwrap().launcher_spec.argv
}

#[test]
fn a_plain_run_names_its_inventory_and_its_playbook() {
    let launch = launched(&spec(), &Access::default()).unwrap();
    assert_eq!(launch.program, Path::new("/v/bin/python"));
    assert_eq!(launch.args, ["-I", "-B", "/l/launcher.py"]);
    assert_eq!(
        launch.launcher_spec.argv,
        ["--inventory=/c/inventories/production", "--diff", "--", "/c/site.yml"]
    );
    assert_eq!(launch.cwd, Path::new("/c"));
    let files: Vec<_> = launch.files.iter().map(|it| it.path.clone()).collect();
    assert_eq!(files, [PathBuf::from("/r/7/own/none.cfg")]);
}

#[test]
fn everything_that_a_stack_declares_becomes_an_option() {
    let spec = RunSpec {
        mode: Mode::Check,
        limit: Some("web:!web1".to_owned()),
        tags: vec!["a".to_owned(), "b".to_owned()],
        skip_tags: vec!["c".to_owned()],
        forks: Some(20),
        extra_vars: BTreeMap::from([("x".to_owned(), json!("{{ y }}"))]),
        ..spec()
    };
    let access = Access {
        ssh_key: Some(Credential::File("/k".into())),
        become_password: Some(Credential::Text(Secret::new("hunter2".to_owned()))),
        vault_ids: vec![("prod".to_owned(), Credential::File("/vault".into()))],
        remote_user: Some("deploy".to_owned()),
        ..Access::default()
    };
    let expected = [
        "--inventory=/c/inventories/production",
        "--limit=web:!web1",
        "--tags=a,b",
        "--skip-tags=c",
        "--forks=20",
        "--check",
        "--diff",
        "--extra-vars=@/r/7/own/vars.json",
        "--user=deploy",
        "--private-key=/k",
        "--become-password-file=/r/7/own/become",
        "--vault-id=prod@/vault",
        "--",
        "/c/site.yml",
    ];
    assert_eq!(argv(&spec, &access), expected);
    let launch = launched(&spec, &access).unwrap();
    let file = |name: &str| launch.files.iter().find(|it| it.path.ends_with(name)).unwrap().contents.expose();
    assert_eq!(file("become"), "hunter2");
    assert_eq!(file("vars.json"), r#"{"x":{"__ansible_unsafe":"{{ y }}"}}"#);
    assert!(!format!("{launch:?}").contains("hunter2"));
}

#[test]
fn values_that_could_be_options_or_files_are_refused() {
    for bad in
        ["-e", "--connection=local", "@/etc/passwd", "web,@/etc/passwd", "a\nb", "a\0b", "", " ", " -x"]
    {
        let with = |change: &dyn Fn(&mut RunSpec)| {
            let mut spec = spec();
            change(&mut spec);
            launched(&spec, &Access::default()).map(|it| it.launcher_spec.argv)
        };
        let refused = [
            with(&|it| it.limit = Some(bad.to_owned())),
            with(&|it| it.tags = vec!["good".to_owned(), bad.to_owned()]),
            with(&|it| it.skip_tags = vec![bad.to_owned()]),
        ];
        for result in refused {
            assert!(matches!(result, Err(CommandError::Value { .. })), "{bad:?}: {result:?}");
        }
        let vault_ids = vec![(bad.to_owned(), Credential::File("/v".into()))];
        assert!(launched(&spec(), &Access { vault_ids, ..Access::default() }).is_err(), "{bad:?}");
    }
    for bad in ["", "-x", "@x", "/etc/hosts", "../x", "a/../../x", "a,b", "a\nb", "localhost,"] {
        for spec in
            [RunSpec { playbook: bad.to_owned(), ..spec() }, RunSpec { inventory: bad.to_owned(), ..spec() }]
        {
            let result = launched(&spec, &Access::default());
            assert!(matches!(result, Err(CommandError::Path { .. })), "{bad:?}");
        }
    }
}

#[test]
fn variables_have_names_that_ansible_can_hold() {
    for (name, value) in [
        ("", json!(1)),
        ("1a", json!(1)),
        ("a-b", json!(1)),
        ("a b", json!(1)),
        ("{{ x }}", json!(1)),
        ("ü", json!(1)),
        ("__ansible_x", json!(1)),
        ("ok", json!({"__ansible_vault": "$ANSIBLE_VAULT"})),
        ("ok", json!([{"a": {"__ansible_unsafe": "{{ x }}"}}])),
    ] {
        let spec = RunSpec { extra_vars: BTreeMap::from([(name.to_owned(), value)]), ..spec() };
        assert!(launched(&spec, &Access::default()).is_err(), "{name:?}");
    }
}

#[test]
fn the_environment_is_made_from_nothing_and_holds_what_ansible_needs() {
    let access = Access {
        known_hosts: Some("/etc/driftless/known_hosts".into()),
        ssh_key: Some(Credential::File("/k".into())),
        environment: BTreeMap::from([("HTTPS_PROXY".parse().unwrap(), Secret::new("http://p".to_owned()))]),
        ..Access::default()
    };
    let repository = RepositoryConfig {
        has_config: true,
        callbacks_enabled: vec!["timer".to_owned(), "driftless.core.events".to_owned()],
        roles_path: vec!["/c/roles".to_owned()],
        collections_path: Vec::new(),
    };
    let managed = Runtime {
        roles_path: Some("/v/roles".into()),
        collections_path: Some("/v/collections".into()),
        ..runtime()
    };
    let environment = launch(&spec(), &place(), &access, &managed, &repository).unwrap().environment;
    for (name, value) in [
        ("LC_ALL", "C.UTF-8"),
        ("HOME", "/h"),
        ("PATH", "/v/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("DRIFTLESS_RUN", "/r/7"),
        ("DRIFTLESS_STATE_DIR", "/s"),
        ("ANSIBLE_CONFIG", "/c/ansible.cfg"),
        ("ANSIBLE_CALLBACKS_ENABLED", "timer,driftless.core.events"),
        ("ANSIBLE_ROLES_PATH", "/c/roles:/v/roles"),
        ("ANSIBLE_COLLECTIONS_PATH", "/v/collections"),
        ("ANSIBLE_HOST_KEY_CHECKING", "1"),
        ("ANSIBLE_INVENTORY_UNPARSED_FAILED", "1"),
        ("HTTPS_PROXY", "http://p"),
        (
            "ANSIBLE_SSH_EXTRA_ARGS",
            "-o UserKnownHostsFile=/etc/driftless/known_hosts -o GlobalKnownHostsFile=/dev/null -o \
             StrictHostKeyChecking=yes -o IdentitiesOnly=yes",
        ),
    ] {
        assert_eq!(environment.get(name), Some(value), "{name}");
    }
    assert!(!format!("{environment:?}").contains("http://p"), "values are not shown");
    let plain = launched(&spec(), &Access::default()).unwrap().environment;
    assert_eq!(plain.get("ANSIBLE_CONFIG"), Some("/r/7/own/none.cfg"));
    for absent in
        ["ANSIBLE_ROLES_PATH", "ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_SSH_EXTRA_ARGS", "SSH_AUTH_SOCK"]
    {
        assert_eq!(plain.get(absent), None);
    }
}

#[test]
fn paths_that_ssh_would_read_as_something_else_are_refused() {
    for bad in ["/a b", "relative", "/a%h", "/a'b", "/~x", "/a\nb"] {
        for access in [
            Access { known_hosts: Some(bad.into()), ..Access::default() },
            Access { ssh_config: Some(bad.into()), ..Access::default() },
        ] {
            assert_eq!(launched(&spec(), &access).unwrap_err(), CommandError::AwkwardPath(bad.into()));
        }
    }
    let mut long = place();
    long.run_dir = format!("/{}", "x".repeat(100)).into();
    let result = launch(&spec(), &long, &Access::default(), &runtime(), &RepositoryConfig::default());
    assert!(matches!(result, Err(CommandError::LongPath(_))));
}

#[test]
fn operators_cannot_set_what_belongs_to_others() {
    use crate::ansible::environment::EnvName;

    for good in ["HTTPS_PROXY", "AWS_PROFILE", "A", "X1_Y", "PIP_INDEX_URL"] {
        assert_eq!(good.parse::<EnvName>().map(|it| it.to_string()), Ok(good.to_owned()));
    }
    for bad in [
        "",
        "a",
        "1A",
        "A-B",
        "A B",
        "A=B",
        "_A",
        "Ä",
        "LD_PRELOAD",
        "BASH_ENV",
        "ENV",
        "PYTHONPATH",
        "ANSIBLE_CONFIG",
        "GIT_SSH",
        "SSH_AUTH_SOCK",
        "PATH",
        "IFS",
        "PERL5LIB",
        "HOME",
        "DRIFTLESS_RUN",
        "LC_ALL",
        "TMPDIR",
    ] {
        assert!(bad.parse::<EnvName>().is_err(), "{bad}");
    }
}

proptest! {
    /// Whatever a person or a repository gives: each argument before `--` is an option of ours, one follows it.
    #[test]
    fn no_value_ever_becomes_an_option(limit in ".{0,20}", tag in "[-@a-z,=]{0,6}", playbook in "[-@a-z./,=]{0,12}") {
        let spec = RunSpec { limit: Some(limit), tags: vec![tag], playbook, ..spec() };
        if let Ok(launch) = launched(&spec, &Access::default()) {
            let argv = launch.launcher_spec.argv;
            let options = ["--inventory=/c/", "--limit=", "--tags="];
            prop_assert_eq!(argv.len(), options.len() + 3);
            for (argument, option) in argv.iter().zip(options) {
                let value = argument.strip_prefix(option);
                prop_assert!(value.is_some_and(|it| !it.starts_with(['-', '@'])), "{}", argument);
            }
            prop_assert_eq!(&argv[3..5], ["--diff", "--"]);
            prop_assert!(std::path::Path::new(&argv[5]).starts_with("/c"), "{}", argv[5]);
        }
    }
}
