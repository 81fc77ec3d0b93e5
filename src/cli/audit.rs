//! Shows, verifies and exports the audit chain.

mod arguments;

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use super::client::{Client, ClientError};
use super::console::Console;
use super::page::{Page, Tone, piece, plain};
use super::render::audit_page;
use super::{act, command::Global, told};
use crate::api::{AuditList, AuditQuery, EraseBody, ErrorBody, StackList, resolve_stack};
use crate::domain::audit::{
    AuditAction, AuditPublicKey, AuditRecord, Checkpoint, Faults, Verification, Verified,
};
use crate::domain::{StackId, Timestamp};
use crate::error::ExitCode;

pub use arguments::{AuditCommand, AuditShow, AuditVerify};
pub(super) use arguments::{Since, since};

/// Carries a command of the audit chain out by talking to the daemon, or by reading a file that was exported.
pub(super) async fn audit(
    command: AuditCommand,
    client: &Client,
    console: &mut Console,
) -> Result<ExitCode, ClientError> {
    match command {
        AuditCommand::Show(wanted) => {
            let query = wanted.query(console.now())?;
            let list: AuditList = client.get(&path(&query)).await?;
            if let (Some(stack), true) = (&wanted.stack, list.records.is_empty()) {
                // A stack that is gone has its records; one that never was is a slip.
                let known: StackList = client.get("/stacks").await?;
                let known: Vec<StackId> = known.stacks.into_iter().map(|it| it.id).collect();
                resolve_stack(stack, &known).map_err(ClientError::Answered)?;
            }
            console.answer(&list, audit_page)?;
        }
        AuditCommand::Verify(wanted) => {
            let mut verification = Verification::new(wanted.checkpoints()?, wanted.key);
            match &wanted.file {
                Some(file) => of_file(&mut verification, file)?,
                None => of_daemon(&mut verification, client).await?,
            }
            return verdict(&verification.finish(), console);
        }
        AuditCommand::Export { from } => {
            let mut from = from;
            while let Some(list) = next_page(client, &mut from).await? {
                if let Some(it) = list.unreadable.first() {
                    let message = format!("record {} cannot be exported: {}", it.seq, it.what);
                    return Err(ErrorBody::refused(message)
                        .remedy("`driftless audit verify` says more")
                        .into());
                }
                list.records.iter().try_for_each(|it| console.line(&it.to_line()))?;
            }
        }
        AuditCommand::Key { .. } => {
            let mut from = 0;
            let mut key = None;
            while let Some(list) = next_page(client, &mut from).await? {
                key = list.records.iter().filter_map(key_of).next_back().or(key);
            }
            return key_told(key, console);
        }
        AuditCommand::Erase { name } => {
            act::reply(&client.post("/audit/erase", &EraseBody { name }).await?, console)?;
        }
    }
    Ok(ExitCode::Success)
}

/// The key that a record says is used from there on.
fn key_of(record: &AuditRecord) -> Option<AuditPublicKey> {
    record.is(AuditAction::KeyUsed).then(|| record.detail.get("key")?.as_str()?.parse().ok())?
}

fn key_told(key: Option<AuditPublicKey>, console: &mut Console) -> Result<ExitCode, ClientError> {
    let key = key.ok_or_else(|| {
        ErrorBody::not_found("the audit chain has no key yet").remedy("start the daemon once; see its log")
    })?;
    console.line(&key.to_string())?;
    Ok(ExitCode::Success)
}

fn path(query: &AuditQuery) -> String {
    let mut parts = vec![format!("count={}", query.count.unwrap_or(AuditQuery::MOST))];
    // Names, numbers and times need no escaping in a query.
    parts.extend(query.object.as_ref().map(|it| format!("object={it}")));
    parts.extend(query.run.map(|it| format!("run={it}")));
    parts.extend(query.since.map(|it| format!("since={it}")));
    parts.extend(query.from.map(|it| format!("from={it}")));
    parts.push(format!("newest={}", query.newest));
    format!("/audit?{}", parts.join("&"))
}

/// The next records from a number on; `None` after the last.
async fn next_page(client: &Client, from: &mut u64) -> Result<Option<AuditList>, ClientError> {
    let query = AuditQuery { from: Some(*from), ..AuditQuery::default() };
    let list: AuditList = client.get(&path(&query)).await?;
    let newest = list.records.iter().map(|it| it.seq).chain(list.unreadable.iter().map(|it| it.seq)).max();
    let Some(newest) = newest else { return Ok(None) };
    *from = newest.saturating_add(1);
    Ok(Some(list))
}

async fn of_daemon(verification: &mut Verification, client: &Client) -> Result<(), ClientError> {
    let mut from = 0;
    while let Some(list) = next_page(client, &mut from).await? {
        list.records.iter().for_each(|it| verification.take(it));
        list.unreadable.into_iter().for_each(|it| verification.unreadable(it.seq, it.what));
    }
    Ok(())
}

fn of_file(verification: &mut Verification, file: &Path) -> Result<(), ClientError> {
    let lines = BufReader::new(std::fs::File::open(file).map_err(|it| arguments::unreadable(file, &it))?)
        .split(b'\n');
    for (at, line) in lines.enumerate() {
        let line = line.map_err(|it| arguments::unreadable(file, &it))?;
        match std::str::from_utf8(&line).map_err(|it| it.to_string()).and_then(AuditRecord::from_line) {
            Ok(record) => verification.take(&record),
            Err(what) => verification.unreadable(at as u64 + 1, what),
        }
    }
    Ok(())
}

/// What a database that was read without its daemon says, told as the answer of the daemon is.
pub fn audit_verdict(
    read: Result<Result<Verified, Faults>, ErrorBody>,
    global: &Global,
    now: fn() -> Timestamp,
) -> ExitCode {
    let mut console = Console::of_process(global, now);
    let told_so = read.map_err(ClientError::from).and_then(|it| verdict(&it, &mut console));
    told_so.unwrap_or_else(|error| told(&error, &mut console))
}

/// The key that a database says is used, told as the answer of the daemon is.
pub fn audit_key(
    read: Result<Option<AuditPublicKey>, ErrorBody>,
    global: &Global,
    now: fn() -> Timestamp,
) -> ExitCode {
    let mut console = Console::of_process(global, now);
    let told_so = read.map_err(ClientError::from).and_then(|it| key_told(it, &mut console));
    told_so.unwrap_or_else(|error| told(&error, &mut console))
}

fn verdict(found: &Result<Verified, Faults>, console: &mut Console) -> Result<ExitCode, ClientError> {
    let told = match found {
        Ok(it) => serde_json::json!({
            "holds": true, "records": it.head.size, "hash": it.head.hash, "vouched": it.vouched,
            "erased": it.erased, "key": it.key.map(|it| it.to_string()),
        }),
        Err(it) => serde_json::json!({
            "holds": false, "count": it.count,
            "faults": it.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
    };
    console.answer(&told, |_, _| found.as_ref().map_or_else(faults_page, verified_page))?;
    Ok(if found.is_ok() { ExitCode::Success } else { ExitCode::AuditFaulty })
}

fn verified_page(verified: &Verified) -> Page {
    let mut page = Page::default();
    let size = verified.head.size;
    page.line(&[piece(
        Tone::Good,
        format!("the chain holds: {size} records, the last one {}", verified.head.hash),
    )]);
    let vouched = match verified.vouched {
        0 => "no checkpoint was given: a chain whose end was cut off, or that was made anew, would look the same"
            .to_owned(),
        vouched if vouched < size => {
            format!("the checkpoint vouches for {vouched} of them; the end after it could be cut off unseen")
        }
        _ => "the checkpoint vouches for all of them".to_owned(),
    };
    page.line(&[plain(vouched)]);
    match verified.erased {
        0 => {}
        1 => page.line(&[plain("1 text about a person was erased, as a record says")]),
        texts => page.line(&[plain(format!("{texts} texts about persons were erased, as records say"))]),
    }
    page
}

fn faults_page(faults: &Faults) -> Page {
    let mut page = Page::default();
    page.line(&[piece(Tone::Bad, "the chain does not hold")]);
    for fault in &faults.faults {
        page.line(&[plain(format!("  {fault}"))]);
    }
    let more = faults.count - faults.faults.len() as u64;
    if more != 0 {
        page.line(&[plain(format!("  and {more} more"))]);
    }
    page
}

/// The checkpoints of a file.
fn checkpoints_of(file: &Path) -> Result<Vec<Checkpoint>, ErrorBody> {
    let text = std::fs::read_to_string(file).map_err(|it| arguments::unreadable(file, &it))?;
    Checkpoint::read_all(&text).map_err(|it| ErrorBody::bad_request(format!("{}: {it}", file.display())))
}
