use std::path::{Path, PathBuf};

use super::system::interpreter;
use super::*;
use crate::domain::Retry;

#[test]
fn the_python_of_a_script_is_found_in_each_form_that_pip_and_distributions_write() {
    for (head, python) in [
        ("#!/usr/bin/python3\nimport x\n", Some("/usr/bin/python3")),
        ("#!/opt/venv/bin/python3.11 -I\n", Some("/opt/venv/bin/python3.11")),
        ("#!/usr/bin/env python3\n", Some("python3")),
        ("#!/usr/bin/env -S python3 -E\n", Some("python3")),
        ("#!/bin/sh\n'''exec' \"/opt/a b/bin/python\" \"$0\" \"$@\"\n' '''\n", Some("/opt/a b/bin/python")),
        ("#!/bin/sh\n'''exec' /very/long/bin/python3 \"$0\" \"$@\"\n", Some("/very/long/bin/python3")),
        ("#!/bin/bash\nexec ansible-playbook\n", None),
        ("#!/bin/sh\n'''exec' \"/bin/rm\" \"$0\"\n", None),
        ("\u{7f}ELF", None),
        ("", None),
    ] {
        assert_eq!(interpreter(head.as_bytes()), python.map(PathBuf::from), "{head}");
    }
}

#[test]
fn what_is_wrong_with_ansible_is_told_with_a_remedy() {
    let log = || PathBuf::from("/x.log");
    let build =
        |passing| RuntimeError::Build { step: "building", detail: "no".to_owned(), log: log(), passing };
    for (error, retry) in [
        (RuntimeError::NoAnsible("the path /bin".to_owned()), Retry::UntilChanged),
        (RuntimeError::Declared("bad".to_owned()), Retry::UntilChanged),
        (build(false), Retry::UntilChanged),
        (build(true), Retry::Soon),
    ] {
        let failure = Failure::from(error);
        assert_eq!(failure.retry, retry);
        assert!(failure.remedy.is_some());
    }
}

#[test]
fn a_python_that_is_only_named_is_looked_for_in_the_path() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("python3"), "").unwrap();
    let search_path = format!("/nonexistent:{}", dir.path().display());
    let runtimes = Runtimes::new(dir.path().join("runtimes"), PathBuf::new(), search_path).unwrap();
    assert_eq!(runtimes.python(Path::new("python3")).unwrap(), dir.path().join("python3"));
    assert_eq!(runtimes.python(Path::new("/x/python")).unwrap(), Path::new("/x/python"));
    let error = runtimes.python(Path::new("python9")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent"), "{error}");
}

#[test]
fn what_is_built_is_told_and_what_was_interrupted_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let runtimes = Runtimes::new(dir.path().to_owned(), PathBuf::new(), String::new()).unwrap();
    assert_eq!(runtimes.built(), []);
    let python = dir.path().join("python");
    std::fs::write(&python, "").unwrap();
    let runtime = |hash: &str, version: &str| Runtime {
        python: python.clone(),
        bin_dir: dir.path().to_owned(),
        hash: hash.to_owned(),
        version: version.to_owned(),
        collections_path: None,
        roles_path: None,
    };
    let (newer, older) = (runtime("a1", "2.19.14"), runtime("b2", "2.18.3"));
    for it in [&newer, &older] {
        std::fs::create_dir(dir.path().join(&it.hash)).unwrap();
        let record = dir.path().join(&it.hash).join("runtime.json");
        std::fs::write(record, serde_json::to_vec(it).unwrap()).unwrap();
    }
    std::fs::create_dir(dir.path().join("c3")).unwrap();
    assert_eq!(runtimes.built(), [older, newer]);
}

#[test]
fn an_ansible_that_is_not_there_is_told_before_anything_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let runtimes = Runtimes::new(
        dir.path().join("runtimes"),
        PathBuf::from("/nonexistent"),
        "/nonexistent:/bin".to_owned(),
    )
    .unwrap();
    let mut access = RuntimeAccess {
        python: PathBuf::from("/nonexistent/python"),
        ansible_playbook: None,
        environment: BTreeMap::new(),
        run_as: None,
    };
    let prepare = |spec: RuntimeSpec, access: &RuntimeAccess| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(runtimes.prepare(&spec, Path::new("/nonexistent"), access)).unwrap_err()
    };
    let error = prepare(RuntimeSpec::System, &access);
    assert_eq!(error.to_string(), "ansible-playbook is not in the path /nonexistent:/bin");
    let script = dir.path().join("ansible-playbook");
    std::fs::write(&script, "#!/bin/bash\n").unwrap();
    access.ansible_playbook = Some(script);
    assert!(matches!(prepare(RuntimeSpec::System, &access), RuntimeError::NotAnsible { .. }));
    let managed = RuntimeSpec::Managed { core: "2.19.14".to_owned(), requirements: None, galaxy: None };
    assert!(matches!(prepare(managed, &access), RuntimeError::Python { .. }));
}
