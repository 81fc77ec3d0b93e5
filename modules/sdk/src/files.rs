//! Reading and replacing small files.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::failure::{Explain, Failure};

/// The text of a file; empty if there is none.
pub fn read_text(path: impl AsRef<Path>) -> Result<String, Failure> {
    let path = path.as_ref();
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => read.explain(format_args!("cannot read {}", path.display())),
    }
}

/// Replaces a file as a whole: whoever looks sees the old one or the new one, also after a crash. Owner
/// and mode stay; a new file has the mode 0644, less what the umask takes. Links are followed, unless they lead nowhere.
pub fn replace(path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<(), Failure> {
    let path = path.as_ref();
    let failed = format!("cannot write {}", path.display());
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let old = match fs::metadata(&target) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).explain(failed),
    };
    let directory = target.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let temporary = beside(&target);
    // One that was left behind by a killed run of the same number.
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error).explain(failed);
    }
    let written = (|| {
        // Nobody else may read it before it has the mode of the old one.
        let mode = if old.is_some() { 0o600 } else { 0o644 };
        let mut file = File::options().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(content.as_ref())?;
        if let Some(old) = &old {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&temporary, &target)?;
        File::open(directory)?.sync_all()
    })();
    if written.is_err() {
        // What is left of it is of no use; the first error is the one to tell.
        drop(fs::remove_file(&temporary));
    }
    written.explain(failed)
}

fn beside(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}.new", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let room = std::env::temp_dir().join(format!("files-{}", std::process::id()));
        fs::create_dir(&room).unwrap();
        let (file, link) = (room.join("file"), room.join("link"));
        assert_eq!(read_text(&file).unwrap(), "");
        replace(&file, "one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        replace(&link, "two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "the link stays one");
        assert_eq!(read_text(&file).unwrap(), "two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(&room).unwrap().count(), 2, "nothing is left over");

        let failure = replace(room.join("none/file"), "x").unwrap_err();
        assert!(failure.message().contains("none/file: No such file"), "{failure}");
        let failure = replace(&room, "x").unwrap_err();
        assert!(failure.message().starts_with("cannot write"), "{failure}");
        fs::remove_dir_all(&room).unwrap();
    }
}
