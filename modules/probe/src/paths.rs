//! Files, directories, links, absent paths, and lines of files.

use std::fs::{File as Opened, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::time::Instant;

use rustix::fs::OFlags;
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::item::{File, Line, Link, Needle, Place};
use crate::sources::Sources;
use crate::verdict::Comparison;

/// Files in which lines are looked for may be so long.
const TEXT_LIMIT_BYTES: u64 = 16 << 20;

/// How much is read between two looks at the clock.
const CHUNK_BYTES: usize = 256 << 10;

/// What is at a path. Errors that do not mean "nothing" are told.
fn look(sources: &Sources<'_>, path: &str, follow: bool) -> Result<Option<Metadata>, String> {
    let place = sources.host.at(path);
    let found = if follow { place.metadata() } else { place.symlink_metadata() };
    match found {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(format!("{path} cannot be looked at: {error}")),
    }
}

/// The word for what is there.
fn state(found: Option<&Metadata>) -> &'static str {
    let Some(found) = found else { return "absent" };
    let kind = found.file_type();
    match () {
        () if kind.is_file() => "file",
        () if kind.is_dir() => "directory",
        () if kind.is_symlink() => "link",
        () if kind.is_fifo() => "fifo",
        () if kind.is_socket() => "socket",
        () if kind.is_block_device() => "block device",
        () => "character device",
    }
}

/// Compares kind, mode and owners. Gives what is there if it is of the kind that is wanted.
fn compare_place(
    place: &Place,
    wanted: &'static str,
    sources: &Sources<'_>,
    comparison: &mut Comparison,
) -> Option<Metadata> {
    let found = match look(sources, &place.path, place.follow) {
        Ok(found) => found,
        Err(reason) => {
            comparison.unknown("state", json!(wanted), reason);
            return None;
        }
    };
    comparison.property("state", wanted, state(found.as_ref()));
    let found = found.filter(|_| comparison.differs.is_empty());
    if let (Some(mode), Some(found)) = (place.mode, &found) {
        comparison.property("mode", octal(mode), octal(found.mode() & 0o7777));
    }
    if let (Some(owner), Some(found)) = (&place.owner, &found) {
        let name = sources.accounts().user_name(found.uid());
        let is_same = name.as_ref() == Some(owner) || *owner == found.uid().to_string();
        comparison.judged("owner", json!(owner), json!(name.unwrap_or(found.uid().to_string())), is_same);
    }
    if let (Some(group), Some(found)) = (&place.group, &found) {
        let name = sources.accounts().group_name(found.gid());
        let is_same = name.as_ref() == Some(group) || *group == found.gid().to_string();
        comparison.judged("group", json!(group), json!(name.unwrap_or(found.gid().to_string())), is_same);
    }
    found
}

fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

pub(crate) fn directory(place: &Place, sources: &Sources<'_>, comparison: &mut Comparison) {
    compare_place(place, "directory", sources, comparison);
}

pub(crate) fn file(file: &File, sources: &Sources<'_>, comparison: &mut Comparison) {
    let Some(found) = compare_place(&file.place, "file", sources, comparison) else { return };
    if let Some(size) = file.size {
        comparison.property("size", size, found.len());
    }
    if file.sha1.is_none() && file.sha256.is_none() {
        return;
    }
    let path = &file.place.path;
    let digests = open(sources, path, file.place.follow).and_then(|opened| {
        digests(opened, path, file.sha1.is_some(), file.sha256.is_some(), sources.deadline)
    });
    let (sha1, sha256) = match digests {
        Ok((sha1, sha256)) => (Ok(sha1), Ok(sha256)),
        Err(reason) => (Err(reason.clone()), Err(reason)),
    };
    for (name, wanted, found) in [("sha1", &file.sha1, sha1), ("sha256", &file.sha256, sha256)] {
        match (wanted, found) {
            (None, _) => {}
            (Some(wanted), Ok(found)) => comparison.property(name, wanted.as_str(), found),
            (Some(wanted), Err(reason)) => comparison.unknown(name, json!(wanted), reason),
        }
    }
}

pub(crate) fn link(link: &Link, sources: &Sources<'_>, comparison: &mut Comparison) {
    if compare_place(&link.place, "link", sources, comparison).is_none() {
        return;
    }
    let Some(target) = &link.target else { return };
    match std::fs::read_link(sources.host.at(&link.place.path)) {
        Ok(found) => comparison.property("target", target.as_str(), found.to_string_lossy().into_owned()),
        Err(error) => {
            let reason = format!("the link cannot be read: {error}");
            comparison.unknown("target", json!(target), reason);
        }
    }
}

pub(crate) fn absent(path: &str, sources: &Sources<'_>, comparison: &mut Comparison) {
    match look(sources, path, false) {
        Ok(found) => comparison.property("state", "absent", state(found.as_ref())),
        Err(reason) => comparison.unknown("state", json!("absent"), reason),
    }
}

/// Opens a regular file for reading. It never waits, and follows a link at the path only if that is asked for.
fn open(sources: &Sources<'_>, path: &str, follow: bool) -> Result<Opened, String> {
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(sources.host.at(path));
    let opened = opened.map_err(|error| format!("{path} cannot be read: {error}"))?;
    // It may have been replaced since it was looked at.
    let is_file = opened.metadata().is_ok_and(|it| it.is_file());
    if is_file { Ok(opened) } else { Err(format!("{path} is not a regular file")) }
}

/// Both digests in one reading, those that are asked for.
fn digests(
    mut opened: Opened,
    path: &str,
    with_sha1: bool,
    with_sha256: bool,
    deadline: Instant,
) -> Result<(String, String), String> {
    let mut sha1 = Sha1::new();
    let mut sha256 = Sha256::new();
    let length = opened.metadata().map_or(0, |it| usize::try_from(it.len()).unwrap_or(usize::MAX));
    let mut chunk = vec![0; length.clamp(4096, CHUNK_BYTES)];
    loop {
        if deadline < Instant::now() {
            return Err(format!("reading {path} took too long; give the task a longer timeout"));
        }
        let count = opened.read(&mut chunk).map_err(|error| format!("{path} cannot be read: {error}"))?;
        let Some(read) = chunk.get(..count).filter(|read| !read.is_empty()) else { break };
        if with_sha1 {
            sha1.update(read);
        }
        if with_sha256 {
            sha256.update(read);
        }
    }
    Ok((hexadecimal(&sha1.finalize()), hexadecimal(&sha256.finalize())))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(crate) fn line(line: &Line, sources: &Sources<'_>, comparison: &mut Comparison) {
    let word = |present: bool| if present { "present" } else { "absent" };
    let wanted = json!(word(line.present));
    let found = match look(sources, &line.path, line.follow) {
        Err(reason) => Err(reason),
        Ok(None) => Ok(false),
        Ok(Some(_)) => sources.read_lines(&line.path, line.follow, read_text).and_then(|text| {
            contains(&text, &line.needle, sources.deadline)
                .ok_or_else(|| format!("looking through {} took too long", line.path))
        }),
    };
    match found {
        Err(reason) => comparison.unknown("state", wanted, reason),
        Ok(present) if present == line.present => comparison.judged("state", wanted.clone(), wanted, true),
        Ok(true) => {
            let reason = format!("{} has such a line", line.path);
            comparison.different("state", wanted, json!("present"), reason);
        }
        Ok(false) => {
            let reason = format!("{} has no such line", line.path);
            comparison.different("state", wanted, json!("absent"), reason);
        }
    }
}

fn read_text(sources: &Sources<'_>, path: &str, follow: bool) -> Result<Vec<u8>, String> {
    let opened = open(sources, path, follow)?;
    let mut text = Vec::new();
    let read = opened.take(TEXT_LIMIT_BYTES + 1).read_to_end(&mut text);
    read.map_err(|error| format!("{path} cannot be read: {error}"))?;
    if TEXT_LIMIT_BYTES < u64::try_from(text.len()).unwrap_or(u64::MAX) {
        return Err(format!("{path} is longer than 16 MiB; lines are not looked for in it"));
    }
    Ok(text)
}

/// Whether a text has such a line, or nothing if it took too long.
fn contains(text: &[u8], needle: &Needle, deadline: Instant) -> Option<bool> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    for (number, line) in text.split(|it| *it == b'\n').enumerate() {
        let is_found = match needle {
            Needle::Literal(literal) => line == literal.as_bytes(),
            Needle::Expression(expression) => expression.is_match(&String::from_utf8_lossy(line)),
        };
        if is_found {
            return Some(true);
        }
        if number % 256 == 0 && deadline < Instant::now() {
            return None;
        }
    }
    Some(false)
}

/// The content of a file that certificates are in, if there is one. Links are followed: that is how they are renewed.
pub(crate) fn content(sources: &Sources<'_>, path: &str) -> Result<Option<Vec<u8>>, String> {
    match look(sources, path, true)? {
        None => Ok(None),
        Some(_) => read_text(sources, path, true).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::tests::verdict;
    use crate::verdict::State;

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "one\ntwo\n").unwrap();
        fs::set_permissions(root.path().join("file"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::create_dir(root.path().join("directory")).unwrap();
        symlink("file", root.path().join("link")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.path().join("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        root
    }

    #[track_caller]
    fn check(item: &Value, state: State, reason: Option<&str>) {
        let root = root();
        let found = verdict(root.path(), item.clone());
        assert_eq!((found.state, found.reason.as_deref()), (state, reason), "{item}");
    }

    #[test]
    fn files_are_verified() {
        use State::{AsWanted, Differs, Unknown};
        let sha256 = "c0dde4f8ba24bd1d0bfdad36dfa1bb1b1ad9bcb7c0ba5d2b1f5c0b7e4ff7f5b1";
        let real = Sha256::digest("one\ntwo\n");
        let real = hexadecimal(&real);
        check(&json!({"file": {"path": "/file", "mode": "0640", "size": 8, "sha256": real}}), AsWanted, None);
        let sha1 = hexadecimal(&Sha1::digest("one\ntwo\n"));
        check(
            &json!({"file": {"path": "/file", "sha1": sha1, "sha256": real.to_uppercase()}}),
            AsWanted,
            None,
        );
        let reason = format!("sha256 is {real}, wanted {sha256}");
        check(&json!({"file": {"path": "/file", "sha256": sha256}}), Differs, Some(&reason));
        check(
            &json!({"file": {"path": "/file", "mode": "0600"}}),
            Differs,
            Some("mode is 0640, wanted 0600"),
        );
        check(&json!({"file": "/nothing"}), Differs, Some("state is absent, wanted file"));
        check(&json!({"file": "/file/below"}), Differs, Some("state is absent, wanted file"));
        check(
            &json!({"file": {"path": "/link", "mode": "0640"}}),
            Differs,
            Some("state is link, wanted file"),
        );
        check(&json!({"file": {"path": "/link", "mode": "0640", "follow": true}}), AsWanted, None);
        check(
            &json!({"file": {"path": "/fifo", "sha256": sha256}}),
            Differs,
            Some("state is fifo, wanted file"),
        );
        let reason = "/loop cannot be looked at: Too many levels of symbolic links (os error 40)";
        check(&json!({"file": {"path": "/loop", "follow": true}}), Unknown, Some(reason));
    }

    #[test]
    fn directories_links_and_absence_are_verified() {
        use State::{AsWanted, Differs};
        check(&json!({"directory": "/directory"}), AsWanted, None);
        check(&json!({"directory": "/file"}), Differs, Some("state is file, wanted directory"));
        check(&json!({"link": {"path": "/link", "target": "file"}}), AsWanted, None);
        check(
            &json!({"link": {"path": "/link", "target": "/file"}}),
            Differs,
            Some("target is file, wanted /file"),
        );
        check(&json!({"link": "/loop"}), AsWanted, None);
        check(&json!({"absent": "/nothing"}), AsWanted, None);
        check(&json!({"absent": "/link"}), Differs, Some("state is link, wanted absent"));
    }

    #[test]
    fn lines_are_verified() {
        use State::{AsWanted, Differs, Unknown};
        check(&json!({"line": {"path": "/file", "line": "two"}}), AsWanted, None);
        check(&json!({"line": {"path": "/link", "regexp": "^t.o$"}}), AsWanted, None);
        check(&json!({"line": {"path": "/file", "line": "tw"}}), Differs, Some("/file has no such line"));
        check(&json!({"line": {"path": "/file", "line": ""}}), Differs, Some("/file has no such line"));
        check(
            &json!({"line": {"path": "/file", "regexp": "n", "state": "absent"}}),
            Differs,
            Some("/file has such a line"),
        );
        check(&json!({"line": {"path": "/nothing", "line": "x", "state": "absent"}}), AsWanted, None);
        check(&json!({"line": {"path": "/fifo", "line": "x"}}), Unknown, Some("/fifo is not a regular file"));
    }

    proptest! {
        #[test]
        fn a_line_is_found_exactly_if_it_is_there(lines in prop::collection::vec("[ab]{0,2}", 1..6), line in "[ab]{0,2}") {
            let text = lines.join("\n") + "\n";
            let found = contains(text.as_bytes(), &Needle::Literal(line.clone()), Instant::now() + std::time::Duration::from_secs(60));
            prop_assert_eq!(found, Some(lines.contains(&line)));
        }
    }
}
