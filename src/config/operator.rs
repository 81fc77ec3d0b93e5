//! The operator's file as values.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::access::{Access, Credentials, Lender};
use super::alerts::AlertConfig;
use super::audit::AuditConfig;
use super::check::Findings;
use super::checks::Checks;
use super::drift::{AirbagOverride, Redact, aliases, check_schedule};
use super::forge::ForgeConfig;
use super::limits::{Limits, build_limits};
use super::merge_requests::merge_request_policy;
use super::operator_keys::OPERATOR;
use super::operator_rules::Rules;
use super::report::{Diagnostic, Report};
use super::retention::Retention;
use super::sign_in::{self, SignIn};
use super::signatures::signature_rules;
use super::tls::TlsConfig;
use super::value::Value;
use super::webhook::Webhook;
use super::windows::{WindowsOverride, windows_of};
use super::{LARGEST_FILE, yaml};
use crate::domain::{
    AdmissionPolicy, ApplyPolicy, ApprovalPolicy, CheckSchedule, HealPolicy, PreviewLevel, RewindPolicy,
    Settings, SignatureRules, SourceName, SourcePolicy, Span, StackName, Windows,
};

/// All that the operator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What the core decides by.
    pub settings: Settings,
    /// The followed repositories.
    pub sources: BTreeMap<SourceName, SourceConfig>,
    /// Where things are on this machine.
    pub paths: Paths,
    /// Where HTTP is served over TCP.
    pub listen: SocketAddr,
    /// How it speaks TLS; `None`: it does not.
    pub tls: Option<TlsConfig>,
    /// Where browsers reach it, as an origin: `https://fleet.example.org`.
    pub public_url: Option<String>,
    /// How people sign in, beside tokens and links.
    pub sign_in: SignIn,
    /// Members of this group may act through the socket.
    pub admin_group: String,
    /// What runs and fetches may use.
    pub limits: Limits,
    /// How long records are kept.
    pub retention: Retention,
    /// Whether what `ansible-playbook` printed is kept.
    pub raw_log: bool,
    /// The one name of each machine that inventories call or reach in different ways. The keys are written as
    /// [`LockKey::address`](crate::domain::LockKey::address) writes them.
    pub aliases: BTreeMap<String, String>,
    /// Who is told of what.
    pub alerts: AlertConfig,
    /// The audit chain.
    pub audit: AuditConfig,
    /// What is kept out of records, beside what is always.
    pub redact: Redact,
    /// How many hosts have metrics of their own.
    pub host_metrics: u32,
    /// The largest body of a webhook that is read, in bytes.
    pub webhook_body_limit: u64,
    /// What somebody should look at, though the file is valid. Often empty.
    pub warnings: Report,
}

/// Where things are on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The database and the records.
    pub state_dir: PathBuf,
    /// The socket and what lives as long as a run.
    pub run_dir: PathBuf,
    /// Disposable: copies of repositories, managed runtimes.
    pub cache_dir: PathBuf,
    /// The `ansible-playbook` of the runtime `system`; `None` is the first one on the `PATH`.
    pub system_ansible: Option<PathBuf>,
    /// The Python of managed runtimes; `None` is `python3` on the `PATH`.
    pub python: Option<PathBuf>,
}

/// What the operator says of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// What the core decides by.
    pub policy: SourcePolicy,
    /// Where the repository is. [`Checks::url`] accepted it.
    pub url: String,
    /// The user that its runs belong to.
    pub run_as: Option<String>,
    /// What has to be signed, and by whom.
    pub signatures: SignatureRules,
    /// When applies of its stacks may start.
    pub windows: Windows,
    /// How it is reached.
    pub credentials: Credentials,
    /// How the hosts of all its stacks are reached.
    pub access: Access,
    /// Who may tell that it moved.
    pub webhook: Option<Webhook>,
    /// Where its merge requests are.
    pub forge: Option<ForgeConfig>,
    /// What outranks the repository, by stack.
    pub stacks: BTreeMap<StackName, StackOverride>,
}

impl SourceConfig {
    /// Whether its previews go as far as to need a sandbox.
    pub fn needs_sandbox(&self) -> bool {
        self.policy.merge_requests.as_ref().is_some_and(|it| PreviewLevel::Static < it.level)
    }

    /// How the hosts of one stack are reached: what is said of the stack outranks what is said of the source.
    pub fn access_for(&self, stack: &StackName) -> Access {
        match self.stacks.get(stack) {
            Some(it) => self.access.outranked_by(&it.access),
            None => self.access.clone(),
        }
    }
}

/// What the operator says of one stack. `None` leaves it to the repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StackOverride {
    /// When revisions are applied.
    pub apply: Option<ApplyPolicy>,
    /// Who has to approve of them.
    pub approval: ApprovalPolicy,
    /// Whether drift is corrected.
    pub heal: Option<HealPolicy>,
    /// How often drift is looked for.
    pub check: Option<CheckSchedule>,
    /// How often one difference is healed in 24 hours.
    pub daily_heals: Option<u32>,
    /// What is held.
    pub airbag: AirbagOverride,
    /// How long a task may go on after its connection broke.
    pub max_task_time: Option<Span>,
    /// When a run is ended. May exceed the general limit.
    pub timeout: Option<Span>,
    /// Ansible's `--forks`.
    pub forks: Option<u32>,
    /// When its applies may start.
    pub windows: WindowsOverride,
    /// How its hosts are reached.
    pub access: Access,
}

impl Config {
    /// Reads the operator's file. `credentials_dir` is where systemd put the credentials of this service, if it did.
    pub fn load(path: &Path, credentials_dir: Option<&Path>, checks: &Checks) -> Result<Self, Report> {
        let file = path.display().to_string();
        let whole = |message: String, help: &str| {
            Report::new(&file, "", &[], vec![Diagnostic::whole(message).help(help)])
        };
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|it| it.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes))
            .map_err(|error| {
                whole(format!("cannot be read: {error}"), "create it, or name another file with `--config`")
            })?;
        if LARGEST_FILE < bytes.len() {
            return Err(whole(
                "is larger than 1 MiB".to_owned(),
                "a configuration is much smaller: is it the right file?",
            ));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|it| *it == b'\n').count();
            whole(format!("is not UTF-8 in line {line}"), "save it as UTF-8")
        })?;
        Self::parse(&file, &text, credentials_dir, checks)
    }

    /// Reads the text of an operator's file; `file` is how errors call it.
    pub fn parse(
        file: &str,
        text: &str,
        credentials_dir: Option<&Path>,
        checks: &Checks,
    ) -> Result<Self, Report> {
        let (root, diagnostics) = yaml::parse(text);
        let mut findings = Findings { diagnostics, ..Findings::default() };
        let Some(root) = root else {
            return Err(Report::new(file, text, &findings.masks, findings.diagnostics));
        };
        let value = findings.file(&root, OPERATOR);
        Rules { findings: &mut findings, checks, credentials_dir }.apply(&value);
        let lender = Lender { credentials_dir };
        let built = build(&value, &lender);
        let report = Report::new(file, text, &findings.masks, findings.diagnostics);
        match built {
            Some(config) if !report.has_errors() => Ok(Self { warnings: report, ..config }),
            _ => Err(report),
        }
    }

    /// What a new configuration changes that only a restart can bring about, one sentence each.
    pub fn changes(old: &Self, new: &Self) -> Vec<String> {
        let path = |it: &PathBuf| it.display().to_string();
        let url = |it: &Option<String>| it.clone().unwrap_or_else(|| "(absent)".to_owned());
        let said = |it: bool| if it { "(present)" } else { "(absent)" }.to_owned();
        let kept = [
            ("listen", old.listen.to_string(), new.listen.to_string()),
            ("tls", said(old.tls.is_some()), said(new.tls.is_some())),
            ("public_url", url(&old.public_url), url(&new.public_url)),
            ("admin_group", old.admin_group.clone(), new.admin_group.clone()),
            ("state_dir", path(&old.paths.state_dir), path(&new.paths.state_dir)),
            ("run_dir", path(&old.paths.run_dir), path(&new.paths.run_dir)),
            ("cache_dir", path(&old.paths.cache_dir), path(&new.paths.cache_dir)),
        ];
        kept.into_iter()
            .filter(|(_, old, new)| old != new)
            .map(|(key, old, new)| format!("`{key}` stays `{old}` until a restart; `{new}` is configured."))
            .collect()
    }
}

/// `None` where something was refused: that has its diagnostic already.
fn build(value: &Value, lender: &Lender<'_>) -> Option<Config> {
    let mut sources = BTreeMap::new();
    for (name, value) in value.named("sources") {
        let source = source(name.text.parse().ok()?, value, lender)?;
        sources.insert(source.policy.name.clone(), source);
    }
    let limits = value.get("limits")?;
    let retry = limits.get("retry")?;
    Some(Config {
        settings: Settings {
            sources: sources.values().map(|it| it.policy.clone()).collect(),
            max_live_runs: limits.count("runs")?,
            retry_base: retry.duration("base")?,
            retry_max: retry.duration("max")?,
            drain_timeout: limits.duration("drain")?,
        },
        sources,
        paths: Paths {
            state_dir: value.path("state_dir")?,
            run_dir: value.path("run_dir")?,
            cache_dir: value.path("cache_dir")?,
            system_ansible: value.path("system_ansible"),
            python: value.path("python"),
        },
        listen: value.text("listen")?.parse().ok()?,
        tls: TlsConfig::of(value, lender),
        public_url: sign_in::origin(value),
        sign_in: SignIn::of(value, lender),
        admin_group: value.owned("admin_group")?,
        limits: build_limits(limits)?,
        retention: Retention::of(value.get("retention")?)?,
        raw_log: value.switch("raw_log")?,
        aliases: aliases(value),
        alerts: AlertConfig::of(value.get("alerts")?, lender)?,
        audit: AuditConfig::of(value.get("audit")?, lender)?,
        redact: Redact::of(value.get("redact")?),
        host_metrics: value.get("metrics")?.count("hosts")?,
        webhook_body_limit: value.get("webhooks")?.size("body_limit")?,
        warnings: Report::new("", "", &[], Vec::new()),
    })
}

fn source(name: SourceName, value: &Value, lender: &Lender<'_>) -> Option<SourceConfig> {
    let mut stacks = BTreeMap::new();
    for (name, value) in value.named("stacks") {
        stacks.insert(name.text.parse().ok()?, stack(value, lender));
    }
    let credentials = lender.credentials(value.get("credentials")?);
    Some(SourceConfig {
        policy: SourcePolicy {
            name,
            reference: value.text("reference")?.parse().ok()?,
            poll_every: value.duration("poll")?,
            rewinds: match value.text("rewinds")? {
                "follow" => RewindPolicy::Follow,
                _ => RewindPolicy::Ask,
            },
            admission: AdmissionPolicy { approvals: value.count("approvals") },
            merge_requests: merge_request_policy(value),
        },
        url: value.owned("url")?,
        run_as: value.owned("run_as"),
        signatures: signature_rules(value),
        windows: windows_of(value),
        forge: ForgeConfig::of(value, &credentials, lender),
        credentials,
        access: lender.access(value.get("access")?),
        webhook: Webhook::of(value, lender),
        stacks,
    })
}

fn stack(value: &Value, lender: &Lender<'_>) -> StackOverride {
    StackOverride {
        apply: value.text("apply").map(apply_policy),
        approval: match value.text("approval") {
            Some("person") => ApprovalPolicy::Person,
            _ => ApprovalPolicy::None,
        },
        heal: value.text("heal").map(heal_policy),
        check: value.get("check").and_then(check_schedule),
        daily_heals: value.count("daily_heals"),
        airbag: value.get("airbag").map(AirbagOverride::of).unwrap_or_default(),
        max_task_time: value.duration("max_task_time"),
        timeout: value.duration("timeout"),
        forks: value.count("forks"),
        windows: WindowsOverride::of(value),
        access: value.get("access").map(|it| lender.access(it)).unwrap_or_default(),
    }
}

pub(super) fn apply_policy(word: &str) -> ApplyPolicy {
    match word {
        "manual" => ApplyPolicy::Manual,
        _ => ApplyPolicy::OnCommit,
    }
}

pub(super) fn heal_policy(word: &str) -> HealPolicy {
    match word {
        "corrective" => HealPolicy::Corrective,
        _ => HealPolicy::Never,
    }
}
