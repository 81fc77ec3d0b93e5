//! The command line as people call it.

use clap::{CommandFactory, Parser};

use super::command::{Arguments, ClientCommand, Command};

fn parsed(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(line.split(' '))
}

/// The help of a command, as `driftless help X` prints it.
fn help(command: &str) -> String {
    let mut root = Arguments::command();
    root.build();
    let found = root.find_subcommand_mut(command).unwrap_or_else(|| panic!("no command {command}"));
    found.render_long_help().to_string()
}

#[test]
fn the_definition_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn commands_are_listed_in_the_order_of_use_and_the_guardian_is_hidden() {
    let text = Arguments::command().render_help().to_string();
    let listed: Vec<&str> = text
        .lines()
        .skip_while(|it| *it != "Commands:")
        .skip(1)
        .take_while(|it| it.starts_with("  "))
        .filter_map(|it| it.split_whitespace().next())
        .collect();
    let wanted = "demo serve check-config init status stacks runs show logs explain drift hosts merge-requests preview \
                  alerts audit plan apply approve cancel suspend resume sign-in tokens backup restore doctor schema \
                  completions help";
    assert_eq!(listed, wanted.split_whitespace().collect::<Vec<_>>(), "{text}");
    assert!(parsed("driftless guardian --fd 3").is_ok(), "hidden, but there");
}

#[test]
fn the_rules_of_a_narrowed_apply_are_in_its_help() {
    let text = help("apply").split_whitespace().collect::<Vec<_>>().join(" ");
    for rule in [
        "must be the admitted one of the source or an ancestor of it. Afterwards the head is held",
        "Intersected with the limit of the stack",
        "Only the hosts that it reaches are recorded as applied",
        "Used instead of the tags of the stack",
        "it counts as applied on no host",
    ] {
        assert!(text.contains(rule), "{rule}\n{text}");
    }
}

#[test]
fn values_that_could_be_something_else_end_at_the_command_line() {
    for bad in [
        "driftless apply web --limit @/etc/passwd",
        "driftless apply web --limit=--connection=local",
        "driftless apply web --limit -e",
        "driftless apply web --tags @x",
        "driftless apply web --tags a,--step",
        "driftless apply web --revision main",
        "driftless apply web --revision --upload-pack=x",
        "driftless apply ../web",
        "driftless apply a/b/c",
        "driftless show latest",
        "driftless approve infra HEAD",
        "driftless runs --count 0",
    ] {
        let error = parsed(bad).expect_err(bad);
        assert_eq!(error.exit_code(), 2, "{bad}");
    }
}

#[test]
fn an_apply_is_read_as_it_was_meant() {
    let arguments = parsed(
        "driftless --output json apply infra/web --limit web*,!web3 --tags a,b --revision 4f2a9c01d7 --no-wait",
    )
    .expect("arguments");
    let Command::Client(ClientCommand::Apply(apply)) = arguments.command else { panic!("another command") };
    assert_eq!(apply.stack.to_path(), "infra/web");
    assert_eq!(apply.limit.as_deref(), Some("web*,!web3"));
    assert_eq!(apply.tags, ["a", "b"]);
    assert!(apply.no_wait);
    assert_eq!(arguments.global.output, super::OutputWanted::Json);
}

#[test]
fn every_command_is_documented_with_an_example() {
    let page = include_str!("../../docs/command-line.md");
    for command in Arguments::command().get_subcommands().filter(|it| !it.is_hide_set()) {
        let name = command.get_name();
        assert!(
            page.contains(&format!("\n### {name}\n")),
            "docs/command-line.md has no section `### {name}`"
        );
        assert!(
            page.contains(&format!("$ driftless {name}")),
            "docs/command-line.md has no example of {name}"
        );
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(page.contains(&format!("--{option}")), "docs/command-line.md lacks --{option} of {name}");
        }
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
        let text = super::completions(shell);
        assert!(text.contains("check-config") && text.contains("no-wait"), "{shell}");
    }
}

#[test]
fn the_environment_fills_in_what_is_not_said_and_is_in_no_usage_line() {
    let variable = |name: &str| Some(format!("/run/{name}"));
    let mut global = parsed("driftless --socket /run/said status").expect("arguments").global;
    global.read_environment(variable);
    assert_eq!(global.socket(), std::path::Path::new("/run/said"));
    assert_eq!(global.config(), std::path::Path::new("/run/DRIFTLESS_CONFIG"));
    let mut unset = parsed("driftless status").expect("arguments").global;
    unset.read_environment(|_| Some(String::new()));
    assert_eq!(unset.socket(), std::path::Path::new("/run/driftless/driftless.sock"), "empty is not set");
    let usage = parsed("driftless show").expect_err("a run is missing").to_string();
    assert!(usage.contains("Usage: driftless show <RUN>"), "{usage}");
    assert!(help("show").contains("[env: DRIFTLESS_SOCKET]"));
}
