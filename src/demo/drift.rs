//! The story of drift: an edit by hand that is found and corrected, a task that never comes to rest, and one that
//! nobody can see.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context as _, ensure};

use crate::domain::{ChangeClass, DriftReport, HostStatus, Outcome};

use super::story::{RESTLESS, STACK, STEP, Story, short};

const EDITED: &str = "web1/etc/web.conf";

/// Two tasks that are added to the first play.
const RESTLESS_TASKS: &str = r#"
    - name: Ask which kernel runs
      ansible.builtin.command: uname -r
      register: kernel
      changed_when: false

    - name: Note when it was looked at
      ansible.builtin.copy:
        content: "{{ lookup('ansible.builtin.pipe', 'date +%s.%N') }}\n"
        dest: "{{ host_root }}/etc/checked-at"
        mode: "0644"

- name: Web servers
"#;

impl<W: Write> Story<'_, W> {
    pub(super) async fn edit_by_hand(&mut self) -> anyhow::Result<()> {
        self.title("5. A file is edited by hand: found, told apart from a commit, and corrected")?;
        self.daemon.drift_when("the last apply is checked", STACK, STEP, is_clean).await?;
        std::fs::write(self.hosts.join(EDITED), "worker_processes 1; # faster, I think\n")?;
        self.line(&format!("somebody edits {EDITED}; Git did not move"))?;
        let asked = self.daemon.plan(STACK).await?;
        self.line(&format!("`driftless plan fleet` asks for a check: {asked}"))?;
        let found = self.daemon.drift_when("the edit is found", STACK, STEP, |it| !is_clean(it)).await?;
        let differing: BTreeMap<&str, &HostStatus> =
            found.hosts.iter().filter(|it| !it.drift.is_empty()).map(|it| (it.host.as_str(), it)).collect();
        ensure!(differing.keys().eq(["web1"].iter()), "only web1 was edited, not {:?}", differing.keys());
        for drift in differing.values().flat_map(|it| &it.drift) {
            ensure!(drift.class == ChangeClass::Corrective, "an edit by hand is no {}", drift.class);
            self.line(&format!(
                "drift: {} on web1: {} ({}:{}), because web1 had this commit and was changed since",
                drift.class, drift.task.name, drift.task.path, drift.task.line
            ))?;
        }
        if let Some(correction) = &found.correction {
            self.line(&format!("  {correction}"))?;
        }
        let heal = self.daemon.heal(STACK, STEP).await?;
        let view = self.daemon.run(heal.run).await?;
        let hosts: Vec<&str> = view.run.hosts.keys().map(crate::domain::HostName::as_str).collect();
        let outcome = view.run.ending.as_ref().map(|it| it.outcome);
        ensure!(outcome == Some(Outcome::Changed), "run {} should have corrected it: {outcome:?}", heal.run);
        self.line(&format!("run {} ({}) corrects it, on {}", heal.run, heal.trigger, hosts.join(", ")))?;
        let healed = self.daemon.drift_when("the correction is checked", STACK, STEP, is_clean).await?;
        self.files(&Self::expected("Welcome to the fleet.", 8))?;
        self.line(&format!("drift: {}", clean_words(&healed)))?;
        self.healed_once().await
    }

    async fn healed_once(&mut self) -> anyhow::Result<()> {
        let series = "driftless_heals_total{result=\"healed\",source=\"demo\",stack=\"fleet\"}";
        let value = self.daemon.metric(series).await?.context("the metric is missing")?;
        ensure!((value - 1.0).abs() < 0.5, "{series} is {value} and should be 1");
        self.line(&format!("metric: {series} {value}"))
    }

    pub(super) async fn restless_commit(&mut self) -> anyhow::Result<()> {
        self.title("6. A task that never comes to rest is found out, and what nobody can see is admitted")?;
        self.repository.edit("site.yml", "\n- name: Web servers\n", RESTLESS_TASKS)?;
        let commit = self.repository.commit("Note when it was looked at")?;
        self.line(&format!("committed {}: a command, and a file with the time in it", short(&commit)))?;
        let run = self.daemon.ended(&commit, Outcome::Changed, STEP).await?;
        self.recap(&run).await?;
        let restless = |it: &DriftReport| it.tasks.iter().any(|it| it.flapping_since.is_some());
        let report = self.daemon.drift_when("the restless task is found out", STACK, STEP, restless).await?;
        for task in report.tasks.iter().filter(|it| it.flapping_since.is_some()) {
            let it = &task.identity;
            self.line(&format!(
                "flapping: {} ({}:{}) reports a change each time; a defect of the playbook, never corrected",
                it.name, it.path, it.line
            ))?;
        }
        let blind: Vec<_> = report.tasks.iter().filter(|it| it.blind != 0).cloned().collect();
        ensure!(!blind.is_empty(), "a command cannot be seen in check mode: {:#?}", report.tasks);
        for task in &blind {
            let it = &task.identity;
            self.line(&format!("blind: {} ({}:{}) says nothing in check mode", it.name, it.path, it.line))?;
        }
        self.line(&format!("drift: {}", clean_words(&report)))?;
        // Another check finds it again, and still nothing is corrected for its sake.
        let before = report.check.as_ref().map(|it| it.run);
        self.daemon.plan(STACK).await?;
        let later = |it: &DriftReport| before < it.check.as_ref().map(|it| it.run);
        self.daemon.drift_when("one more check", STACK, STEP, later).await?;
        self.healed_once().await?;
        self.files(&Self::expected("Welcome to the fleet.", 8))?;
        self.line(&format!("each host's {RESTLESS} is another one each time, and left alone"))
    }
}

/// Whether the last check of the whole stack saw nothing that anybody should correct.
fn is_clean(report: &DriftReport) -> bool {
    let current = report.check.as_ref().map(|it| &it.revision) == report.revision.as_ref();
    let drifted = |it: &HostStatus| it.drift.iter().any(|it| it.class != ChangeClass::Flapping);
    current && report.check.is_some() && !report.hosts.iter().any(drifted)
}

/// How clean it is, in words that are no stronger than what was seen.
fn clean_words(report: &DriftReport) -> String {
    let Some(check) = &report.check else { return "never checked".to_owned() };
    match check.coverage.unseen() {
        0 => "clean, and everything was seen".to_owned(),
        unseen => format!("clean as far as visible; {unseen} results were not seen"),
    }
}
