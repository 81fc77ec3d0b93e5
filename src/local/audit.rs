//! Reads the audit chain of a database without its daemon.

use std::path::Path;

use driftless::api::{ErrorBody, ErrorCode};
use driftless::cli::{self, AuditCommand, AuditVerify, Global};
use driftless::daemon::clock;
use driftless::error::ExitCode;
use driftless::store::{AuditDatabase, StoreError};

/// Whether a database is named that is to be read.
pub(crate) fn needs_no_daemon(wanted: &AuditCommand) -> bool {
    matches!(
        wanted,
        AuditCommand::Verify(AuditVerify { database: Some(_), .. }) | AuditCommand::Key { database: Some(_) }
    )
}

pub(crate) fn audit(wanted: &AuditCommand, global: &Global) -> ExitCode {
    match wanted {
        AuditCommand::Verify(verify @ AuditVerify { database: Some(path), .. }) => {
            let read = verify.checkpoints().and_then(|checkpoints| {
                open(path)?.verify(checkpoints, verify.key).map_err(|it| told(path, &it))
            });
            cli::audit_verdict(read, global, clock::now)
        }
        AuditCommand::Key { database: Some(path) } => {
            let key = open(path).and_then(|it| it.state().map_err(|it| told(path, &it)));
            cli::audit_key(key.map(|it| it.key), global, clock::now)
        }
        _ => ExitCode::Usage,
    }
}

fn open(path: &Path) -> Result<AuditDatabase, ErrorBody> {
    // A state directory, or the directory of the store in it: what people have at hand.
    let inside = [path.join("store/driftless.db"), path.join("driftless.db")];
    let file = inside.into_iter().find(|it| it.exists()).unwrap_or_else(|| path.to_owned());
    if let Err(error) = std::fs::File::open(&file) {
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied => ErrorCode::NotPermitted,
            _ => ErrorCode::NotFound,
        };
        return Err(ErrorBody::new(code, format!("{} cannot be read: {error}", file.display())));
    }
    AuditDatabase::open(&file).map_err(|it| told(&file, &it))
}

fn told(path: &Path, error: &StoreError) -> ErrorBody {
    let mut message = format!("{}: {error}", path.display());
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    ErrorBody::refused(message).remedy("is it the database of this version of driftless?")
}
