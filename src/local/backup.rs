//! Writes backups, verifies them, and restores them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use driftless::api::BackupBody;
use driftless::cli::{self, Client, ClientError, Global, OutputWanted};
use driftless::config::Report;
use driftless::daemon::{self, ServeOptions, clock};
use driftless::domain::audit::Checkpoint;
use driftless::error::ExitCode;
use driftless::store::StoreError;
use driftless::store::archive::{ArchiveError, Restore, Restored, Unpacked, verify};

use super::{complain, fail, say};

pub(crate) fn backup(wanted: &cli::Backup, global: &Global) -> ExitCode {
    let to_output = wanted.file == Path::new("-");
    if !to_output && wanted.file.exists() {
        return refuse(&format!("{} is there already and stays as it is", wanted.file.display()));
    }
    let body = BackupBody { logs: !wanted.without_logs, key: wanted.with_key };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the program cannot start: {error}")),
    };
    let client = Client::new(global.socket());
    let taken = if to_output {
        runtime.block_on(pass_on(&client, &body)).map(|()| None)
    } else {
        runtime.block_on(write(&client, &body, &wanted.file)).map(Some)
    };
    match taken {
        Ok(None) => ExitCode::Success,
        Ok(Some(unpacked)) => tell(global, &wanted.file, &unpacked),
        Err(TakeError::Client(error)) => cli::complain(&error, global, clock::now),
        Err(TakeError::Archive(error)) => faulty(&format!("what came is not a backup: {error}")),
        Err(TakeError::File(error)) => unwritable(&wanted.file, &error),
    }
}

/// Says why a file cannot be written. Mostly it is its place, which whoever named it can change.
fn unwritable(path: &Path, error: &io::Error) -> ExitCode {
    let (code, remedy) = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            (ExitCode::NotFound, "make its directory first, or name a file in another one")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (ExitCode::NotPermitted, "name a file where you may write, or use sudo")
        }
        io::ErrorKind::AlreadyExists => (
            ExitCode::Refused,
            "another backup is written there; if none is, remove the file ending in `.partial`",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ExitCode::Refused, "make room, or name a file on another disk")
        }
        _ => (ExitCode::Internal, "name a file on another disk; `dmesg` may say what ails this one"),
    };
    fail(&format!("{} cannot be written: {error}\n  -> {remedy}", path.display()));
    code
}

enum TakeError {
    Client(ClientError),
    Archive(ArchiveError),
    File(io::Error),
}

/// Writes it beside its name, reads it again from the disk, and only then gives it that.
async fn write(client: &Client, body: &BackupBody, path: &Path) -> Result<Unpacked, TakeError> {
    let partial = PathBuf::from(format!("{}.partial", path.display()));
    // Before the daemon is asked, which copies its whole database.
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)
        .map_err(TakeError::File)?;
    let written = async {
        let mut download = client.download("/backup", body).await.map_err(TakeError::Client)?;
        while let Some(chunk) = download.next().await.map_err(TakeError::Client)? {
            file.write_all(&chunk).map_err(TakeError::File)?;
        }
        file.sync_all().map_err(TakeError::File)?;
        let read = File::open(&partial).map_err(TakeError::File)?;
        let unpacked = verify(io::BufReader::new(read)).map_err(TakeError::Archive)?;
        // Not `rename`: that would take the place of a file that came meanwhile.
        fs::hard_link(&partial, path).map_err(TakeError::File)?;
        Ok(unpacked)
    };
    let written = written.await;
    // Its other name, or half a backup.
    drop(fs::remove_file(&partial));
    written
}

/// Passes it on, and verifies what was passed on.
async fn pass_on(client: &Client, body: &BackupBody) -> Result<(), TakeError> {
    let mut download = client.download("/backup", body).await.map_err(TakeError::Client)?;
    let (reader, mut copy) = io::pipe().map_err(TakeError::File)?;
    let verdict = std::thread::spawn(move || {
        let mut reader = io::BufReader::new(reader);
        let verdict = verify(&mut reader);
        // Else whoever writes would wait for ever, or be told that nobody listens.
        drop(io::copy(&mut reader, &mut io::sink()));
        verdict
    });
    let mut out = io::stdout().lock();
    while let Some(chunk) = download.next().await.map_err(TakeError::Client)? {
        out.write_all(&chunk).and_then(|()| copy.write_all(&chunk)).map_err(TakeError::File)?;
    }
    out.flush().map_err(TakeError::File)?;
    drop(copy);
    match verdict.join() {
        Ok(verdict) => verdict.map(drop).map_err(TakeError::Archive),
        Err(_) => Err(TakeError::File(io::Error::other("it could not be verified"))),
    }
}

fn tell(global: &Global, path: &Path, backup: &Unpacked) -> ExitCode {
    let Unpacked { header, files, bytes } = backup;
    if global.output == OutputWanted::Json {
        return say(&json!({ "file": path, "backup": header, "files": files, "bytes": bytes }).to_string());
    }
    let key = if header.key { "; it tells the values of variables: keep it as you keep secrets" } else { "" };
    say(&format!(
        "{} is a whole backup of {}: {files} files with {bytes} bytes, audit records 1 to {}{key}",
        path.display(),
        header.made,
        header.chain.size
    ))
}

pub(crate) fn restore(wanted: &cli::Restore, global: &Global, options: &ServeOptions) -> ExitCode {
    let from: Box<dyn Read> = if wanted.file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        match File::open(&wanted.file) {
            Ok(file) => Box::new(io::BufReader::new(file)),
            Err(error) => {
                fail(&format!("{} cannot be read: {error}", wanted.file.display()));
                return if error.kind() == io::ErrorKind::NotFound {
                    ExitCode::NotFound
                } else {
                    ExitCode::NotPermitted
                };
            }
        }
    };
    if wanted.check {
        return match verify(from) {
            Ok(unpacked) => tell(global, &wanted.file, &unpacked),
            Err(error) => faulty_archive(&wanted.file.display().to_string(), &error),
        };
    }
    let (state, checkpoints) = match places(wanted, options) {
        Ok(it) => it,
        Err(report) => {
            complain(&report);
            fail("without a configuration, say where with --into");
            return ExitCode::Configuration;
        }
    };
    if let Err(error) = fs::DirBuilder::new().recursive(true).mode(0o711).create(&state) {
        fail(&format!("{} cannot be made: {error}", state.display()));
        return ExitCode::NotPermitted;
    }
    let aside = format!("before-{}", clock::now().strftime("%Y%m%dT%H%M%SZ"));
    let restore = Restore { dir: state.join("store"), replace: wanted.replace, aside, checkpoints };
    match restore.perform(from) {
        Ok(restored) => restored_there(global, &state, &restored),
        Err(error) => faulty_archive("nothing was restored", &error),
    }
}

/// The state directory, and the checkpoints of the audit chain that were kept elsewhere.
fn places(wanted: &cli::Restore, options: &ServeOptions) -> Result<(PathBuf, Vec<Checkpoint>), Report> {
    let config = match (daemon::read_config(options), &wanted.into) {
        (Ok(config), _) => config,
        (Err(_), Some(into)) => return Ok((into.clone(), Vec::new())),
        (Err(report), None) => return Err(report),
    };
    let newest = config.audit.checkpoint_dir.as_deref().and_then(daemon::newest_checkpoint);
    let state = wanted.into.clone().unwrap_or(config.paths.state_dir);
    Ok((state, newest.into_iter().collect()))
}

fn restored_there(global: &Global, state: &Path, restored: &Restored) -> ExitCode {
    let Restored { backup, verified, aside, key_kept, ahead } = restored;
    if global.output == OutputWanted::Json {
        let told = json!({
            "state_dir": state, "backup": backup.header, "files": backup.files, "bytes": backup.bytes,
            "aside": aside, "key_kept": key_kept, "records": verified.head.size, "checkpoint_ahead": ahead,
        });
        return say(&told.to_string());
    }
    let mut text = format!(
        "{} has the state of {}: {} files, audit records 1 to {}, which hold",
        state.display(),
        backup.header.made,
        backup.files,
        verified.head.size
    );
    let mut note = |it: &str| {
        text.push('\n');
        text.push_str(it);
    };
    if let Some(aside) = aside {
        note(&format!("what was there is in {}; remove it when it is not needed any more", aside.display()));
    }
    if *key_kept {
        note("the backup has no key of variables, and the one that was there was taken over");
    } else if !backup.header.key {
        note("the backup has no key of variables: a new one is made, and old runs show them sealed");
    }
    if let Some(ahead) = ahead {
        note(&format!(
            "a checkpoint in `audit.checkpoint_dir` vouches for record {ahead}: what was recorded since the backup is not \
             here. Keep that directory and what was replaced, and name a new `audit.checkpoint_dir`"
        ));
    }
    note(
        "once it starts, the daemon fetches, applies newer commits once, and checks each stack before anything is \
         retried or corrected. Tokens that were revoked since the backup are valid again: look at `driftless tokens list`",
    );
    say(&text)
}

/// Says what is wrong with an archive or the place that it is for, after what that means.
fn faulty_archive(meaning: &str, error: &ArchiveError) -> ExitCode {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    let message = format!("{meaning}: {message}\n  -> {}", error.remedy());
    match error {
        ArchiveError::Occupied { .. } | ArchiveError::Store(StoreError::Locked { .. }) => refuse(&message),
        ArchiveError::Foreign(_)
        | ArchiveError::Incomplete
        | ArchiveError::Damaged(_)
        | ArchiveError::Newer { .. }
        | ArchiveError::Store(
            StoreError::Damaged { .. } | StoreError::Foreign { .. } | StoreError::Newer { .. },
        ) => faulty(&message),
        ArchiveError::Store(_) => fail(&message),
    }
}

fn refuse(message: &str) -> ExitCode {
    fail(message);
    ExitCode::Refused
}

fn faulty(message: &str) -> ExitCode {
    fail(message);
    ExitCode::BackupFaulty
}
