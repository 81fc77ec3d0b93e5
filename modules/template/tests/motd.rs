//! The module in the harness, and in the hands of every `ansible-playbook` of `DRIFTLESS_TEST_ANSIBLE`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use driftless_module::testing::Task;

const PROGRAM: &str = env!("CARGO_BIN_EXE_motd");

/// A directory that is removed in the end.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("cargo gives a directory that can be written");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn it_writes_the_file_once() {
    let room = Room::new("once");
    let path = room.file("motd");
    let task = Task::of_program(PROGRAM, "motd").with("path", &path).with("content", "Hello\n");
    let outcome = task.assert_converges();
    assert_eq!(outcome.get("diff").unwrap()["after"], "Hello\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "Hello\n");
    task.clone().by_stdin().run().assert_unchanged();
    task.with("content", "Bye\n").by_stdin().run().assert_changed();
}

#[test]
fn it_says_what_is_wrong() {
    let room = Room::new("wrong");
    let task = Task::of_program(PROGRAM, "motd").with("path", room.file("none/motd"));
    task.run().assert_failed("missing required arguments: content");
    task.with("content", "x").run().assert_failed("No such file or directory");
}

#[test]
fn ansible_runs_and_documents_it() {
    for environment in environments() {
        let room = Room::new("playbook");
        fs::create_dir(room.file("library")).unwrap();
        fs::copy(PROGRAM, room.file("library/motd")).unwrap();
        let documentation = Command::new(PROGRAM).arg("--documentation").output().unwrap();
        fs::write(room.file("library/motd.yml"), documentation.stdout).unwrap();
        let play = "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    \
                    - motd: { path: \"{{ playbook_dir }}/motd\", content: \"Hello\\n\" }\n";
        fs::write(room.file("site.yml"), play).unwrap();

        let check = ansible(&environment, "ansible-playbook", &room.0, &["--check", "--diff", "site.yml"]);
        assert!(check.contains("changed=1") && check.contains("+Hello"), "{check}");
        assert!(!room.file("motd").exists());
        let first = ansible(&environment, "ansible-playbook", &room.0, &["site.yml"]);
        assert!(first.contains("changed=1"), "{first}");
        assert_eq!(fs::read_to_string(room.file("motd")).unwrap(), "Hello\n");
        let second = ansible(&environment, "ansible-playbook", &room.0, &["site.yml"]);
        assert!(second.contains("changed=0") && second.contains("ok=1"), "{second}");

        let page = ansible(&environment, "ansible-doc", &room.0, &["-M", "library", "motd"]);
        for part in ["Keeps a text in a file", "What the file says.", "This host is kept by Ansible."] {
            assert!(page.contains(part), "{part} is not in\n{page}");
        }
    }
}

fn environments() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/test")]
    let given = std::env::var("DRIFTLESS_TEST_ANSIBLE").unwrap_or_default();
    let found: Vec<_> = given.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect();
    assert!(!found.is_empty(), "no Ansible to test with: run `scripts/test`, or set DRIFTLESS_TEST_ANSIBLE");
    found
}

/// Standard output of one of Ansible's programs, which has to succeed.
fn ansible(environment: &Path, program: &str, directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(environment.join("bin").join(program))
        .args(arguments)
        .current_dir(directory)
        .env("ANSIBLE_HOME", directory.join("home"))
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_PAGER", "cat")
        .env("PAGER", "cat")
        .output()
        .expect("the environment has Ansible");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}
