//! The manual pages that packages hold.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use clap::CommandFactory as _;
use driftless::cli::Arguments;
use driftless::config;
use driftless::error::ExitCode;

/// As a reader sees it: roff writes `-` as `\-` and marks what is bold.
fn read(path: &std::path::Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("\\fB", "").replace("\\fR", "").replace('\\', "")
}

/// The names of the pages of a command and of those below it.
fn pages(command: &clap::Command, before: &str, names: &mut BTreeSet<String>) {
    let name = format!("{before}{}", command.get_name());
    for inner in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        pages(inner, &format!("{name}-"), names);
    }
    names.insert(format!("{name}.1"));
}

#[test]
fn each_command_and_each_file_has_a_page_of_the_manual() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("new/manual");
    let status =
        Command::new(env!("CARGO_BIN_EXE_driftless")).arg("man").arg(&place).status().expect("started");
    assert!(status.success());

    let mut wanted = BTreeSet::from(["driftless-config.5".to_owned(), "driftless.yml.5".to_owned()]);
    pages(&Arguments::command(), "", &mut wanted);
    let written = fs::read_dir(&place).expect("a directory");
    let written: BTreeSet<String> =
        written.map(|it| it.expect("a file").file_name().into_string().expect("a name")).collect();
    assert_eq!(written, wanted);
    assert!(written.contains("driftless-audit-verify.1"));

    for (page, keys) in [
        ("driftless-config.5", config::operator_key_rows()),
        ("driftless.yml.5", config::repository_key_rows()),
    ] {
        let text = read(&place.join(page));
        for key in keys {
            assert!(text.contains(&key.path), "{page} lacks {}", key.path);
        }
    }
    let top = read(&place.join("driftless.1"));
    for code in ExitCode::ALL {
        assert!(top.contains(code.sentence()), "driftless.1 lacks {}", code.name());
    }
}
