//! What a path alone tells of a file.

/// Directories whose files take part in everything that Ansible does.
const PLUGINS: [&str; 2] = ["library", "module_utils"];

/// Names of files that only explain something, or are read by other programs.
const DOCS: [&str; 24] = [
    "license",
    "licence",
    "copying",
    "notice",
    "authors",
    "codeowners",
    "changelog",
    "contributing",
    "security",
    "readme",
    "makefile",
    "jenkinsfile",
    "vagrantfile",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".gitkeep",
    ".editorconfig",
    ".mailmap",
    ".yamllint",
    ".ansible-lint",
    ".gitlab-ci",
    ".pre-commit-config",
    "renovate",
];

/// Whether a file has no part in what Ansible does unless something names it.
pub(super) fn is_docs(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let (name, directories) = parts.split_last().map_or((path, &[][..]), |it| (*it.0, it.1));
    // What roles hand out is what it is.
    if directories.iter().any(|it| matches!(*it, "files" | "templates")) {
        return false;
    }
    let first = directories.first().copied().unwrap_or_default();
    if matches!(first, ".github" | ".gitlab" | ".git" | ".vscode" | ".idea" | "docs" | ".circleci") {
        return true;
    }
    if 2 < parts.len() && directories.iter().any(|it| matches!(*it, "molecule" | "tests")) {
        return true;
    }
    let name = name.to_ascii_lowercase();
    let stem = [".md", ".rst", ".adoc", ".txt", ".yml", ".yaml", ".json"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(&name);
    let is_prose = [".md", ".rst", ".adoc"].iter().any(|end| name.ends_with(end));
    let is_variables = directories.iter().any(|it| matches!(*it, "group_vars" | "host_vars"));
    is_prose || !is_variables && (DOCS.contains(&stem) || DOCS.iter().take(10).any(|it| begins(&name, it)))
}

/// `LICENSE-MIT`, `README.de`.
fn begins(name: &str, word: &str) -> bool {
    name.strip_prefix(word).is_some_and(|it| {
        it.starts_with(['-', '.']) && ![".yml", ".yaml"].iter().any(|end| it.ends_with(end))
    })
}

/// Why a file takes part in everything, if it does by its path.
pub(super) fn whole(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    let (name, directories) = parts.split_last()?;
    if *name == "ansible.cfg" {
        return Some(format!("{path} changes the settings of Ansible"));
    }
    if directories.contains(&"ansible_collections") {
        return Some(format!("{path} belongs to a collection"));
    }
    let is_plugin = |it: &&str| PLUGINS.contains(it) || it.ends_with("_plugins");
    // In directories of a role that only hold what it hands out, a name means nothing.
    let is_handed_out =
        directories.iter().any(|it| matches!(*it, "files" | "templates" | "group_vars" | "host_vars"));
    (directories.iter().any(is_plugin) && !is_handed_out)
        .then(|| format!("{path} is a plugin or a module, which can take part in every task"))
}

/// Whether a file says what the Ansible runtime is made of.
pub(super) fn is_runtime(path: &str) -> bool {
    let path = path.strip_suffix(".yaml").map_or_else(|| path.to_owned(), |it| format!("{it}.yml"));
    matches!(
        path.as_str(),
        "requirements.yml" | "requirements.txt" | "roles/requirements.yml" | "collections/requirements.yml"
    )
}

/// The group or host whose variables a file holds: the directory that `group_vars` is in, whether it is a group,
/// and the names that are meant.
pub(super) fn variables_of(path: &str) -> Option<(String, bool, Vec<String>)> {
    let parts: Vec<&str> = path.split('/').collect();
    let at = parts.iter().position(|it| matches!(*it, "group_vars" | "host_vars"))?;
    let name = *parts.get(at + 1)?;
    let mut names = vec![name.to_owned()];
    if at + 2 == parts.len() {
        let ends = [".yml", ".yaml", ".json"];
        names.extend(ends.iter().find_map(|end| name.strip_suffix(end)).map(str::to_owned));
    }
    Some((parts[..at].join("/"), parts[at] == "group_vars", names))
}
