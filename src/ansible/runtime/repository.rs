//! What the repository's `ansible.cfg` says, asked of Ansible itself: only it knows its own rules.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::declared::Digest;
use super::{RepositoryConfig, Runtime, RuntimeAccess, RuntimeError, Runtimes, held};
use crate::ansible::environment::{Environment, split_path_list};
use crate::ansible::helper::Helper;

/// It takes 0.35 s (measured); this is for machines under load.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// One entry of `ansible-config dump --format json`. Plugins come in nested entries without a name.
#[derive(Deserialize)]
struct Setting {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: Value,
}

impl Runtimes {
    /// What the checkout's `ansible.cfg` says. Known from before if neither it nor the runtime changed.
    pub async fn repository_config(
        &self,
        runtime: &Runtime,
        checkout: &Path,
        access: &RuntimeAccess,
    ) -> Result<RepositoryConfig, RuntimeError> {
        let file = checkout.join("ansible.cfg");
        let contents = match fs::read(&file) {
            Ok(contents) => contents,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(RepositoryConfig::default());
            }
            Err(error) => return Err(RuntimeError::Config(error.to_string())),
        };
        let hash = Digest::new("config").add(runtime.hash.as_bytes()).add(&contents).hex();
        let known = held(&self.configs).get(&hash).cloned().or_else(|| self.kept_config(&hash));
        let relative = if let Some(known) = known {
            known
        } else {
            let asked = self.ask_config(runtime, checkout, access).await?;
            self.keep_config(&hash, &asked);
            asked
        };
        held(&self.configs).insert(hash, relative.clone());
        Ok(absolute(relative, checkout))
    }

    async fn ask_config(
        &self,
        runtime: &Runtime,
        checkout: &Path,
        access: &RuntimeAccess,
    ) -> Result<RepositoryConfig, RuntimeError> {
        let home = tempfile::Builder::new()
            .prefix(".config-")
            .tempdir_in(&self.dir)
            .map_err(RuntimeError::system("make a temporary directory"))?;
        if let Some(run_as) = access.run_as {
            std::os::unix::fs::chown(home.path(), Some(run_as.uid), Some(run_as.gid))
                .map_err(RuntimeError::system("hand over a temporary directory"))?;
        }
        let mut environment = Environment::basic(home.path(), home.path(), Some(&runtime.bin_dir));
        environment.set_path("ANSIBLE_CONFIG", &checkout.join("ansible.cfg"));
        environment.set_path("ANSIBLE_HOME", home.path());
        // With `verbosity` in the file, other words would come before the JSON.
        environment.set("ANSIBLE_VERBOSITY", "0");
        let args = ["-I", "-m", "ansible", "config", "dump", "--only-changed", "--format", "json"];
        let helper = Helper {
            program: runtime.python.clone(),
            args: args.map(str::to_owned).to_vec(),
            environment,
            cwd: checkout.to_owned(),
            run_as: access.run_as,
            limit: ANSWER_WITHIN,
        };
        let output =
            self.ask(helper).await.map_err(RuntimeError::system("ask ansible for its configuration"));
        // What is in it may belong to another user by now.
        crate::ansible::place::remove(&home.keep()).ok();
        let output = output?;
        if !output.succeeded() {
            let said = output.text();
            let line = said.lines().find(|it| it.contains("ERROR")).unwrap_or("ansible-config failed");
            return Err(RuntimeError::Config(line.trim().to_owned()));
        }
        let settings: Vec<Setting> = serde_json::from_slice(&output.out)
            .map_err(|error| RuntimeError::Config(format!("ansible-config said no JSON: {error}")))?;
        Ok(from_settings(&settings, checkout))
    }

    fn kept_config(&self, hash: &str) -> Option<RepositoryConfig> {
        serde_json::from_slice(&fs::read(self.dir.join(format!("{hash}.config"))).ok()?).ok()
    }

    /// Only a saving of time: that it cannot be kept is no failure.
    fn keep_config(&self, hash: &str, config: &RepositoryConfig) {
        let kept = tempfile::NamedTempFile::new_in(&self.dir).and_then(|file| {
            serde_json::to_writer(&file, config)?;
            file.persist(self.dir.join(format!("{hash}.config"))).map_err(|error| error.error)
        });
        if let Err(error) = kept {
            tracing::debug!(%error, "what ansible.cfg says is not kept");
        }
    }
}

/// Stands for the checkout in what is kept: each run has another one.
const CHECKOUT: &str = "\u{0}checkout";

fn from_settings(settings: &[Setting], checkout: &Path) -> RepositoryConfig {
    let value = |names: &[&str]| {
        settings.iter().find(|it| names.contains(&it.name.as_str())).map_or(&Value::Null, |it| &it.value)
    };
    let checkout = checkout.display().to_string();
    let paths = |names: &[&str]| {
        let all = split_path_list(value(names)).into_iter();
        all.map(|path| match path.strip_prefix(&checkout) {
            Some(below) if below.is_empty() || below.starts_with('/') => format!("{CHECKOUT}{below}"),
            _ => path,
        })
        .collect()
    };
    let callbacks = match value(&["CALLBACKS_ENABLED"]) {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(all) => {
            all.split(',').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
        }
        _ => Vec::new(),
    };
    RepositoryConfig {
        has_config: true,
        callbacks_enabled: callbacks,
        roles_path: paths(&["DEFAULT_ROLES_PATH"]),
        collections_path: paths(&["COLLECTIONS_PATHS", "COLLECTIONS_PATH"]),
    }
}

fn absolute(mut config: RepositoryConfig, checkout: &Path) -> RepositoryConfig {
    for path in config.roles_path.iter_mut().chain(&mut config.collections_path) {
        if let Some(below) = path.strip_prefix(CHECKOUT) {
            *path = format!("{}{below}", checkout.display());
        }
    }
    config
}
