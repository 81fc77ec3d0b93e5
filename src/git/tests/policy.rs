//! Names and targets, one by one.

use crate::domain::Secret;
use crate::domain::{Failure, Reference, Retry};
use crate::git::access::GitAccess;
use crate::git::diagnose::{Said, diagnose, scrubbed};
use crate::git::policy::{Symlinks, check_name, check_path, is_lfs_pointer, resolve};
use crate::git::{GitError, Reason, RemoteUrl};

#[test]
fn names_are_judged_as_every_file_system_would_read_them() {
    for (name, reason) in [
        ("", Reason::Name),
        (".", Reason::Name),
        ("..", Reason::Name),
        ("a/b", Reason::Name),
        ("a\0b", Reason::Name),
        ("a\nb", Reason::Name),
        (".git", Reason::DotGit),
        (".GiT", Reason::DotGit),
        (".git.", Reason::DotGit),
        (".git  . .", Reason::DotGit),
        ("git~1", Reason::DotGit),
        ("GIT~1", Reason::DotGit),
        (".git::$INDEX_ALLOCATION", Reason::DotGit),
        (".git:stream", Reason::DotGit),
        ("a\\.git\\b", Reason::DotGit),
        (".g\u{200d}i\u{feff}t", Reason::DotGit),
        (".git\u{202e}", Reason::DotGit),
        ("con", Reason::Device),
        ("NUL.yml", Reason::Device),
        ("aux", Reason::Device),
        ("com1.txt", Reason::Device),
        ("LPT9", Reason::Device),
    ] {
        assert_eq!(check_name(name.as_bytes()), Err(reason), "{name:?}");
    }
    for name in [
        ".gitignore",
        ".gitattributes",
        ".github",
        "git",
        "a git~1",
        "console",
        "com0",
        "com10",
        "nullable",
        "gr\u{fc}n",
        "-x",
        "a b",
        "...",
    ] {
        assert_eq!(check_name(name.as_bytes()), Ok(()), "{name:?}");
    }
    assert_eq!(check_name(b"\xff\xfe"), Ok(()));
    assert_eq!(check_name(&[b'a'; 256]), Err(Reason::TooLong));
    assert_eq!(check_path("a/".repeat(70).as_bytes()), Err(Reason::TooLong));
    assert_eq!(check_path(&[b'a'; 3000]), Err(Reason::TooLong));
}

#[test]
fn symlinks_are_followed_as_a_kernel_would() {
    let links = [("a/b/up", "../.."), ("in", "a/b"), ("abs", "/etc"), ("ring", "ring2"), ("ring2", "ring")];
    let links: Symlinks = links.map(|(path, target)| (path.into(), target.into())).into();
    let ends = |from: &str, target: &str| {
        resolve(&links, from.as_bytes(), target.as_bytes()).map(|it| String::from_utf8(it).expect("text"))
    };
    assert_eq!(ends("a/b", "../c"), Some("a/c".to_owned()));
    assert_eq!(ends("", "in/../c"), Some("a/c".to_owned()));
    assert_eq!(ends("", "in/up/x"), Some("x".to_owned()));
    assert_eq!(ends("a", "./b//c/."), Some("a/b/c".to_owned()));
    for (from, target) in
        [("", ".."), ("a", "../.."), ("", "a/b/up/.."), ("", "abs/x"), ("", "ring"), ("", "/x"), ("", "")]
    {
        assert_eq!(ends(from, target), None, "{from} {target}");
    }
}

#[test]
fn a_pointer_is_told_from_a_file() {
    assert!(is_lfs_pointer(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"));
    assert!(!is_lfs_pointer(b"see https://git-lfs.github.com/spec/v1"));
    assert!(!is_lfs_pointer(&[&b"version https://git-lfs.github.com/spec/v1\n"[..], &[b'x'; 2000]].concat()));
}

fn said(stderr: &str) -> GitError {
    let url = RemoteUrl::parse("https://git.example.org/x", false).expect("an address");
    let reference: Reference = "main".parse().expect("a branch");
    let secrets = [Secret::new("hunter2-token".to_owned())];
    let access = GitAccess::default();
    let stderr = stderr.as_bytes();
    diagnose(&Said { stderr, url: &url, reference: &reference, access: &access, secrets: &secrets })
}

type Test = fn(&GitError) -> bool;

/// What git says, whether it is understood, and what follows.
const SAID: &[(&str, Test, Retry)] = &[
    (
        "fatal: could not read Username for 'https://x': terminal prompts disabled",
        |it| matches!(it, GitError::Authentication(_)),
        Retry::UntilChanged,
    ),
    (
        "fatal: unable to access 'https://x/': The requested URL returned error: 403",
        |it| matches!(it, GitError::Authentication(_)),
        Retry::UntilChanged,
    ),
    (
        "fatal: repository 'https://x/' not found",
        |it| matches!(it, GitError::NoRepository(_)),
        Retry::UntilChanged,
    ),
    (
        "fatal: unable to access 'https://x/': Could not resolve host: x",
        |it| matches!(it, GitError::Unreachable(_)),
        Retry::Soon,
    ),
    (
        "fatal: unable to access 'https://x/': The requested URL returned error: 503",
        |it| matches!(it, GitError::Unreachable(_)),
        Retry::Soon,
    ),
    (
        "fatal: unable to access 'https://x/': SSL certificate problem: unable to get local issuer certificate",
        |it| matches!(it, GitError::Certificate(_)),
        Retry::UntilChanged,
    ),
    (
        "error: object 0123: hasDotgit: contains '.git'\nfatal: fsck error in packed object",
        |it| matches!(it, GitError::HostileObject(_)),
        Retry::UntilChanged,
    ),
    (
        "fatal: write error: No space left on device",
        |it| matches!(it, GitError::DiskFull { .. }),
        Retry::Soon,
    ),
    (
        "fatal: mismatched algorithms: client sha1; server sha256",
        |it| matches!(it, GitError::ObjectFormat),
        Retry::UntilChanged,
    ),
    (
        "fatal: loose object 0123 (stored in x) is corrupt",
        |it| matches!(it, GitError::Corrupt(_)),
        Retry::Soon,
    ),
    (
        "12:00:00.1 pkt-line.c:85 packet: fetch< Permission denied (\nfatal: what is this",
        |it| matches!(it, GitError::Other(it) if it == "what is this"),
        Retry::Soon,
    ),
    // The other side cannot pretend that the cache is damaged, and so have it fetched again and again.
    ("remote: is corrupt\nfatal: something", |it| matches!(it, GitError::Other(_)), Retry::Soon),
];

#[test]
fn what_git_says_is_understood() {
    for (stderr, is, retry) in SAID {
        let error = said(stderr);
        assert!(is(&error), "{stderr}: {error:?}");
        assert_eq!(Failure::from(error).retry, *retry, "{stderr}");
    }
}

#[test]
fn no_secret_and_no_control_character_is_repeated() {
    let error =
        said("fatal: unable to access 'https://bob:pw@h/x' with hunter2-token \u{1b}[31m \u{202e}: sorry");
    let shown = Failure::from(error).to_string();
    assert!(!shown.contains("bob") && !shown.contains("pw@") && !shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
    assert!(!scrubbed("sent Authorization: Basic Zm9v", &[]).contains("Zm9v"));
    assert!(scrubbed(&"x".repeat(5000), &[]).len() <= 300);
}

#[test]
fn a_full_disk_is_told_from_other_failures() {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = GitError::io("write", std::path::Path::new("/x"), full);
    assert!(matches!(error, GitError::DiskFull { .. }));
    assert_eq!(Failure::from(error).retry, Retry::Soon);
}
