//! The command of a sandboxed preview: arguments, environment, and what it sees.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::arguments::{Mount, Profile};
use super::settings::AllowedConfig;
use super::{CHECKOUT, NOBODY, SandboxRequest, TEMPORARY, machine, of_python};
use crate::domain::Failure;

/// Where a sandbox finds what was written for it.
const CONFIG: &str = "/driftless/ansible.cfg";
const VARIABLES: &str = "/driftless/vars.json";

/// Where programs are looked for, after the runtime's own directory.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a preview sees.
pub(super) fn profile(request: &SandboxRequest, config: &AllowedConfig) -> Result<Profile, Failure> {
    let runtime = &request.runtime;
    let mut mounts = machine::base();
    mounts.extend(machine::alone());
    mounts.push(Mount::Empty(TEMPORARY.into(), request.limits.temporary_bytes));
    mounts.extend(of_python(&runtime.python)?);
    let declared = [&runtime.collections_path, &runtime.roles_path];
    mounts.extend(declared.into_iter().flatten().cloned().map(Mount::Read));
    mounts.push(Mount::ReadAt(request.checkout.clone(), CHECKOUT));
    mounts.push(Mount::File(CONFIG, config.text.clone()));
    if let Some(variables) = &request.extra_vars {
        mounts.push(Mount::File(VARIABLES, variables.to_string()));
    }
    Ok(Profile {
        mounts,
        identity: Some(NOBODY),
        network: false,
        environment: Some(environment(request, config)),
        directory: CHECKOUT.into(),
        shared_memory: request.limits.temporary_bytes,
    })
}

fn environment(request: &SandboxRequest, config: &AllowedConfig) -> BTreeMap<String, String> {
    let runtime = &request.runtime;
    let programs = runtime.python.parent().unwrap_or(Path::new("/usr/bin")).display();
    let mut it: BTreeMap<String, String> = [
        ("LC_ALL", "C.UTF-8"),
        ("HOME", TEMPORARY),
        ("TMPDIR", TEMPORARY),
        ("ANSIBLE_CONFIG", CONFIG),
        ("ANSIBLE_HOME", "/tmp/.ansible"),
        ("ANSIBLE_LOCAL_TEMP", "/tmp/.ansible/tmp"),
        ("ANSIBLE_COLLECTIONS_SCAN_SYS_PATH", "1"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        // As for runs: a missing inventory is an error, nobody is there to answer, and the text is for people.
        ("ANSIBLE_INVENTORY_UNPARSED_FAILED", "1"),
        ("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "1"),
        ("ANSIBLE_ASK_PASS", "0"),
        ("ANSIBLE_ASK_VAULT_PASS", "0"),
        ("ANSIBLE_BECOME_ASK_PASS", "0"),
        ("ANSIBLE_NOCOLOR", "1"),
        ("ANSIBLE_FORCE_COLOR", "0"),
        ("ANSIBLE_NOCOWS", "1"),
        ("ANSIBLE_VERBOSITY", "0"),
        ("ANSIBLE_DEBUG", "0"),
        ("ANSIBLE_RETRY_FILES_ENABLED", "0"),
        ("ANSIBLE_LOCALHOST_WARNING", "0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    it.insert("PATH".to_owned(), format!("{programs}:{SYSTEM_PATH}"));
    let list = |own: &[String], declared: &Path| {
        let declared = declared.display().to_string();
        own.iter().cloned().chain([declared]).collect::<Vec<_>>().join(":")
    };
    if let Some(declared) = &runtime.roles_path {
        it.insert("ANSIBLE_ROLES_PATH".to_owned(), list(&config.roles_path, declared));
    }
    if let Some(declared) = &runtime.collections_path {
        it.insert("ANSIBLE_COLLECTIONS_PATH".to_owned(), list(&config.collections_path, declared));
    }
    it
}

/// The arguments of Python. Each value is joined to its option, so it cannot become one.
pub(super) fn args(request: &SandboxRequest, what: &[&str]) -> Result<Vec<String>, Failure> {
    // Isolated: neither the directory of a file nor a user's own packages are on Python's path.
    let mut args: Vec<String> = ["-I", "-B", "-m", "ansible.cli.playbook"].map(str::to_owned).into();
    args.extend(what.iter().map(|&it| it.to_owned()));
    args.push(format!("--inventory={}", inside("the inventory", &request.inventory)?));
    if let Some(limit) = &request.limit {
        args.push(format!("--limit={}", plain("the limit", limit)?));
    }
    for (option, tags) in [("--tags", &request.tags), ("--skip-tags", &request.skip_tags)] {
        if !tags.is_empty() {
            let tags: Vec<&str> = tags.iter().map(|tag| plain("a tag", tag)).collect::<Result<_, _>>()?;
            args.push(format!("{option}={}", tags.join(",")));
        }
    }
    if request.extra_vars.is_some() {
        args.push(format!("--extra-vars=@{VARIABLES}"));
    }
    args.extend(["--".to_owned(), inside("the playbook", &request.playbook)?]);
    Ok(args)
}

/// The path of something in the checkout, as the sandbox has it. Absolute, because Ansible takes a relative `a.b.yml`
/// for a playbook of a collection, and what holds a comma for a list of hosts.
fn inside(what: &str, given: &str) -> Result<String, Failure> {
    let path = Path::new(given);
    let stays = path.components().all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    let plain = !given.is_empty() && !given.chars().any(|it| it.is_control() || it == ',');
    if stays && plain {
        Ok(Path::new(CHECKOUT).join(path).components().collect::<PathBuf>().display().to_string())
    } else {
        Err(refused(
            what,
            given,
            "must be a path inside the repository, without `..`, commas and control characters",
        ))
    }
}

/// `--limit @/etc/passwd` would print that file.
fn plain<'a>(what: &str, given: &'a str) -> Result<&'a str, Failure> {
    let bad = |it: char| it.is_control() || it == '@';
    if given.trim().is_empty() || given.trim_start().starts_with('-') || given.contains(bad) {
        return Err(refused(
            what,
            given,
            "must not be empty, begin with `-` or hold `@` or control characters",
        ));
    }
    Ok(given)
}

fn refused(what: &str, given: &str, rule: &str) -> Failure {
    Failure::until_changed(format!("`{}` cannot be {what}: it {rule}", given.escape_debug()))
        .remedy("correct driftless.yml on the target branch")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{SandboxLimits, SandboxRuntime};

    fn request() -> SandboxRequest {
        SandboxRequest {
            checkout: "/srv/checkout".into(),
            runtime: SandboxRuntime {
                python: "/usr/bin/python3".into(),
                version: "2.19.14".to_owned(),
                collections_path: Some("/var/cache/driftless/runtimes/x/collections".into()),
                roles_path: None,
            },
            playbook: "./site.yml".to_owned(),
            inventory: "inventories/production".to_owned(),
            limit: Some("web,!h2".to_owned()),
            tags: vec!["a".to_owned(), "b".to_owned()],
            skip_tags: Vec::new(),
            extra_vars: Some(serde_json::json!({"version": 1})),
            limits: SandboxLimits::default(),
        }
    }

    #[test]
    fn values_stay_values() {
        let listed = args(&request(), &["--syntax-check"]).unwrap();
        assert_eq!(
            listed.join(" "),
            "-I -B -m ansible.cli.playbook --syntax-check --inventory=/driftless/checkout/inventories/production \
             --limit=web,!h2 --tags=a,b --extra-vars=@/driftless/vars.json -- /driftless/checkout/site.yml"
        );
        for bad in ["", "@/etc/passwd", "web,@/etc/passwd", "--check", "a\nb"] {
            assert!(
                args(&SandboxRequest { limit: Some(bad.to_owned()), ..request() }, &[]).is_err(),
                "{bad}"
            );
            assert!(args(&SandboxRequest { tags: vec![bad.to_owned()], ..request() }, &[]).is_err(), "{bad}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "a,b", "a\0"] {
            assert!(args(&SandboxRequest { playbook: bad.to_owned(), ..request() }, &[]).is_err(), "{bad}");
            assert!(args(&SandboxRequest { inventory: bad.to_owned(), ..request() }, &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_the_target_branch_declares_comes_after_what_the_tree_has() {
        let config =
            AllowedConfig { collections_path: vec!["/tree/vendor".to_owned()], ..AllowedConfig::default() };
        let it = environment(&request(), &config);
        assert_eq!(
            it["ANSIBLE_COLLECTIONS_PATH"],
            "/tree/vendor:/var/cache/driftless/runtimes/x/collections"
        );
        assert!(!it.contains_key("ANSIBLE_ROLES_PATH") && it["PATH"].starts_with("/usr/bin:"));
    }
}
