//! The repository of the demo: made from `playbooks/demo`, and changed the way a person would.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use git2::{IndexAddOption, Repository, Signature};

/// The files of the demo's repository, as they are in `playbooks/demo`.
const FILES: &[(&str, &str)] = &[
    ("driftless.yml", include_str!("../../playbooks/demo/driftless.yml")),
    ("inventory/hosts.yml", include_str!("../../playbooks/demo/inventory/hosts.yml")),
    ("inventory/group_vars/all.yml", include_str!("../../playbooks/demo/inventory/group_vars/all.yml")),
    ("site.yml", include_str!("../../playbooks/demo/site.yml")),
    ("roles/web/tasks/main.yml", include_str!("../../playbooks/demo/roles/web/tasks/main.yml")),
    ("roles/web/handlers/main.yml", include_str!("../../playbooks/demo/roles/web/handlers/main.yml")),
    ("roles/web/templates/web.conf.j2", include_str!("../../playbooks/demo/roles/web/templates/web.conf.j2")),
];

/// The version of ansible-core that `playbooks/demo/driftless.yml` names.
const CORE_IN_FILES: &str = "2.19.14";

/// A repository on this machine that the demo commits to.
pub(super) struct DemoRepository {
    root: PathBuf,
    repository: Repository,
}

impl DemoRepository {
    /// Writes the files, with the version of ansible-core that the Python at hand can run. Commits nothing yet.
    pub(super) fn create(root: &Path, core: &str) -> anyhow::Result<Self> {
        for (path, content) in FILES {
            write(&root.join(path), &content.replace(CORE_IN_FILES, core))?;
        }
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head("main");
        let repository =
            Repository::init_opts(root, &options).context("failed to make the demo's repository")?;
        Ok(Self { root: root.to_owned(), repository })
    }

    /// Where it is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Replaces text in a file.
    pub(super) fn edit(&self, path: &str, from: &str, to: &str) -> anyhow::Result<()> {
        let file = self.root.join(path);
        let content = std::fs::read_to_string(&file).with_context(|| format!("failed to read {path}"))?;
        anyhow::ensure!(content.contains(from), "the demo's {path} does not say {from:?}");
        write(&file, &content.replace(from, to))
    }

    /// Commits everything; gives the full hash.
    pub(super) fn commit(&self, message: &str) -> anyhow::Result<String> {
        let mut index = self.repository.index()?;
        index.add_all(["*"], IndexAddOption::DEFAULT, None)?;
        index.write()?;
        let tree = self.repository.find_tree(index.write_tree()?)?;
        let author = Signature::now("Demo", "demo@example.com")?;
        let parent = self.repository.head().ok().and_then(|it| it.peel_to_commit().ok());
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let id = self.repository.commit(Some("HEAD"), &author, &author, message, &tree, &parents)?;
        Ok(id.to_string())
    }
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    let parent = path.parent().context("a file of the demo has a directory")?;
    std::fs::create_dir_all(parent).with_context(|| format!("failed to make {}", parent.display()))?;
    std::fs::write(path, content).with_context(|| format!("failed to write {}", path.display()))
}
