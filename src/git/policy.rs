//! What may be in a tree that is laid out on disk.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::tree::shown_path;

/// The most entries of one tree, directories included.
pub(super) const ENTRIES: usize = 200_000;
/// The most bytes of all files of one tree together.
pub(super) const BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// The deepest directory.
const DEPTH: usize = 64;
/// The longest path, so that it fits below any checkout.
const PATH_BYTES: usize = 2048;
/// As many symlinks as Linux follows.
const SYMLINKS: usize = 40;

/// Something in the repository that is not laid out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` {reason}")]
pub struct Refusal {
    /// The path in the repository, escaped.
    pub path: String,
    /// Why.
    pub reason: Reason,
}

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// `.`, `..`, empty, or with a slash, a NUL or a line end in it.
    #[error("is not a usable file name")]
    Name,
    /// `.git` as some file system would read it.
    #[error("would be taken for Git's own directory")]
    DotGit,
    /// `con`, `nul` and the like.
    #[error("has the name of a device")]
    Device,
    /// Longer or deeper than the limits.
    #[error("is too long or too deep")]
    TooLong,
    /// More entries than the limit.
    #[error("is one too many: there are more than 200,000 files and directories")]
    TooMany,
    /// More bytes than the limit.
    #[error("is too large: the files have more than 2 GiB together")]
    TooLarge,
    /// The same name twice.
    #[error("is there twice")]
    Twice,
    /// Neither file, symlink nor directory.
    #[error("is of a kind that Git does not know")]
    Kind,
    /// A symlink to an absolute path, or out of the tree.
    #[error("is a symlink that leads out of the repository")]
    Escape,
    /// A submodule.
    #[error("is a submodule, and submodules are not followed")]
    Submodule,
    /// A pointer of Git LFS.
    #[error("is a Git LFS pointer, and its content is not in the repository")]
    Lfs,
}

impl Refusal {
    pub(super) fn new(path: &[u8], reason: Reason) -> Self {
        Self { path: shown_path(path), reason }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self.reason {
            Reason::Submodule => {
                "commit the files themselves, or declare the role or collection in a requirements file"
            }
            Reason::Lfs => "commit the file itself: `git lfs migrate export` does it for a whole history",
            Reason::Escape => "point the symlink at a file of the repository, or commit that file",
            Reason::TooMany | Reason::TooLarge => "keep what the playbooks need in a repository of its own",
            _ => "rename it in the repository",
        }
    }

    /// Whether no honest tool makes such a tree.
    pub fn may_be_an_attack(&self) -> bool {
        matches!(self.reason, Reason::Name | Reason::DotGit | Reason::Twice | Reason::Kind)
    }
}

/// Whether a single name may be used, wherever it stands.
pub(super) fn check_name(name: &[u8]) -> Result<(), Reason> {
    if name.is_empty() || name == b"." || name == b".." || name.iter().any(|it| b"/\0\n".contains(it)) {
        return Err(Reason::Name);
    }
    if name.len() > 255 {
        return Err(Reason::TooLong);
    }
    // Windows takes a backslash for a slash, and a colon for the beginning of a stream.
    for part in name.split(|it| *it == b'\\') {
        if is_dot_git(part) {
            return Err(Reason::DotGit);
        }
    }
    if is_device(name) { Err(Reason::Device) } else { Ok(()) }
}

/// Whether a whole path may be used; its names were checked one by one.
pub(super) fn check_path(path: &[u8]) -> Result<(), Reason> {
    let depth = path.split(|it| *it == b'/').count();
    if path.len() > PATH_BYTES || depth > DEPTH { Err(Reason::TooLong) } else { Ok(()) }
}

fn is_dot_git(name: &[u8]) -> bool {
    let visible = without_ignored(name);
    let stream = visible.split(|it| *it == b':').next().unwrap_or_default();
    let end = stream.iter().rposition(|it| !b" .".contains(it)).map_or(0, |it| it + 1);
    let base = stream[..end].to_ascii_lowercase();
    base == b".git" || base == b"git~1"
}

/// The name without the characters that HFS+ does not see.
fn without_ignored(name: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(name) else { return name.to_vec() };
    let ignored = |it: &char| matches!(*it, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    text.chars().filter(|it| !ignored(it)).collect::<String>().into_bytes()
}

fn is_device(name: &[u8]) -> bool {
    let base = name.split(|it| b".: ".contains(it)).next().unwrap_or_default().to_ascii_lowercase();
    match base.as_slice() {
        b"con" | b"prn" | b"aux" | b"nul" | b"conin$" | b"conout$" => true,
        [b'c', b'o', b'm', digit] | [b'l', b'p', b't', digit] => digit.is_ascii_digit() && *digit != b'0',
        _ => false,
    }
}

/// The symlinks of a tree, by path.
pub(super) type Symlinks = BTreeMap<Vec<u8>, Vec<u8>>;

/// Follows `target` as seen from the directory `from`, through the symlinks of the tree as a kernel would.
/// Returns where it ends, or `None` if it leaves the tree or goes in circles. What it ends at need not exist.
pub(super) fn resolve(symlinks: &Symlinks, from: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    if target.is_empty() || target.starts_with(b"/") || target.contains(&0) {
        return None;
    }
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|it| *it == b'/').filter(|it| !it.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let mut place: Vec<Vec<u8>> = names(from);
    let mut ahead: Vec<Vec<u8>> = names(target);
    ahead.reverse();
    let mut followed = 0;
    while let Some(name) = ahead.pop() {
        match name.as_slice() {
            b"." => {}
            b".." => drop(place.pop()?),
            _ => {
                place.push(name);
                if let Some(next) = symlinks.get(&place.join(&b'/')) {
                    followed += 1;
                    if followed > SYMLINKS || next.starts_with(b"/") {
                        return None;
                    }
                    place.pop();
                    ahead.extend(names(next).into_iter().rev());
                }
            }
        }
    }
    Some(place.join(&b'/'))
}

/// Refuses the first symlink that leads out of the tree.
pub(super) fn check_symlinks(symlinks: &Symlinks) -> Result<(), Refusal> {
    for (path, target) in symlinks {
        let from = path.iter().rposition(|it| *it == b'/').map_or(&b""[..], |at| &path[..at]);
        if resolve(symlinks, from, target).is_none() {
            return Err(Refusal::new(path, Reason::Escape));
        }
    }
    Ok(())
}

/// Whether the content of a file is a pointer of Git LFS instead of the file.
pub(super) fn is_lfs_pointer(content: &[u8]) -> bool {
    content.len() <= 1024
        && [&b"version https://git-lfs.github.com/spec/v"[..], b"version https://hawser.github.com/spec/v"]
            .iter()
            .any(|it| content.starts_with(it))
}

/// A path for messages about something without one.
pub(super) fn relative(path: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(path))
}
