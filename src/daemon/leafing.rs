//! Answers those who look closer at runs, commits, merge requests and the audit chain.

mod commits;
mod logs;
mod outlines;

use std::sync::{Arc, PoisonError};

use crate::api::{
    AuditStanding, CommitLines, CommitView, ErrorBody, ErrorCode, LogPart, LogPosition, MergeRequestView,
    TaskFilter, TaskResults,
};
use crate::domain::{CommitHash, MergeRequestNumber, RunId, RunOutline, SourceName, TaskNumber};
use crate::store::StoreError;
use crate::web::Records;

use self::outlines::Outlines;
use super::desk::Desk;
use super::hands::Tools;

/// What those who look closer need beside the desk.
pub(super) struct Leaves {
    tools: Arc<Tools>,
    outlines: Outlines,
}

impl Leaves {
    pub(super) fn new(tools: &Arc<Tools>) -> Arc<Self> {
        let tools = Arc::clone(tools);
        Arc::new(Self { tools, outlines: Outlines::default() })
    }
}

fn store_error(error: &StoreError) -> ErrorBody {
    ErrorBody::new(ErrorCode::Unavailable, error.to_string())
}

fn no_run(run: RunId) -> ErrorBody {
    ErrorBody::not_found(format!("there is no run {run}")).remedy("`driftless runs` lists them")
}

/// Runs what blocks in a thread that may.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ErrorBody> {
    let done = tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed).flatten();
    done.map_err(|it| store_error(&it))
}

impl Records for Desk {
    async fn outline(&self, run: RunId) -> Result<RunOutline, ErrorBody> {
        let known = self.store.run(run).await.map_err(|it| store_error(&it))?.ok_or_else(|| no_run(run))?;
        self.leaves.outlines.of(&self.store, run, known.is_live()).await
    }

    async fn task_results(
        &self,
        run: RunId,
        task: TaskNumber,
        filter: TaskFilter,
    ) -> Result<TaskResults, ErrorBody> {
        let outline = self.outline(run).await?;
        let store = self.store.clone();
        let found = blocking(move || outlines::results(&store, run, task, &filter)).await?;
        let (results, more, counted) = found;
        let task = outline.tasks.into_iter().find(|it| it.task == task).or(counted);
        Ok(TaskResults { task, results, more })
    }

    async fn raw_log(&self, run: RunId, from: LogPosition) -> Result<LogPart, ErrorBody> {
        let known = self.store.run(run).await.map_err(|it| store_error(&it))?.ok_or_else(|| no_run(run))?;
        let dir = self.store.dir().to_owned();
        let part = blocking(move || logs::part(&dir, run, from)).await?;
        Ok(LogPart { live: known.is_live(), ..part })
    }

    async fn commit_lines(&self, asked: Vec<(SourceName, CommitHash)>) -> CommitLines {
        self.showing.commit_lines(asked).await
    }

    async fn commit(&self, source: SourceName, commit: CommitHash) -> Result<CommitView, ErrorBody> {
        commits::view(self, source, commit).await
    }

    async fn merge_request(
        &self,
        source: SourceName,
        number: MergeRequestNumber,
    ) -> Result<MergeRequestView, ErrorBody> {
        let asked = source.clone();
        let all = self.inbox.ask(move |core, _| core.merge_requests()).await?;
        let status = all.into_iter().find(|it| it.source == asked && it.facts.seen.number == number);
        let status = status.ok_or_else(|| {
            ErrorBody::not_found(format!("there is no merge request {number} of {source}"))
                .remedy("`driftless merge-requests` lists those that are followed")
        })?;
        let config = self.leaves.tools.config();
        let configured = config.sources.get(&source);
        let forge = configured.and_then(|it| it.forge.as_ref());
        Ok(MergeRequestView {
            link: forge.and_then(|it| forge_link(&it.api, &status.facts.seen.url)),
            forge: forge.map(|it| it.kind.title().to_owned()),
            approvals_needed: configured.and_then(|it| it.policy.admission.approvals),
            status,
        })
    }

    async fn audit_standing(&self) -> Result<AuditStanding, ErrorBody> {
        let state = self.store.audit_state().await.map_err(|it| store_error(&it))?;
        let verdict = self.flags.audit.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(AuditStanding {
            head: state.head,
            holds: verdict.as_ref().map(Result::is_ok),
            fault: verdict.and_then(Result::err),
            checkpoint: state.checkpoint.map(|it| it.0),
            checkpoint_at: state.checkpoint.map(|it| it.1),
            key: state.key.map(|it| it.to_string()),
        })
    }
}

/// The address that a forge told of a page of it, if it is one of that forge: whoever could answer in its place must
/// not lead people elsewhere.
fn forge_link(api: &str, told: &str) -> Option<String> {
    let (api, told) = (url::Url::parse(api).ok()?, url::Url::parse(told).ok()?);
    let plain = matches!(told.scheme(), "http" | "https")
        && told.username().is_empty()
        && told.password().is_none()
        && (told.scheme() == "https" || api.scheme() == "http");
    let host = match api.host_str()? {
        "api.github.com" => "github.com",
        host => host,
    };
    (plain && told.host_str() == Some(host)).then(|| told.to_string())
}

#[cfg(test)]
mod tests {
    use super::forge_link;

    #[test]
    fn links_lead_to_the_configured_forge_alone() {
        let of = |api: &str, told: &str| forge_link(api, told).is_some();
        assert!(of("https://api.github.com", "https://github.com/a/b/pull/1"));
        assert!(of("https://git.example/api/v4", "https://git.example/a/b/-/merge_requests/1"));
        assert!(of("http://127.0.0.1:3000/api/v1", "http://127.0.0.1:3000/a/b/pulls/1"));
        for told in [
            "https://evil.example/a",
            "http://git.example/a",
            "javascript:alert(1)",
            "https://git.example@evil.example/",
            "https://me:secret@git.example/",
            "data:text/html,x",
            "/relative",
            "",
        ] {
            assert!(!of("https://git.example/api/v4", told), "{told}");
        }
    }
}
