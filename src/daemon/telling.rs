//! Tells those who listen what changed: a bounded board of news, read at each reader's own pace.
//!
//! The loop only writes a line on the board. It never waits for a reader, and knows of none: one who was away for
//! longer than the board remembers is told to look at everything again.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;

use crate::api::{News, NewsChunk, NewsPosition};
use crate::domain::{Decision, Event, Fact, RunSpec};

/// How many news the board remembers.
const REMEMBERED: usize = 1024;

/// More news than this at once are told as "everything".
const MOST_AT_ONCE: usize = 256;

/// What changed with an event. `live` is the run that the event is about, as it was known before.
pub(super) fn news(
    event: &Event,
    live: Option<&RunSpec>,
    decisions: &[Decision],
    facts: &[Fact],
) -> Vec<News> {
    let mut all = Vec::new();
    let mut say = |it: News| {
        if !all.contains(&it) {
            all.push(it);
        }
    };
    match (event, live) {
        (Event::RunFinished { ending, .. }, Some(spec)) => say(News::RunEnded {
            run: spec.run,
            stack: spec.stack.clone(),
            mode: spec.mode,
            outcome: ending.outcome,
        }),
        (Event::Reconfigured { .. }, _) => return vec![News::Resync],
        (Event::ShutdownRequested, _) => say(News::DaemonChanged),
        // What failed is no fact to be kept, and is shown all the same.
        (
            Event::Fetched { source, .. }
            | Event::FetchFailed { source, .. }
            | Event::ForgeFailed { source, .. },
            _,
        ) => {
            say(News::SourceChanged { source: source.clone() });
        }
        _ => {}
    }
    for decision in decisions {
        if let Decision::Start { spec, .. } = decision {
            say(News::RunStarted {
                run: spec.run,
                stack: spec.stack.clone(),
                mode: spec.mode,
                trigger: spec.trigger,
            });
        }
    }
    let mut last = None;
    for fact in facts {
        let told = match fact {
            Fact::Source { name, .. } => News::SourceChanged { source: name.clone() },
            Fact::Stack { id: stack, .. } | Fact::Host { stack, .. } | Fact::Task { stack, .. } => {
                News::StackChanged { stack: stack.clone() }
            }
            Fact::MergeRequest { source, number, .. } => {
                News::MergeRequestChanged { source: source.clone(), number: *number }
            }
            Fact::RunPrediction { .. } | Fact::Landed { .. } | Fact::NextRun { .. } => continue,
        };
        // The hosts of a stack come one after the other.
        if last.as_ref() != Some(&told) {
            say(told.clone());
            last = Some(told);
        }
    }
    if MOST_AT_ONCE < all.len() { vec![News::Resync] } else { all }
}

/// The board.
#[derive(Debug)]
pub(super) struct Board {
    epoch: u64,
    written: watch::Sender<Written>,
}

#[derive(Debug, Default)]
struct Written {
    /// The number of the last news.
    last: u64,
    /// The number of the last news that is forgotten.
    forgotten: u64,
    news: VecDeque<(u64, News)>,
    closed: bool,
}

impl Board {
    /// An empty board of a daemon that starts; no two starts have the same `epoch`.
    pub(super) fn new(epoch: u64) -> Self {
        Self { epoch, written: watch::Sender::default() }
    }

    /// Writes news.
    pub(super) fn write(&self, news: Vec<News>) {
        if !news.is_empty() {
            self.written.send_modify(|it| news.into_iter().for_each(|news| it.write(news)));
        }
    }

    /// Nothing more will be written: lets all readers go.
    pub(super) fn close(&self) {
        self.written.send_modify(|it| it.closed = true);
    }

    /// What was written after a place. Answers at once if there is anything; else waits, at most for `wait`. Without
    /// a place, says where the end is. `None` once the board is closed.
    pub(super) async fn read(&self, after: Option<NewsPosition>, wait: Duration) -> Option<NewsChunk> {
        let Some(after) = after else { return self.chunk(&self.written.borrow(), Vec::new()) };
        let mut changes = self.written.subscribe();
        let is_here = after.epoch == self.epoch && after.number <= changes.borrow().last;
        if is_here && !wait.is_zero() {
            // Whether something came or the time is over: what is there now is the answer.
            let _either =
                tokio::time::timeout(wait, changes.wait_for(|it| it.closed || after.number < it.last)).await;
        }
        let written = self.written.borrow();
        if !is_here || after.number < written.forgotten {
            return self.chunk(&written, vec![News::Resync]);
        }
        let later = written.news.partition_point(|(number, _)| *number <= after.number);
        self.chunk(&written, written.news.range(later..).map(|(_, it)| it.clone()).collect())
    }

    fn chunk(&self, written: &Written, news: Vec<News>) -> Option<NewsChunk> {
        let next = NewsPosition { epoch: self.epoch, number: written.last };
        (!written.closed).then_some(NewsChunk { news, next })
    }
}

impl Written {
    fn write(&mut self, news: News) {
        self.last += 1;
        if news.is_repeatable() {
            self.news.retain(|(_, it)| *it != news);
        }
        self.news.push_back((self.last, news));
        while REMEMBERED < self.news.len() {
            if let Some((number, _)) = self.news.pop_front() {
                self.forgotten = number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Failure, HostLedger, HostName, RunId, SourceName, StackId};

    fn stack(name: &str) -> StackId {
        name.parse().expect("a stack")
    }

    fn changed(name: &str) -> News {
        News::StackChanged { stack: stack(name) }
    }

    fn started(run: u64) -> News {
        News::RunStarted {
            run: RunId(run),
            stack: stack("infra/web"),
            mode: crate::domain::Mode::Apply,
            trigger: crate::domain::Trigger::Person,
        }
    }

    fn host(stack: &StackId, name: &str) -> Fact {
        Fact::Host { stack: stack.clone(), host: HostName::new(name), ledger: HostLedger::default() }
    }

    async fn end(board: &Board) -> NewsPosition {
        board.read(None, Duration::ZERO).await.expect("it is open").next
    }

    async fn after(board: &Board, position: NewsPosition) -> NewsChunk {
        board.read(Some(position), Duration::ZERO).await.expect("it is open")
    }

    #[test]
    fn many_facts_of_one_stack_are_one_hint() {
        let (web, db) = (stack("infra/web"), stack("infra/db"));
        let facts = [host(&web, "a"), host(&web, "b"), host(&db, "a"), host(&web, "c")];
        assert_eq!(news(&Event::Tick, None, &[], &facts), [changed("infra/web"), changed("infra/db")]);
        assert_eq!(news(&Event::Tick, None, &[], &[Fact::NextRun { run: RunId(3) }]), []);
    }

    #[test]
    fn a_fetch_that_failed_is_told_although_no_fact_is_kept() {
        let source: SourceName = "infra".parse().expect("a source");
        let failed =
            Event::FetchFailed { source: source.clone(), failure: Failure::soon("no route to host") };
        assert_eq!(news(&failed, None, &[], &[]), [News::SourceChanged { source }]);
        assert_eq!(news(&Event::ShutdownRequested, None, &[], &[]), [News::DaemonChanged]);
    }

    #[test]
    fn too_much_at_once_is_everything() {
        let facts: Vec<Fact> = (0..300).map(|it| host(&stack(&format!("infra/s{it}")), "a")).collect();
        assert_eq!(news(&Event::Tick, None, &[], &facts), [News::Resync]);
    }

    #[tokio::test]
    async fn who_comes_back_is_told_what_happened_in_between() {
        let board = Board::new(7);
        let start = end(&board).await;
        board.write(vec![started(1), changed("infra/web")]);
        board.write(vec![changed("infra/db"), changed("infra/web")]);
        let chunk = after(&board, start).await;
        assert_eq!(
            chunk.news,
            [started(1), changed("infra/db"), changed("infra/web")],
            "the later one is enough"
        );
        assert_eq!(after(&board, chunk.next).await.news, []);
        let middle = NewsPosition { number: 2, ..start };
        assert_eq!(after(&board, middle).await.news, [changed("infra/db"), changed("infra/web")]);
    }

    #[tokio::test]
    async fn who_was_away_too_long_or_knew_another_start_looks_at_everything() {
        let board = Board::new(7);
        let start = end(&board).await;
        for run in 0..=REMEMBERED as u64 {
            board.write(vec![started(run)]);
        }
        let chunk = after(&board, start).await;
        assert_eq!(chunk.news, [News::Resync]);
        assert_eq!(after(&board, chunk.next).await.news, []);
        for unknown in [NewsPosition { epoch: 6, number: 0 }, NewsPosition { epoch: 7, number: 9999 }] {
            assert_eq!(after(&board, unknown).await.news, [News::Resync]);
        }
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let board = std::sync::Arc::new(Board::new(7));
        let start = end(&board).await;
        let reading = std::sync::Arc::clone(&board);
        let waiting = tokio::spawn(async move {
            reading.read(Some(start), Duration::from_secs(60)).await.expect("it is open")
        });
        tokio::task::yield_now().await;
        board.write(vec![News::DaemonChanged]);
        assert_eq!(waiting.await.expect("it does not panic").news, [News::DaemonChanged]);
    }
    #[tokio::test]
    async fn a_closed_board_lets_its_readers_go() {
        let board = Board::new(7);
        let start = end(&board).await;
        board.close();
        assert_eq!(board.read(Some(start), Duration::from_secs(60)).await, None);
    }
}
