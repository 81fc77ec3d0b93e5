//! What is kept of runs, commits, merge requests and the audit chain, for those who look closer.

use std::future::Future;

use crate::api::{
    AuditStanding, CommitLines, CommitView, ErrorBody, LogPart, LogPosition, MergeRequestView, TaskFilter,
    TaskResults,
};
use crate::domain::{CommitHash, MergeRequestNumber, RunId, RunOutline, SourceName, TaskNumber};

/// What the daemon tells those who look closer. Nothing here changes anything.
pub trait Records: Clone + Send + Sync + 'static {
    /// Plays and tasks of a run, how they ended and how long they took. If that takes a while, what is told is not
    /// complete, and it is gone on with.
    fn outline(&self, run: RunId) -> impl Future<Output = Result<RunOutline, ErrorBody>> + Send;
    /// The results of one task of a run.
    fn task_results(
        &self,
        run: RunId,
        task: TaskNumber,
        filter: TaskFilter,
    ) -> impl Future<Output = Result<TaskResults, ErrorBody>> + Send;
    /// A part of the raw output of a run.
    fn raw_log(
        &self,
        run: RunId,
        from: LogPosition,
    ) -> impl Future<Output = Result<LogPart, ErrorBody>> + Send;
    /// What commits say in one line, by their hashes: those that are known.
    fn commit_lines(&self, asked: Vec<(SourceName, CommitHash)>) -> impl Future<Output = CommitLines> + Send;
    /// A commit with what became of it.
    fn commit(
        &self,
        source: SourceName,
        commit: CommitHash,
    ) -> impl Future<Output = Result<CommitView, ErrorBody>> + Send;
    /// A merge request that is followed.
    fn merge_request(
        &self,
        source: SourceName,
        number: MergeRequestNumber,
    ) -> impl Future<Output = Result<MergeRequestView, ErrorBody>> + Send;
    /// What is known of the audit chain as a whole.
    fn audit_standing(&self) -> impl Future<Output = Result<AuditStanding, ErrorBody>> + Send;
}
