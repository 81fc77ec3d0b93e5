//! Carries out a plan so that an interruption leaves each file old or new.
//!
//! Everything new is first written under temporary names beside its place, a new directory with all that is in it; then
//! all of it is brought to the disk; only then is it moved to its place, each file or whole new directory by one `rename`.
//! So a disk that becomes full, or contents that arrive damaged, leave the tree as it was. What an interrupted run left
//! behind has names that the next run knows.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::contents::Pack;
use crate::faults::Faults;
use crate::path::TreePath;
use crate::plan::{Action, Attributes, Change, Instead};
use crate::problem::Problem;
use crate::root::Root;
use crate::wanted::Digest;

/// Up to so many files are brought to the disk one by one; with more it is faster to do it with the whole file system.
const SYNCED_ALONE: usize = 32;

/// More entries than any tree has, so that names with larger numbers are free.
const MOST_ENTRIES: usize = 1 << 40;

/// Makes the changes of a plan to the directory at `dest`.
pub fn apply(dest: &Path, changes: &[Change], pack: Pack<'_>, faults: &Faults) -> Result<(), Problem> {
    if changes.is_empty() {
        return Ok(());
    }
    complete(changes, &pack)?;
    let made = make_root(dest, changes, faults)?;
    let root = Root::open(dest, faults).map_err(Problem::at("open", &dest.display()))?;
    let root = root.ok_or_else(|| Problem::new("open", dest.display(), Errno::NOENT))?;
    root.lock().map_err(Problem::at("lock", &dest.display()))?;
    let mut run = Apply { root: &root, pack, tops: Vec::new(), directories: Vec::new(), made: 0 };
    let staged = run.clean(changes).and_then(|()| run.stage(changes));
    if let Err(mut problem) = staged {
        run.undo();
        if made {
            // A process that is interrupted here leaves an empty directory, which the next run fills.
            faults.step().and_then(|()| std::fs::remove_dir(dest)).ok();
        }
        problem.made = run.made;
        return Err(problem);
    }
    run.made += usize::from(made);
    run.commit(changes).map_err(|mut problem| {
        run.undo();
        problem.made = run.made;
        problem
    })
}

/// Refuses to begin if the contents of a file were not sent.
fn complete(changes: &[Change], pack: &Pack<'_>) -> Result<(), Problem> {
    let sent: BTreeSet<&TreePath> = pack.files().collect();
    let puts = changes.iter().filter(|it| matches!(it.action, Action::Put { .. }));
    puts.filter(|it| !sent.contains(&it.path))
        .map(|it| Err(Problem::new("write without its contents", &it.path, Errno::NOENT)))
        .next()
        .unwrap_or(Ok(()))
}

/// Makes the directory itself, and those above it as `mkdir -p` does. Tells whether it did.
fn make_root(dest: &Path, changes: &[Change], faults: &Faults) -> Result<bool, Problem> {
    let new = changes.first().filter(|it| it.path.is_root() && matches!(it.action, Action::Make(_)));
    let Some(new) = new else { return Ok(false) };
    let problem = || Problem::at("make", &dest.display());
    if let Some(above) = dest.parent() {
        faults.step().and_then(|()| std::fs::create_dir_all(above)).map_err(problem())?;
    }
    let mode = Mode::from_raw_mode(new.attributes.mode.unwrap_or(0o755));
    faults.step().map_err(problem())?;
    // Its mode is right from the beginning: that of a directory that is there may have to be kept, so the next run
    // would not correct it.
    let umask = rustix::process::umask(Mode::empty());
    let result = mkdirat(CWD, dest, mode).map_err(io::Error::from);
    rustix::process::umask(umask);
    result.map_err(problem())?;
    Ok(true)
}

struct Apply<'a> {
    root: &'a Root<'a>,
    pack: Pack<'a>,
    /// What was made under a temporary name and is to be moved.
    tops: Vec<Top>,
    /// New directories, where they are now, and what they get when everything is in them.
    directories: Vec<(TreePath, Attributes)>,
    /// Changes that were made.
    made: usize,
}

struct Top {
    temporary: TreePath,
    path: TreePath,
    directory: bool,
    instead: Instead,
    /// Itself and what is in it.
    changes: usize,
    moved: bool,
}

impl Apply<'_> {
    /// Removes what an interrupted run left, so that its names are free.
    fn clean(&mut self, changes: &[Change]) -> Result<(), Problem> {
        for change in changes.iter().filter(|it| it.action == Action::Clean) {
            self.made += 1;
            self.root.remove_all(&change.path).map_err(Problem::at("remove", &change.path))?;
        }
        Ok(())
    }

    /// Writes everything new under temporary names.
    fn stage(&mut self, changes: &[Change]) -> Result<(), Problem> {
        for change in changes.iter().filter(|it| it.action == Action::Adjust { opens: true }) {
            self.adjust(change)?;
        }
        let renewed: Vec<_> =
            changes.iter().filter(|it| !it.path.is_root() && instead(it).is_some()).collect();
        let files = renewed.iter().filter(|it| matches!(it.action, Action::Put { .. })).count();
        for change in &renewed {
            let place = self.place(change);
            self.new_entry(change, &place, files <= SYNCED_ALONE)
                .map_err(Problem::at("write", &change.path))?;
        }
        for (place, attributes) in self.directories.iter().rev() {
            self.root.set(place, attributes).map_err(Problem::at("set mode and owner of", place))?;
        }
        if SYNCED_ALONE < files {
            self.root.sync().map_err(Problem::at("bring to the disk", &TreePath::root()))?;
        }
        Ok(())
    }

    /// Where a new entry is written: in a new directory under its own name, elsewhere under a temporary one.
    fn place(&mut self, change: &Change) -> TreePath {
        if let Some(top) = self.tops.last_mut()
            && let Some(place) = change.path.moved(&top.path, &top.temporary)
        {
            top.changes += 1;
            return place;
        }
        let above = change.path.parent().unwrap_or_else(TreePath::root);
        let temporary = above.temporary(self.tops.len());
        self.tops.push(Top {
            temporary: temporary.clone(),
            path: change.path.clone(),
            directory: matches!(change.action, Action::Make(_)),
            instead: instead(change).unwrap_or(Instead::Nothing),
            changes: 1,
            moved: false,
        });
        temporary
    }

    fn new_entry(&mut self, change: &Change, place: &TreePath, sync: bool) -> io::Result<()> {
        match &change.action {
            Action::Make(_) => {
                self.root.make_directory(place)?;
                self.directories.push((place.clone(), change.attributes));
                Ok(())
            }
            Action::Link { target, .. } => {
                self.root.make_link(target, place)?;
                self.root.set(place, &Attributes { mode: None, ..change.attributes })
            }
            Action::Put { digest, .. } => {
                let mut writer = Writer {
                    file: self.root.make_file(place)?,
                    hash: Sha256::new(),
                    faults: self.root.faults(),
                };
                let found = self.pack.copy(&change.path, &mut writer)?;
                if !found || Digest(writer.hash.finalize().into()) != *digest {
                    let why = "its contents arrived damaged or out of order";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                self.root.set_open(&writer.file, &change.attributes)?;
                if sync {
                    writer.faults.step()?;
                    writer.file.sync_all()?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Moves everything to its place, then makes the changes in place, then removes, the deepest first.
    fn commit(&mut self, changes: &[Change]) -> Result<(), Problem> {
        for at in 0..self.tops.len() {
            self.move_in(at).map_err(Problem::at("replace", &self.tops[at].path))?;
        }
        for change in changes.iter().rev().filter(|it| it.action == Action::Adjust { opens: false }) {
            self.adjust(change)?;
        }
        if let Some(root) = changes.first().filter(|it| it.path.is_root() && instead(it).is_some()) {
            self.set(root)?;
        }
        for change in changes.iter().rev() {
            if let Action::Remove { directory } = change.action {
                self.root.remove(&change.path, directory).map_err(Problem::at("remove", &change.path))?;
                self.made += 1;
            }
        }
        Ok(())
    }

    fn move_in(&mut self, at: usize) -> io::Result<()> {
        let root = self.root;
        let top = &mut self.tops[at];
        let mut old = None;
        match top.instead {
            Instead::Nothing if top.directory => root.rename_new(&top.temporary, &top.path)?,
            Instead::Leaf if !top.directory => root.rename(&top.temporary, &top.path)?,
            Instead::Nothing => root.rename(&top.temporary, &top.path)?,
            Instead::Leaf | Instead::Directory => {
                old = Some(top.temporary.clone());
                if !root.exchange(&top.temporary, &top.path)? {
                    // Here there is a moment with neither of the two, but never with half of one.
                    let above = top.path.parent().unwrap_or_else(TreePath::root);
                    let aside = above.temporary(MOST_ENTRIES + at);
                    root.rename(&top.path, &aside)?;
                    old = Some(aside);
                    root.rename(&top.temporary, &top.path)?;
                }
            }
        }
        top.moved = true;
        self.made += top.changes;
        old.map_or(Ok(()), |it| root.remove_all(&it))
    }

    fn adjust(&mut self, change: &Change) -> Result<(), Problem> {
        self.made += 1;
        self.set(change)
    }

    fn set(&self, change: &Change) -> Result<(), Problem> {
        self.root
            .set(&change.path, &change.attributes)
            .map_err(Problem::at("set mode and owner of", &change.path))
    }

    /// Removes what was not moved. What cannot be removed is found by the next run.
    fn undo(&self) {
        for top in self.tops.iter().filter(|it| !it.moved) {
            self.root.remove_all(&top.temporary).ok();
        }
    }
}

/// What a new entry takes the place of; none if the change is of another kind.
fn instead(change: &Change) -> Option<Instead> {
    match &change.action {
        Action::Make(instead) | Action::Put { instead, .. } | Action::Link { instead, .. } => Some(*instead),
        _ => None,
    }
}

/// Writes a file and hashes what it writes.
struct Writer<'a> {
    file: std::fs::File,
    hash: Sha256,
    faults: &'a Faults,
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.faults.step()?;
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
