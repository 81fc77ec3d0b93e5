//! The manual pages: one for each command, and one for each of the two files, from the tables of their keys.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use driftless::cli::Arguments;
use driftless::config::{self, KeyRow};
use driftless::error::ExitCode;

const MANUAL: &str = "driftless";

/// Writes all pages into a directory.
pub(crate) fn manual(directory: &Path) -> ExitCode {
    match write(directory) {
        Ok(()) => ExitCode::Success,
        Err(error) => {
            super::fail(&format!("the manual cannot be written to {}: {error}", directory.display()))
        }
    }
}

fn write(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut whole = Arguments::command().disable_help_subcommand(true);
    whole.build();
    commands(directory, &whole)?;
    let operator = File {
        title: "DRIFTLESS-CONFIG",
        name: "driftless-config",
        about: "configuration of the driftless daemon",
        path: config::OPERATOR_FILE,
        told: "Which repositories are followed, with which keys, and how much runs may use. It outranks what a \
               repository says. After a change:",
        commands: &["driftless check-config", "systemctl reload driftless"],
        other: "driftless.yml",
    };
    fs::write(directory.join("driftless-config.5"), page(&operator, &config::operator_key_rows()))?;
    let repository = File {
        title: "DRIFTLESS.YML",
        name: "driftless.yml",
        about: "what driftless keeps in sync, from a repository",
        path: config::REPOSITORY_FILE,
        told: "Stands at the root of a repository and says what is applied, and when. To find mistakes in it before \
               it is pushed:",
        commands: &["driftless check-config --repository ."],
        other: "driftless-config",
    };
    fs::write(directory.join("driftless.yml.5"), page(&repository, &config::repository_key_rows()))
}

/// The pages of a command and of the commands below it.
fn commands(directory: &Path, command: &clap::Command) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        commands(directory, inner)?;
    }
    let is_top = command.get_name() == "driftless";
    let source = format!("driftless {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source).manual(MANUAL);
    let mut text = Vec::new();
    man.render(&mut text)?;
    closing(is_top).to_writer(&mut text)?;
    fs::write(directory.join(man.get_filename()), text)
}

/// What `clap` does not know of.
fn closing(is_top: bool) -> Roff {
    let mut roff = Roff::new();
    if !is_top {
        section(&mut roff, "SEE ALSO");
        roff.text([bold("driftless"), roman("(1)")]);
        return roff;
    }
    section(&mut roff, "EXIT STATUS");
    for code in ExitCode::ALL {
        entry(&mut roff, vec![bold(code.number().to_string())]);
        roff.text(words(code.sentence()));
    }
    section(&mut roff, "FILES");
    for (path, about) in [
        (config::OPERATOR_FILE, "The configuration of the daemon."),
        (config::REPOSITORY_FILE, "What is kept in sync, at the root of each repository."),
        ("/var/lib/driftless", "The database and the records of runs."),
        ("/run/driftless/driftless.sock", "Where the daemon listens to this program."),
    ] {
        entry(&mut roff, vec![bold(path)]);
        roff.text([roman(about)]);
    }
    section(&mut roff, "SEE ALSO");
    let others = [("driftless-config", "5"), ("driftless.yml", "5"), ("ansible-playbook", "1"), ("git", "1")];
    let mut line = Vec::new();
    for (name, number) in others {
        line.extend([bold(name), roman(format!("({number}), "))]);
    }
    line.push(roman("/usr/share/doc/driftless"));
    roff.text(line);
    roff
}

struct File {
    title: &'static str,
    name: &'static str,
    about: &'static str,
    path: &'static str,
    told: &'static str,
    commands: &'static [&'static str],
    other: &'static str,
}

fn page(file: &File, keys: &[KeyRow]) -> String {
    let mut roff = Roff::new();
    let source = concat!("driftless ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", [file.title, "5", "", source, MANUAL]);
    section(&mut roff, "NAME");
    roff.text([roman(format!("{} - {}", file.name, file.about))]);
    section(&mut roff, "SYNOPSIS");
    roff.text([bold(file.path)]);
    section(&mut roff, "DESCRIPTION");
    roff.text([roman(file.told)]);
    for command in file.commands {
        roff.control("PP", []);
        roff.text([bold(*command)]);
    }
    section(&mut roff, "KEYS");
    for key in keys {
        entry(&mut roff, vec![bold(key.path.as_str())]);
        let mut line = words(key.about);
        line.push(roman(" Takes: "));
        line.extend(words(&key.takes));
        match key.default.as_str() {
            "" => {}
            "required" => line.push(roman("; required")),
            default => {
                line.push(roman("; default: "));
                line.extend(words(default));
            }
        }
        line.push(roman("."));
        roff.text(line);
    }
    section(&mut roff, "SEE ALSO");
    roff.text([bold("driftless"), roman("(1), "), bold(file.other), roman("(5)")]);
    roff.to_roff()
}

fn section(roff: &mut Roff, title: &str) {
    roff.control("SH", [title]);
}

/// A term; the text that follows explains it.
fn entry(roff: &mut Roff, term: Vec<Inline>) {
    roff.control("TP", []);
    roff.text(term);
}

/// A sentence in which what stands between backticks is set apart.
fn words(text: &str) -> Vec<Inline> {
    let set = |(place, part): (usize, &str)| if place % 2 == 1 { bold(part) } else { roman(part) };
    text.split('`').enumerate().filter(|(_, it)| !it.is_empty()).map(set).collect()
}
