//! `driftless.yml` of one commit as a declaration, outranked by what the operator says.

use std::collections::BTreeMap;

use super::check::Findings;
use super::drift::{check_schedule, outrank};
use super::inferred;
use super::mask::{is_secret_name, one_line};
use super::operator::{Config, apply_policy, heal_policy};
use super::report::{Report, Severity};
use super::repository_keys::REPOSITORY;
use super::repository_rules::Rules;
use super::suggest::nearest;
use super::tree::{FileKind, RepositoryFiles};
use super::value::Value;
use super::{LARGEST_FILE, REPOSITORY_FILE, yaml};
use crate::domain::{
    AirbagPolicy, ApplyPolicy, ApprovalPolicy, Declaration, Failure, RuntimeSpec, SourceName, Span, StackId,
    StackName, StackPolicy, Windows,
};

/// Keys that people look for in a repository, but that only the operator may set: they lend credentials or set limits.
const OPERATORS: &[&str] = &[
    "ssh_key",
    "ssh_agent",
    "ssh_config",
    "known_hosts",
    "remote_user",
    "become_password",
    "vault",
    "environment",
    "access",
    "credentials",
    "run_as",
    "daily_heals",
    "airbag",
    "max_task_time",
    "signatures",
    "windows",
    "freezes",
    "aliases",
    "redact",
];

impl Config {
    /// What the repository declares at one commit, outranked by what the operator says of the source. Without a
    /// `driftless.yml` a stack is inferred where only one can be meant.
    ///
    /// A failure's message is the whole report, with snippets.
    pub fn declaration(
        &self,
        source: &SourceName,
        files: &dyn RepositoryFiles,
    ) -> Result<Declaration, Failure> {
        let nothing = BTreeMap::new();
        let overrides = self.sources.get(source).map_or(&nothing, |it| &it.stacks);
        let mut declaration = repository_declaration(source, files)?;
        let windows = self.sources.get(source).map(|it| it.windows.clone()).unwrap_or_default();
        for stack in &mut declaration.stacks {
            stack.windows = match overrides.get(&stack.id.stack) {
                Some(it) => it.windows.over(&windows),
                None => windows.clone(),
            };
            outrank(stack, overrides.get(&stack.id.stack), &self.limits, &mut declaration.notes);
        }
        let names = || declaration.stacks.iter().map(|it| it.id.stack.as_str());
        for name in overrides.keys().filter(|name| !names().any(|it| it == name.as_str())) {
            let near =
                nearest(name.as_str(), names()).map_or(String::new(), |it| format!("; did you mean `{it}`?"));
            declaration.notes.push(format!(
                "The operator's configuration speaks of a stack `{name}` that the repository does not declare{near}"
            ));
        }
        Ok(declaration)
    }
}

/// What a repository declares by itself, before any operator has a say. For checking a repository where it is
/// written.
pub fn repository_declaration(
    source: &SourceName,
    files: &dyn RepositoryFiles,
) -> Result<Declaration, Failure> {
    match read(files)? {
        Some(text) => declared(source, &text, files),
        None => inferred::declaration(source, files),
    }
}

/// The text of `driftless.yml`; `None` if there is none.
fn read(files: &dyn RepositoryFiles) -> Result<Option<String>, Failure> {
    let refused = |what: &str, remedy: &str| {
        Failure::until_changed(format!("`{REPOSITORY_FILE}` {what}")).remedy(remedy)
    };
    match files.kind(REPOSITORY_FILE)? {
        Some(FileKind::File) => {}
        Some(_) => {
            return Err(refused("is not a file", "make it a regular file at the root of the repository"));
        }
        None => {
            let other = ["driftless.yaml", ".driftless.yml", ".driftless.yaml"];
            for name in other {
                if files.kind(name)?.is_some() {
                    return Err(Failure::until_changed(format!("the repository has a `{name}`"))
                        .remedy(format!("rename it to `{REPOSITORY_FILE}`")));
                }
            }
            return Ok(None);
        }
    }
    let bytes = files.read(REPOSITORY_FILE)?.unwrap_or_default();
    if LARGEST_FILE < bytes.len() {
        return Err(refused("is larger than 1 MiB", "a declaration is much smaller: is it the right file?"));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| refused("is not UTF-8", "save it as UTF-8"))
}

fn declared(source: &SourceName, text: &str, files: &dyn RepositoryFiles) -> Result<Declaration, Failure> {
    let (root, diagnostics) = yaml::parse(text);
    let mut findings = Findings { diagnostics, operators: OPERATORS, ..Findings::default() };
    let mut built = None;
    if let Some(root) = root {
        let value = findings.file(&root, REPOSITORY);
        Rules { findings: &mut findings, files }.apply(&value)?;
        built = build(source, &value);
    }
    let warnings = findings.diagnostics.iter().filter(|it| it.severity == Severity::Warning);
    let notes: Vec<String> = warnings
        .map(|it| match &it.help {
            Some(help) => format!("{}: {help}", it.message),
            None => it.message.clone(),
        })
        .collect();
    let report = Report::new(REPOSITORY_FILE, text, &findings.masks, findings.diagnostics);
    match built {
        Some(stacks) if !report.has_errors() => Ok(Declaration { stacks, inferred: false, notes }),
        _ => Err(Failure::until_changed(format!("`{REPOSITORY_FILE}` cannot be used{}", report.headline()))
            .details(&report.render(false))
            .remedy(format!(
                "correct `{REPOSITORY_FILE}` and push; `driftless check-config --repository .` shows each place"
            ))),
    }
}

/// `None` where something was refused: that has its diagnostic already.
fn build(source: &SourceName, value: &Value) -> Option<Vec<StackPolicy>> {
    let runtime = runtime(value.get("ansible")?)?;
    let mut stacks = Vec::new();
    for (name, value) in value.named("stacks") {
        let id = StackId { source: source.clone(), stack: name.text.parse().ok()? };
        stacks.push(stack(id, value, runtime.clone())?);
    }
    stacks.sort_by(|one, other| one.id.cmp(&other.id));
    Some(stacks)
}

fn runtime(value: &Value) -> Option<RuntimeSpec> {
    Some(match value.text("core")? {
        "system" => RuntimeSpec::System,
        core => RuntimeSpec::Managed {
            core: core.to_owned(),
            requirements: value.owned("requirements"),
            galaxy: value.owned("galaxy"),
        },
    })
}

fn stack(id: StackId, value: &Value, runtime: RuntimeSpec) -> Option<StackPolicy> {
    let depends_on: Result<Vec<StackName>, _> =
        value.texts("depends_on").iter().map(|it| it.parse()).collect();
    Some(StackPolicy {
        id,
        playbook: value.owned("playbook")?,
        inventory: value.owned("inventory")?,
        limit: value.owned("limit"),
        tags: value.texts("tags"),
        skip_tags: value.texts("skip_tags"),
        extra_vars: value.variables("extra_vars"),
        forks: value.count("forks"),
        apply: apply_policy(value.text("apply")?),
        approval: ApprovalPolicy::None,
        heal: heal_policy(value.text("heal")?),
        check: check_schedule(value.get("check")?)?,
        daily_heals: StackPolicy::DAILY_HEALS,
        airbag: AirbagPolicy::default(),
        max_task_time: StackPolicy::MAX_TASK_TIME,
        windows: Windows::default(),
        // Nothing declared: the operator's limit takes its place below.
        timeout: value.duration("timeout").unwrap_or(Span::MAX),
        depends_on: depends_on.ok()?,
        runtime,
    })
}

/// The policy of a stack that nobody declared.
pub(super) fn inferred_stack(id: StackId, playbook: String, inventory: String) -> StackPolicy {
    StackPolicy { apply: ApplyPolicy::Manual, ..StackPolicy::new(id, playbook, inventory) }
}

/// Notes on variables that are probably not meant as they are written.
pub(super) fn doubtful_variables(stack: &str, value: &Value, findings: &mut Findings) {
    let Some(at) = value.get("extra_vars") else { return };
    for (name, variable) in value.variables("extra_vars") {
        let shown = one_line(&name);
        if is_secret_name(&name) && variable.is_string() {
            let message = format!("Stack `{stack}`: the variable `{shown}` looks like a secret");
            findings.warning(
                message,
                &at.place,
                "everybody who can read the repository can read it; use Ansible Vault",
            );
        }
        if variable.to_string().contains("{{") {
            let message = format!("Stack `{stack}`: the variable `{shown}` has `{{{{` in it");
            findings.warning(
                message,
                &at.place,
                "it is passed as it is written and not evaluated as a template",
            );
        }
    }
}
