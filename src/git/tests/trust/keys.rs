//! Keys of people: SSH keys made by ssh-keygen, PGP keys made by gpg.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::domain::{SignaturePolicy, SignatureRules, Timestamp};

/// What people sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Ssh,
    OpenPgp,
}

/// Somebody's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signer {
    /// It may sign.
    Alice,
    /// It is not among the allowed ones.
    Mallory,
    /// It was allowed until the end of 2023.
    Old,
    /// It was allowed and is revoked.
    Lost,
}

impl Signer {
    const ALL: [Self; 4] = [Self::Alice, Self::Mallory, Self::Old, Self::Lost];

    fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Mallory => "mallory",
            Self::Old => "old",
            Self::Lost => "lost",
        }
    }
}

/// The last moment at which the key of `Old` was valid, and a moment after.
pub(super) fn while_valid() -> Timestamp {
    "2023-06-01T00:00:00Z".parse().expect("a time")
}

pub(super) fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().expect("a time")
}

/// A directory of keys. Short, because of the socket of the agent in it.
pub(super) struct Keys {
    pub(super) dir: PathBuf,
    format: Format,
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

impl Keys {
    pub(super) fn new(dir: &Path, format: Format) -> Self {
        std::fs::create_dir(dir).expect("a directory");
        set_mode(dir, 0o700);
        let keys = Self { dir: dir.to_owned(), format };
        for signer in Signer::ALL {
            match format {
                Format::Ssh => keys.make_ssh(signer),
                Format::OpenPgp => keys.make_openpgp(signer),
            }
        }
        keys.allow(&[Signer::Alice, Signer::Old, Signer::Lost]);
        keys
    }

    fn path(&self, signer: Signer) -> PathBuf {
        self.dir.join(signer.name())
    }

    fn make_ssh(&self, signer: Signer) {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", signer.name(), "-f"]).arg(self.path(signer));
        output(&mut keygen);
    }

    fn make_openpgp(&self, signer: Signer) {
        let user = format!("{} <{0}@example.org>", signer.name());
        let (born, ends) = if signer == Signer::Old {
            (vec!["--faked-system-time", "20230101T000000"], "1y")
        } else {
            (Vec::new(), "never")
        };
        output(self.gpg().args(&born).args(["--quick-generate-key", &user, "ed25519", "sign", ends]));
        // For git, which wants one program.
        let faked = if signer == Signer::Old { "--faked-system-time 20230601T000000" } else { "" };
        let script = format!(
            "#!/bin/sh\nexec gpg --homedir '{}' --batch --pinentry-mode loopback --passphrase '' {faked} \"$@\"\n",
            self.dir.display()
        );
        let program = self.path(signer);
        std::fs::write(&program, script).expect("a file");
        set_mode(&program, 0o700);
    }

    fn gpg(&self) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(&self.dir);
        gpg.args(["--quiet", "--batch", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""]);
        gpg
    }

    /// Options of git that make it sign as somebody.
    pub(super) fn signing(&self, signer: Signer) -> Vec<String> {
        let path = self.path(signer).display().to_string();
        let options = match self.format {
            Format::Ssh => vec!["gpg.format=ssh".to_owned(), format!("user.signingkey={path}")],
            Format::OpenPgp => {
                vec![format!("gpg.program={path}"), format!("user.signingkey={}@example.org", signer.name())]
            }
        };
        options.into_iter().flat_map(|it| ["-c".to_owned(), it]).collect()
    }

    /// From now on these may sign, and nobody else.
    pub(super) fn allow(&self, signers: &[Signer]) {
        let file = self.file();
        match self.format {
            Format::Ssh => {
                let line = |it: &Signer| {
                    let key = std::fs::read_to_string(self.path(*it).with_extension("pub")).expect("a key");
                    let until = if *it == Signer::Old { "valid-before=\"20240101\" " } else { "" };
                    format!("{}@example.org {until}{key}", it.name())
                };
                std::fs::write(&file, signers.iter().map(line).collect::<String>()).expect("a file");
            }
            Format::OpenPgp => {
                let names: Vec<String> =
                    signers.iter().map(|it| format!("{}@example.org", it.name())).collect();
                let keys = output(self.gpg().arg("--export").args(names));
                std::fs::write(&file, keys).expect("a file");
            }
        }
    }

    /// The key of `Lost` is revoked.
    pub(super) fn revoke(&self) {
        if self.format == Format::Ssh {
            let key = std::fs::read(self.path(Signer::Lost).with_extension("pub")).expect("a key");
            std::fs::write(self.dir.join("revoked"), key).expect("a file");
            return;
        }
        let listed = output(self.gpg().args(["--with-colons", "--list-keys", "lost@example.org"]));
        let listed = String::from_utf8(listed).expect("text");
        let print = listed.lines().find_map(|it| it.strip_prefix("fpr:::::::::")).expect("a fingerprint");
        let made = self.dir.join(format!("openpgp-revocs.d/{}.rev", print.trim_end_matches(':')));
        let text = std::fs::read_to_string(made).expect("a revocation").replace(":-----BEGIN", "-----BEGIN");
        let usable = self.dir.join("lost.rev");
        std::fs::write(&usable, text).expect("a file");
        output(self.gpg().arg("--import").arg(&usable));
        self.allow(&[Signer::Alice, Signer::Old, Signer::Lost]);
    }

    fn file(&self) -> PathBuf {
        self.dir.join(match self.format {
            Format::Ssh => "allowed_signers",
            Format::OpenPgp => "keyring.gpg",
        })
    }

    pub(super) fn rules(&self, policy: SignaturePolicy) -> SignatureRules {
        let rules = SignatureRules { policy, ..SignatureRules::default() };
        match self.format {
            Format::Ssh => {
                let revoked = Some(self.dir.join("revoked")).filter(|it| it.exists());
                SignatureRules { allowed_signers: Some(self.file()), revoked_keys: revoked, ..rules }
            }
            Format::OpenPgp => SignatureRules { keyring: Some(self.file()), ..rules },
        }
    }

    /// A signature over anything, in another namespace than that of git.
    pub(super) fn sign_as_file(&self, payload: &Path) -> String {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-Y", "sign", "-n", "file", "-f"]).arg(self.path(Signer::Alice)).arg(payload);
        output(&mut keygen);
        let mut name = payload.as_os_str().to_owned();
        name.push(".sig");
        std::fs::read_to_string(name).expect("a signature")
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.format == Format::OpenPgp {
            // The agent of this directory, and no other.
            drop(Command::new("gpgconf").arg("--homedir").arg(&self.dir).args(["--kill", "all"]).status());
        }
    }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode");
}
