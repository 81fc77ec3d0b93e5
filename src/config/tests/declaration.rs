//! What is made of good repositories.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Tree, declare, infra, operator, source};
use crate::domain::{
    AirbagPolicy, ApplyPolicy, ApprovalPolicy, CheckSchedule, Declaration, HealPolicy, Retry, RuntimeSpec,
    Span, StackPolicy, Windows,
};

const SMALL: &str = "version: 1\nstacks:\n  web: {playbook: site.yml, inventory: inventory.ini}\n";

fn only(declaration: &Declaration) -> &StackPolicy {
    let [stack] = declaration.stacks.as_slice() else { panic!("{declaration:?}") };
    stack
}

#[test]
fn the_smallest_declaration_takes_every_default() {
    let declaration = declare(SMALL).expect("valid");
    let expected = StackPolicy {
        id: "infra/web".parse().expect("an id"),
        playbook: "site.yml".to_owned(),
        inventory: "inventory.ini".to_owned(),
        limit: None,
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: BTreeMap::new(),
        forks: None,
        apply: ApplyPolicy::OnCommit,
        approval: ApprovalPolicy::None,
        heal: HealPolicy::Never,
        check: CheckSchedule::Every(Span::from_hours(1)),
        daily_heals: StackPolicy::DAILY_HEALS,
        airbag: AirbagPolicy::default(),
        max_task_time: StackPolicy::MAX_TASK_TIME,
        windows: Windows::default(),
        timeout: Span::from_hours(1),
        depends_on: Vec::new(),
        runtime: RuntimeSpec::System,
    };
    assert_eq!(only(&declaration), &expected);
    assert!(!declaration.inferred && declaration.notes.is_empty(), "{declaration:?}");
}

#[test]
fn every_key_arrives() {
    let declaration = declare(
        r#"
version: 1
ansible:
  core: "2.19.14"
  requirements: requirements.txt
  galaxy: requirements.yml
stacks:
  web:
    playbook: site.yml
    inventory: inventories/production
    limit: "web:!web3"
    tags: [nginx]
    skip_tags: [slow, "7"]
    extra_vars: {port: 8080, on: "yes", deep: {list: [1.5, null, true]}, text: "0644"}
    forks: 20
    apply: manual
    check: {every: 30m}
    heal: corrective
    timeout: 30m
    depends_on: [base]
  base: {playbook: base.yml, inventory: inventories/production}
"#,
    )
    .expect("valid");
    let [base, web] = declaration.stacks.as_slice() else { panic!("{declaration:?}") };
    assert_eq!(base.id.to_string(), "infra/base");
    assert_eq!(web.limit.as_deref(), Some("web:!web3"));
    assert_eq!(
        (web.tags.as_slice(), web.skip_tags.as_slice()),
        (&["nginx".to_owned()][..], &["slow".to_owned(), "7".to_owned()][..])
    );
    assert_eq!(
        json!(web.extra_vars),
        json!({"port": 8080, "on": "yes", "deep": {"list": [1.5, null, true]}, "text": "0644"})
    );
    assert_eq!((web.forks, web.apply, web.heal), (Some(20), ApplyPolicy::Manual, HealPolicy::Corrective));
    assert_eq!(
        (web.check.clone(), web.timeout),
        (CheckSchedule::Every(Span::from_mins(30)), Span::from_mins(30))
    );
    assert_eq!(web.depends_on, ["base".parse().expect("a name")]);
    let RuntimeSpec::Managed { core, requirements, galaxy } = &web.runtime else {
        panic!("{:?}", web.runtime)
    };
    assert_eq!(core, "2.19.14");
    assert_eq!(
        (requirements.as_deref(), galaxy.as_deref()),
        (Some("requirements.txt"), Some("requirements.yml"))
    );
    assert!(declaration.notes.is_empty(), "{declaration:?}");
}

/// The schedule that a stack gets for what is written as its `check`, and what is noted.
fn schedule(check: &str) -> (String, Vec<String>) {
    let text = SMALL.replace("inventory.ini}", &format!("inventory.ini{check}}}"));
    let declaration = declare(&text).unwrap_or_else(|failure| panic!("{failure}"));
    (only(&declaration).check.to_string(), declaration.notes)
}

#[test]
fn checks_come_at_an_interval_or_at_times_or_never() {
    for (check, expected) in [
        ("", "every 1h"),
        (", check: {}", "every 1h"),
        (", check: {every: 1d}", "every 24h"),
        (", check: {every: never}", "never"),
        (", check: {cron: '30 3 * * 1-5'}", "at `30 3 * * 1-5`"),
    ] {
        assert_eq!(schedule(check), (expected.to_owned(), Vec::new()), "{check}");
    }
    let (_, notes) = schedule(", check: {every: never}, heal: corrective");
    assert_eq!(
        notes,
        [
            "Stack `web` heals drift, and nobody looks for any: give `check` an interval or a cron line; `driftless plan` looks once"
        ]
    );
}

#[test]
fn the_operator_outranks_the_repository_and_it_is_said() {
    let config = operator(
        "
sources:
  infra:
    url: https://git.example/infra.git
    stacks:
      web: {apply: manual, timeout: 5h, forks: 3, check: {cron: '30 3 * * *'}}
      db: {heal: never, check: {every: 60m}}
      wbe: {}
limits: {timeout: 2h}
",
    )
    .expect("valid");
    let text = "
version: 1
stacks:
  web: {playbook: site.yml, inventory: inventory.ini, timeout: 10m, forks: 50}
  db: {playbook: base.yml, inventory: inventory.ini, timeout: 3h, heal: corrective}
";
    let declaration =
        config.declaration(&source(), &Tree::usual().with("driftless.yml", text)).expect("valid");
    let [db, web] = declaration.stacks.as_slice() else { panic!("{declaration:?}") };
    assert_eq!((web.apply, web.timeout, web.forks), (ApplyPolicy::Manual, Span::from_hours(5), Some(3)));
    assert_eq!((db.apply, db.timeout), (ApplyPolicy::OnCommit, Span::from_hours(2)));
    assert_eq!(
        declaration.notes,
        [
            "Stack `db`: `heal` is `never` by the operator, the repository says `corrective`.",
            "Stack `db`: `timeout` is 2h, the most that the operator allows; the repository says 3h.",
            "Stack `web`: `apply` is `manual` by the operator, the repository says `on_commit`.",
            "Stack `web`: `check` is `cron: 30 3 * * *` by the operator, the repository says `every: 1h`.",
            "The operator's configuration speaks of a stack `wbe` that the repository does not declare; did you mean `web`?",
        ]
    );
}

#[test]
fn doubtful_variables_are_noted_without_their_values() {
    let text =
        SMALL.replace("inventory.ini}", "inventory.ini, extra_vars: {db_password: hunter2, a: '{{ b }}'}}");
    let notes = declare(&text).expect("valid").notes.join("\n");
    assert!(notes.contains("`db_password` looks like a secret") && notes.contains("`a` has `{{`"), "{notes}");
    assert!(!notes.contains("hunter2"), "{notes}");
}

#[test]
fn a_broken_declaration_waits_for_a_commit() {
    let failure = declare("version: 1\n").expect_err("no stacks");
    assert_eq!(failure.retry, Retry::UntilChanged);
    assert_eq!(failure.message, "`driftless.yml` cannot be used: this file has no `stacks`");
    assert!(failure.remedy.as_ref().is_some_and(|it| it.starts_with("correct `driftless.yml` and push")));
    let two = declare("").expect_err("nothing");
    assert_eq!(two.message, "`driftless.yml` cannot be used: this file has no `version`, and 1 more error");
    let shown = two.details.iter().any(|it| it == "error: driftless.yml: this file has no `stacks`");
    assert!(shown && two.details.iter().all(|it| !it.contains('\n')), "{two:?}");
    for tree in [
        Tree::usual().with("driftless.yaml", SMALL),
        Tree::usual().with("driftless.yml", "-> elsewhere"),
        Tree::usual().with("driftless.yml/x", ""),
        Tree::usual().with("driftless.yml", &"#".repeat(1024 * 1024 + 1)),
    ] {
        let failure = infra().declaration(&source(), &tree).expect_err("refused");
        assert!(failure.remedy.is_some(), "{failure}");
    }
}

/// What is inferred of a tree: the stack, or the notes.
fn inferred(files: &[(&str, &str)]) -> String {
    let declaration = infra().declaration(&source(), &Tree::of(files)).expect("valid");
    assert!(declaration.inferred && !declaration.notes.is_empty());
    match declaration.stacks.as_slice() {
        [] => declaration.notes.join(" "),
        [stack] => {
            assert_eq!((stack.id.to_string().as_str(), stack.apply), ("infra/default", ApplyPolicy::Manual));
            assert_eq!(stack.timeout, Span::from_hours(1));
            format!("{} with {}", stack.playbook, stack.inventory)
        }
        more => panic!("{more:?}"),
    }
}

const PLAY: &str = "- hosts: all\n  tasks: []\n";

#[test]
fn one_playbook_and_one_inventory_are_a_stack() {
    let hosts = ("hosts", "web1\n");
    assert_eq!(inferred(&[("site.yml", PLAY), hosts]), "site.yml with hosts");
    assert_eq!(
        inferred(&[("deploy.yml", PLAY), ("requirements.yml", "roles: []\n"), hosts]),
        "deploy.yml with hosts"
    );
    assert_eq!(inferred(&[("playbooks/web.yml", PLAY), hosts]), "playbooks/web.yml with hosts");
    // What another one imports is not meant by itself.
    let imports = "- import_playbook: web.yml\n- ansible.builtin.import_playbook: ./db.yml\n";
    let files = [("site.yml", imports), ("web.yml", PLAY), ("db.yml", PLAY), hosts];
    assert_eq!(inferred(&files), "site.yml with hosts");
    // Ansible will say what is wrong with it.
    assert_eq!(inferred(&[("site.yml", "- hosts: [\n"), hosts]), "site.yml with hosts");
}

#[test]
fn inventories_are_found_where_people_put_them() {
    let site = ("site.yml", PLAY);
    for (files, expected) in [
        (vec![site, ("inventory.yml", "")], "site.yml with inventory.yml"),
        (
            vec![site, ("inventory/hosts", ""), ("inventory/group_vars/all.yml", "")],
            "site.yml with inventory",
        ),
        (vec![site, ("inventories/production/hosts", "")], "site.yml with inventories/production"),
        (vec![site, ("hosts.ini", ""), ("README.md", "")], "site.yml with hosts.ini"),
        (
            vec![
                site,
                ("production", ""),
                ("staging", ""),
                ("ansible.cfg", "[x]\ninventory=staging\n[defaults]\ninventory = ./production\n"),
            ],
            "site.yml with production",
        ),
    ] {
        assert_eq!(inferred(&files), expected);
    }
}

#[test]
fn where_several_could_be_meant_a_person_chooses() {
    let files =
        [("web.yml", PLAY), ("db.yml", PLAY), ("inventories/production", ""), ("inventories/staging", "")];
    assert_eq!(
        inferred(&files),
        "More than one playbook could be meant: `db.yml`, `web.yml`. More than one inventory could be meant: \
         `inventories/production`, `inventories/staging`. There is no stack: `driftless init` writes a \
         `driftless.yml` that declares one."
    );
    assert_eq!(
        inferred(&[("README.md", "")]),
        "No playbook was found. No inventory was found. There is no stack: `driftless init` writes a `driftless.yml` \
         that declares one."
    );
    // An inventory outside of the tree decides nothing.
    let files = [("site.yml", PLAY), ("ansible.cfg", "[defaults]\ninventory = /etc/ansible/hosts\n")];
    assert!(inferred(&files).starts_with("The playbook would be `site.yml`. No inventory was found."));
}
