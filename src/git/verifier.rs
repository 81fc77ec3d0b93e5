//! Judges one signature, by `ssh-keygen` and `gpgv`. Both get nothing but files that are written for them, with the
//! operator's keys; nothing of the machine's configuration, and nothing of the repository.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::process::Command;

use super::Limits;
use super::access::{private_dir, write_private};
use super::command::PROGRAM_PATH;
use super::error::GitError;
use super::process::{self, Finished, Unfinished};
use super::signature::{Kind, Signature};
use super::trust::Distrust;
use crate::domain::{SignatureRules, Timestamp};

/// How long judging one signature may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The largest file of keys.
const LARGEST: u64 = 32 * 1024 * 1024;

/// So many names of one key are tried.
const PRINCIPALS: usize = 16;

/// The namespace in which git signs.
const NAMESPACE: &str = "git";

/// The operator's keys as they were when they were read, copied to where nobody changes them.
pub(super) struct Verifier {
    dir: TempDir,
    allowed_signers: Option<PathBuf>,
    revoked_keys: Option<PathBuf>,
    keyring: Option<PathBuf>,
    digest: [u8; 32],
}

impl Verifier {
    /// Reads the keys. Blocks for the time of that.
    pub(super) fn new(run_dir: &Path, rules: &SignatureRules) -> Result<Self, GitError> {
        private_dir(run_dir).map_err(|it| GitError::io("make", run_dir, it))?;
        let dir = tempfile::Builder::new().prefix("verify-").tempdir_in(run_dir);
        let dir = dir.map_err(|it| GitError::io("make a directory in", run_dir, it))?;
        let mut hash = Sha256::new();
        let mut copy = |file: Option<&PathBuf>, name: &str| -> Result<Option<PathBuf>, GitError> {
            let Some(file) = file else { return Ok(None) };
            let keys = read_keys(file)?;
            hash.update(name);
            hash.update(Sha256::digest(&keys));
            let path = dir.path().join(name);
            write_private(&path, &keys)?;
            Ok(Some(path))
        };
        let allowed_signers = copy(rules.allowed_signers.as_ref(), "allowed_signers")?;
        let revoked_keys = copy(rules.revoked_keys.as_ref(), "revoked_keys")?;
        let keyring = copy(rules.keyring.as_ref(), "keyring")?;
        let digest = hash.finalize().into();
        Ok(Self { dir, allowed_signers, revoked_keys, keyring, digest })
    }

    /// Of the keys: with other keys everything has to be judged anew.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether a signature counts, if it was seen for the first time then.
    pub(super) async fn judge(
        &self,
        signature: &Signature,
        seen: Timestamp,
    ) -> Result<Result<(), Distrust>, GitError> {
        let (payload, text) = (self.dir.path().join("payload"), self.dir.path().join("signature"));
        write_private(&payload, &signature.payload)?;
        write_private(&text, &signature.text)?;
        match (signature.kind, &self.allowed_signers, &self.keyring) {
            (Kind::Ssh, Some(signers), _) => self.judge_ssh(signers, (&payload, &text), seen).await,
            (Kind::OpenPgp, _, Some(keyring)) => self.judge_openpgp(keyring, (&payload, &text), seen).await,
            (kind, ..) => Ok(Err(Distrust::NoKeysOfKind(kind.name()))),
        }
    }

    async fn judge_ssh(
        &self,
        signers: &Path,
        (payload, signature): (&Path, &Path),
        seen: Timestamp,
    ) -> Result<Result<(), Distrust>, GitError> {
        // In UTC: this form is in the time zone of the process.
        let time = format!("-Overify-time={}", seen.strftime("%Y%m%d%H%M%S"));
        let mut find = self.command("ssh-keygen");
        find.args(["-Y", "find-principals", "-f"]).arg(signers).arg("-s").arg(signature).arg(&time);
        let found = run(find, Stdio::null(), "ssh-keygen").await?;
        if !found.status.success() {
            return Ok(Err(ssh_refusal(&found)));
        }
        let names = String::from_utf8_lossy(&found.stdout).into_owned();
        let mut refusal = Distrust::UnknownKey;
        for name in names.lines().map(str::trim).filter(|it| !it.is_empty()).take(PRINCIPALS) {
            let mut verify = self.command("ssh-keygen");
            verify.args(["-Y", "verify", "-n", NAMESPACE, "-f"]).arg(signers).args(["-I", name]);
            verify.arg("-s").arg(signature).arg(&time);
            if let Some(revoked) = &self.revoked_keys {
                verify.arg("-r").arg(revoked);
            }
            let verified = run(verify, input(payload)?, "ssh-keygen").await?;
            if verified.status.success() {
                return Ok(Ok(()));
            }
            refusal = ssh_refusal(&verified);
        }
        if refusal == Distrust::Invalid && self.is_revoked(signature, payload).await? {
            refusal = Distrust::Revoked;
        }
        Ok(Err(refusal))
    }

    /// Whether a signature that does not count is one all the same: ssh-keygen says nothing of a revoked key.
    async fn is_revoked(&self, signature: &Path, payload: &Path) -> Result<bool, GitError> {
        if self.revoked_keys.is_none() {
            return Ok(false);
        }
        let mut check = self.command("ssh-keygen");
        check.args(["-Y", "check-novalidate", "-n", NAMESPACE, "-s"]).arg(signature);
        Ok(run(check, input(payload)?, "ssh-keygen").await?.status.success())
    }

    async fn judge_openpgp(
        &self,
        keyring: &Path,
        (payload, signature): (&Path, &Path),
        seen: Timestamp,
    ) -> Result<Result<(), Distrust>, GitError> {
        let mut verify = self.command("gpgv");
        verify.args(["--homedir"]).arg(self.dir.path()).args(["--status-fd", "1", "--keyring"]).arg(keyring);
        verify.arg("--").arg(signature).arg(payload);
        let finished = run(verify, Stdio::null(), "gpgv").await?;
        Ok(openpgp_verdict(&String::from_utf8_lossy(&finished.stdout), seen))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", PROGRAM_PATH).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        command.env("HOME", self.dir.path()).current_dir(self.dir.path());
        command.process_group(0).kill_on_drop(true);
        command
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ssh => "an SSH key",
            Self::OpenPgp => "an OpenPGP key",
            Self::Other => "something that is neither an SSH nor an OpenPGP key",
        }
    }
}

fn input(payload: &Path) -> Result<Stdio, GitError> {
    File::open(payload).map(Stdio::from).map_err(|it| GitError::io("read", payload, it))
}

async fn run(command: Command, stdin: Stdio, program: &'static str) -> Result<Finished, GitError> {
    let limits = Limits { connect: PATIENCE, stall: PATIENCE, total: PATIENCE };
    process::run(command, stdin, &limits, None).await.map_err(|unfinished| match unfinished {
        Unfinished::Io(source) => GitError::Verifier { program, source },
        Unfinished::Late(..) => GitError::Verifier { program, source: io::ErrorKind::TimedOut.into() },
    })
}

fn read_keys(file: &Path) -> Result<Vec<u8>, GitError> {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;
    let unusable = |what: &'static str| GitError::Keys { path: file.to_owned(), what };
    let open = || -> io::Result<(u32, Vec<u8>)> {
        let opened = File::open(file)?;
        let mode = opened.metadata()?.permissions().mode();
        let mut keys = Vec::new();
        opened.take(LARGEST + 1).read_to_end(&mut keys)?;
        Ok((mode, keys))
    };
    let (mode, keys) = open().map_err(|it| match it.kind() {
        io::ErrorKind::NotFound => unusable("it does not exist"),
        io::ErrorKind::PermissionDenied => unusable("driftless may not read it"),
        _ => unusable("it cannot be read"),
    })?;
    if mode & 0o002 != 0 {
        return Err(unusable("everybody may write it"));
    }
    if LARGEST < u64::try_from(keys.len()).unwrap_or(u64::MAX) {
        return Err(unusable("it is larger than 32 MiB"));
    }
    if keys.starts_with(b"-----BEGIN PGP") {
        return Err(unusable("it is armored: export it without `--armor`"));
    }
    Ok(keys)
}

/// What ssh-keygen means. Its words choose only the wording: whatever it says, it did not accept the signature.
fn ssh_refusal(finished: &Finished) -> Distrust {
    let said = String::from_utf8_lossy(&finished.stderr).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|it| said.contains(it));
    if says(&["expired"]) {
        Distrust::Expired
    } else if says(&["not yet valid"]) {
        Distrust::NotYetValid
    } else if says(&["revoked"]) {
        Distrust::Revoked
    } else if says(&["namespace"]) {
        Distrust::Namespace
    } else if says(&["no principal matched", "not match any", "could not find", "no matching"]) {
        Distrust::UnknownKey
    } else {
        Distrust::Invalid
    }
}

/// What the status lines of gpgv say together. Exactly one signature must be there. A key that has expired by now is
/// accepted where the commit was seen before; a key that was revoked never is.
fn openpgp_verdict(status: &str, seen: Timestamp) -> Result<(), Distrust> {
    let lines: Vec<Vec<&str>> = status
        .lines()
        .filter_map(|it| it.strip_prefix("[GNUPG:] "))
        .map(|it| it.split(' ').collect())
        .collect();
    let all = |word: &str| lines.iter().filter(|it| it[0] == word).collect::<Vec<_>>();
    let ends = ["GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG"];
    let verdicts: Vec<&str> = lines.iter().map(|it| it[0]).filter(|it| ends.contains(it)).collect();
    let [verdict] = verdicts.as_slice() else { return Err(Distrust::Invalid) };
    let [valid] = all("VALIDSIG")[..] else {
        return Err(match *verdict {
            "ERRSIG" if !all("NO_PUBKEY").is_empty() => Distrust::UnknownKey,
            "REVKEYSIG" => Distrust::Revoked,
            _ => Distrust::Invalid,
        });
    };
    let before = |text: Option<&&str>| {
        text.and_then(|it| it.parse().ok()).is_some_and(|it: i64| seen.as_second() < it)
    };
    let in_time = match *verdict {
        "GOODSIG" => true,
        "EXPKEYSIG" => {
            let ends = all("KEYEXPIRED");
            !ends.is_empty() && ends.iter().all(|it| before(it.get(1)))
        }
        "EXPSIG" => before(valid.get(4)),
        "REVKEYSIG" => return Err(Distrust::Revoked),
        _ => return Err(Distrust::Invalid),
    };
    if in_time { Ok(()) } else { Err(Distrust::Expired) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    const VALID: &str = "[GNUPG:] VALIDSIG AB 2026-01-01 100 0 4 0 22 8 00 AB\n";

    fn status(lines: &[&str]) -> String {
        format!("[GNUPG:] NEWSIG\n[GNUPG:] {}\n{VALID}", lines.join("\n[GNUPG:] "))
    }

    #[test]
    fn a_key_that_expired_counts_for_what_was_seen_before() {
        let expired = status(&["KEYEXPIRED 500", "EXPKEYSIG AB a <a@b>"]);
        assert_eq!(openpgp_verdict(&expired, at(499)), Ok(()));
        assert_eq!(openpgp_verdict(&expired, at(500)), Err(Distrust::Expired));
        // When it expired is not said.
        assert_eq!(openpgp_verdict(&status(&["EXPKEYSIG AB a"]), at(1)), Err(Distrust::Expired));
    }

    #[test]
    fn only_one_good_signature_is_one() {
        assert_eq!(openpgp_verdict(&status(&["GOODSIG AB a <a@b>"]), at(1)), Ok(()));
        for refused in [
            status(&[]),
            status(&["GOODSIG AB a", "GOODSIG AB a"]),
            status(&["GOODSIG AB a", "BADSIG AB a"]),
            status(&["BADSIG AB a"]),
            "[GNUPG:] GOODSIG AB a\n".to_owned(),
            String::new(),
        ] {
            assert_eq!(openpgp_verdict(&refused, at(1)), Err(Distrust::Invalid), "{refused}");
        }
        assert_eq!(openpgp_verdict(&status(&["REVKEYSIG AB a"]), at(1)), Err(Distrust::Revoked));
        let unknown = "[GNUPG:] ERRSIG AB 22 8 00 100 9\n[GNUPG:] NO_PUBKEY AB\n";
        assert_eq!(openpgp_verdict(unknown, at(1)), Err(Distrust::UnknownKey));
    }
}
