//! The command lines of git: what they always hold, and what they never hold.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use proptest::prelude::*;

use super::support::{Workshop, remote_at};
use crate::domain::Reference;
use crate::git::access::{GitAccess, HttpCredential};
use crate::git::command::{GitCommand, Surroundings, shell_quoted};
use crate::git::{GitError, RemoteUrl};

fn surroundings() -> Surroundings {
    Surroundings {
        program: "git".into(),
        home: "/home".into(),
        global_config: "/run/web.gitconfig".into(),
        ssh_config: "/run/web.ssh".into(),
        configuration: Vec::new(),
    }
}

/// All that comes from outside stands behind the separator, once each, and never begins with `-`.
fn assert_harmless(command: &GitCommand, values: &[String]) {
    let process = command.process();
    let arguments: Vec<&str> = process.as_std().get_args().filter_map(|it| it.to_str()).collect();
    let at = arguments.iter().position(|it| *it == "--").expect("a separator");
    assert_eq!(arguments[at + 1..], values.iter().map(String::as_str).collect::<Vec<_>>());
    for value in &arguments[at + 1..] {
        assert!(!value.starts_with('-'), "{arguments:?}");
    }
    for option in &arguments[..at] {
        assert!(values.iter().all(|it| it != option), "{arguments:?}");
        assert!(!matches!(*option, "sh" | "-e" | "--exec" | "--upload-pack"), "{arguments:?}");
    }
}

fn tried() -> u32 {
    // A million with `PROPTEST_CASES=1000000`.
    ProptestConfig::default().cases.max(50_000)
}

#[tokio::test]
async fn the_program_says_which_version_it_is() {
    let mut workshop = Workshop::new();
    let version = workshop.git.version().await.expect("a version");
    assert!(version.starts_with(|it: char| it.is_ascii_digit()), "{version}");
    workshop.use_program(Path::new("/bin/false"));
    assert_eq!(workshop.git.version().await, None);
}

/// Text as an attacker writes it: pieces that mean something to git, ssh and shells.
fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("-"),
        Just("--upload-pack="),
        Just("-oProxyCommand="),
        Just("ext::"),
        Just("sh -c "),
        Just("https://"),
        Just("ssh://"),
        Just("file://"),
        Just("/"),
        Just(":"),
        Just("@"),
        Just("host"),
        Just("example.org"),
        Just("git"),
        Just("%0a"),
        Just("%2d"),
        Just("\n"),
        Just("\0"),
        Just("$(touch x)"),
        Just(";id"),
        Just("`id`"),
        Just(".."),
        Just("main"),
        Just("[::1]"),
        Just(":22"),
        Just("secret"),
        Just("refs/heads/"),
        Just("+"),
        Just("\u{202e}"),
        Just("'"),
        Just("\""),
        Just(" "),
    ];
    prop_oneof![
        3 => proptest::collection::vec(piece, 1..7).prop_map(|it| it.concat()),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: tried(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_from_outside_becomes_an_option(url in hostile_text(), branch in hostile_text(), local in any::<bool>()) {
        let (url, reference) = (RemoteUrl::parse(&url, local), branch.parse::<Reference>());
        if let Ok(url) = &url {
            let given = url.as_str().to_owned();
            prop_assert!(!given.starts_with('-') && !given.contains(char::is_control));
            let scheme = given.trim_start_matches(|it: char| it.is_ascii_alphanumeric() || "+-.".contains(it));
            prop_assert!(!scheme.starts_with("::"), "{}", given);
            prop_assert!(local || !url.is_local());
            for part in [url.host(), url.user()].into_iter().flatten() {
                prop_assert!(!part.starts_with('-') && !part.is_empty());
            }
            let command = GitCommand::branches(&surroundings(), Path::new("/cache"), url, &"main".parse().expect("a branch"))
                .expect("accepted");
            assert_harmless(&command, &[given]);
        }
        let url = url.unwrap_or_else(|_| RemoteUrl::parse("https://example.org/x", false).expect("an address"));
        let main: Reference = "main".parse().expect("a branch");
        let reference = reference.unwrap_or(main);
        let made = GitCommand::fetch(&surroundings(), Path::new("/cache"), &url, &reference, "refs/x");
        let values = [url.as_str().to_owned(), format!("+{}:refs/x", reference.full_name())];
        assert_harmless(&made.expect("accepted"), &values);
        // Even a value that no parser has seen is refused, not handed on.
        let made = GitCommand::fetch_refspec(&surroundings(), Path::new("/cache"), &url, &branch);
        prop_assert_eq!(made.is_err(), branch.starts_with('-') || branch.is_empty() || branch.contains('\0'));
    }

    #[test]
    fn a_quoted_word_stays_one_word(text in "[^\0]*") {
        // What a shell makes of it: a quote ends or begins, a backslash between quotes keeps the next one.
        let (mut word, mut inside, mut rest) = (String::new(), false, shell_quoted(&text));
        while !rest.is_empty() {
            let first = rest.remove(0);
            match first {
                '\'' => inside = !inside,
                '\\' if !inside => word.push(rest.remove(0)),
                other => {
                    prop_assert!(inside);
                    word.push(other);
                }
            }
        }
        prop_assert!(!inside);
        prop_assert_eq!(word, text);
    }
}

/// A git that writes down what it was started with and fails.
fn fake_git(workshop: &Workshop) -> (std::path::PathBuf, std::path::PathBuf) {
    let (program, seen) = (workshop.path("fake-git"), workshop.path("seen"));
    let script = format!(
        "#!/bin/sh\nexec >>{0} 2>/dev/null\nfor it in \"$@\"; do printf 'arg=%s\\n' \"$it\"; done\nenv\necho config:\n\
         cat \"$GIT_CONFIG_GLOBAL\"\nreadlink /proc/self/cwd\nexit 1\n",
        seen.display()
    );
    std::fs::write(&program, script).expect("a script");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    (program, seen)
}

/// What git is started with to fetch from an address.
async fn started_for(url: &str) -> (Workshop, String) {
    let mut workshop = Workshop::new();
    let (program, seen) = fake_git(&workshop);
    workshop.use_program(&program);
    workshop.git.fetch(&remote_at(url), None).await.expect_err("the fake fails");
    let said = std::fs::read_to_string(&seen).expect("what it was started with");
    (workshop, said)
}

#[tokio::test]
async fn git_is_started_hermetically() {
    let (workshop, said) = started_for("ssh://git@example.org:2222/team/web.git").await;
    let lines: Vec<&str> = said.lines().collect();
    for variable in [
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_ATTR_NOSYSTEM=1",
        "GIT_NO_REPLACE_OBJECTS=1",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_PROTOCOL_FROM_USER=0",
        "GIT_LFS_SKIP_SMUDGE=1",
        "GIT_OPTIONAL_LOCKS=0",
        "LC_ALL=C.UTF-8",
        "GIT_ALLOW_PROTOCOL=https:ssh",
        "GIT_NO_LAZY_FETCH=1",
        "GIT_SSH_VARIANT=ssh",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ] {
        assert!(lines.contains(&variable), "{variable}");
    }
    for option in [
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "safe.bareRepository=explicit",
        "transfer.fsckObjects=true",
        "protocol.allow=never",
        "protocol.https.allow=always",
        "protocol.ssh.allow=always",
        "submodule.recurse=false",
        "fetch.recurseSubmodules=false",
        "credential.helper=",
        "transfer.credentialsInUrl=die",
        "http.followRedirects=false",
        "core.protectNTFS=true",
        "core.protectHFS=true",
        "gc.auto=0",
    ] {
        let at =
            lines.iter().position(|it| *it == format!("arg={option}")).unwrap_or_else(|| panic!("{option}"));
        assert_eq!(lines[at - 1], "arg=-c");
    }
    assert!(!lines.contains(&"arg=protocol.file.allow=always"));
    let home = workshop.path("home");
    assert!(lines.contains(&format!("HOME={}", home.display()).as_str()));
    assert!(lines.contains(&home.to_str().expect("text")), "it is not started where the daemon is");
    let ssh = format!("GIT_SSH_COMMAND=ssh -F '{}'", workshop.path("run/web.ssh").display());
    assert!(lines.contains(&ssh.as_str()), "{said}");
    assert!(
        lines.contains(
            &format!("GIT_CONFIG_GLOBAL={}", workshop.path("run/web.gitconfig").display()).as_str()
        )
    );
    // Nothing of this process came along: all that git and the shell have is known here.
    let known = ["GIT_", "LC_ALL", "PATH=", "HOME=", "PWD=", "OLDPWD=", "SHLVL=", "_=", "arg="];
    let config = lines.iter().position(|it| *it == "config:").expect("the configuration");
    for line in &lines[..config] {
        assert!(known.iter().any(|it| line.starts_with(it)), "{line}");
    }
    assert!(!said.contains("directory ="), "only sources of this machine are declared safe");
}

#[tokio::test]
async fn only_a_source_of_this_machine_may_use_files() {
    let mut workshop = Workshop::new();
    let (program, seen) = fake_git(&workshop);
    workshop.use_program(&program);
    let repository = workshop.repository("remote");
    repository.commit("a");
    workshop.fetch(&repository, None).await.expect_err("the fake fails");
    let said = std::fs::read_to_string(&seen).expect("what it was started with");
    assert!(said.contains("\nGIT_ALLOW_PROTOCOL=file\n"), "{said}");
    assert!(
        said.contains("arg=protocol.file.allow=always") && !said.contains("arg=protocol.ssh.allow=always")
    );
    let safe = format!("directory = \"{}\"", repository.path.join(".git").display());
    assert!(said.contains(&safe), "{said}");
}

#[tokio::test]
async fn a_credential_is_in_a_private_file_and_nowhere_else() {
    let mut workshop = Workshop::new();
    let (program, seen) = fake_git(&workshop);
    workshop.use_program(&program);
    let mut remote = remote_at("https://git.example.org/team/web.git");
    std::fs::write(workshop.path("token"), "s3cr3t-token\n").expect("a file");
    let (user, password_file) = ("oauth2".to_owned(), workshop.path("token"));
    remote.access.http = Some(HttpCredential::Basic { user, password_file });
    let error = workshop.git.fetch(&remote, None).await.expect_err("the fake fails");
    assert!(!format!("{error:?} {error}").contains("s3cr3t"));
    let said = std::fs::read_to_string(&seen).expect("what it was started with");
    let (started, config) = said.split_once("config:\n").expect("the configuration");
    let encoded = "b2F1dGgyOnMzY3IzdC10b2tlbg=="; // oauth2:s3cr3t-token
    assert!(!started.contains("s3cr3t") && !started.contains(encoded));
    let header =
        format!("[http \"https://git.example.org/\"]\n\textraHeader = \"Authorization: Basic {encoded}\"");
    assert!(config.contains(&header), "{config}");
    let mode = std::fs::metadata(workshop.path("run/web.gitconfig")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let store = workshop.path("store");
    std::fs::write(&store, "https://x:y@other.org\nhttps://bob:p%40ss@git.example.org\n").expect("a file");
    remote.access.http = Some(HttpCredential::Store { file: store });
    workshop.git.fetch(&remote, None).await.expect_err("the fake fails");
    let config = std::fs::read_to_string(workshop.path("run/web.gitconfig")).expect("a file");
    assert!(config.contains("Basic Ym9iOnBAc3M="), "{config}"); // bob:p@ss

    remote.access.http = Some(HttpCredential::Bearer { token_file: workshop.path("missing") });
    let error = workshop.git.fetch(&remote, None).await.expect_err("no token");
    assert!(matches!(error, GitError::Io { .. }), "{error:?}");
}

#[tokio::test]
async fn ssh_uses_what_is_named_and_nothing_else() {
    let mut workshop = Workshop::new();
    let (program, _) = fake_git(&workshop);
    workshop.use_program(&program);
    let mut remote = remote_at("git@example.org:team/web.git");
    let config = || std::fs::read_to_string(workshop.path("run/web.ssh")).expect("a file");
    workshop.git.fetch(&remote, None).await.expect_err("the fake fails");
    let bare = config();
    for line in [
        "BatchMode yes",
        "StrictHostKeyChecking yes",
        "UpdateHostKeys no",
        "ConnectTimeout 20",
        "IdentityAgent none",
        "IdentityFile none",
        "IdentitiesOnly yes",
        "ControlMaster auto",
        "ControlPersist 300",
        "UserKnownHostsFile \"/dev/null\"",
        "ForwardAgent no",
    ] {
        assert!(bare.lines().any(|it| it == line), "{line}: {bare}");
    }
    assert!(!bare.contains("Include"));
    let path = |name: &str| Some(Path::new("/etc/driftless").join(name));
    remote.access = GitAccess {
        ssh_key: path("key"),
        ssh_config: path("ssh config"),
        known_hosts: path("known_hosts"),
        ssh_agent: path("agent.sock"),
        ..GitAccess::default()
    };
    workshop.git.fetch(&remote, None).await.expect_err("the fake fails");
    let named = config();
    for line in [
        "UserKnownHostsFile \"/etc/driftless/known_hosts\"",
        "GlobalKnownHostsFile \"/dev/null\"",
        "IdentityFile \"/etc/driftless/key\"",
        "IdentityAgent \"/etc/driftless/agent.sock\"",
        "Include \"/etc/driftless/ssh config\"",
    ] {
        assert!(named.lines().any(|it| it == line), "{line}: {named}");
    }
    // Another key must not use the connection of the first: a forge tells users apart by their keys.
    let socket = |text: &str| text.lines().find(|it| it.starts_with("ControlPath")).map(str::to_owned);
    assert_ne!(socket(&bare), socket(&named));
    remote.access.ssh_key = path("key\"\nProxyCommand id");
    let error = workshop.git.fetch(&remote, None).await.expect_err("refused");
    assert!(matches!(error, GitError::Credential { .. }), "{error:?}");
}
