//! The journal, the facts and what they are recovered from.

use super::fixture::*;
use crate::domain::*;
use crate::store::StoreError;

fn memory(facts: impl IntoIterator<Item = Fact>) -> Memory {
    let mut memory = Memory::default();
    for fact in facts {
        memory.learn(fact);
    }
    memory
}

#[tokio::test]
async fn what_was_journaled_is_recovered() {
    let dir = directory();
    let (store, empty) = open(&dir);
    assert_eq!(empty.memory, Memory { next_run: 1, ..Memory::default() });
    assert!(empty.live.is_empty());

    let event = Event::Hinted { source: "infra".parse().expect("a name") };
    let decisions = [start(7, "web", Mode::Apply)];
    store.journal(at(1), &event, &decisions, &facts(7)).await.expect("journaled");
    let expected = memory(facts(7));
    assert_eq!(store.recover().await.expect("recovered").memory, expected);
    store.close().await;

    let (store, recovered) = open(&dir);
    assert_eq!(recovered.memory, expected);
    assert_eq!(recovered.seed, empty.seed, "jitter keeps its place");
    let mut run = Run::decided(spec(7, "web", Mode::Apply), at(1));
    run.reason = "run 7 is due".to_owned();
    assert_eq!(recovered.live, [run]);

    let tail = store.journal_tail(10).await.expect("the journal");
    assert_eq!(tail.len(), 1);
    assert_eq!(tail[0].at, at(1), "to the nanosecond, so that it replays");
    assert_eq!(tail[0].event().expect("an event"), event);
    let mut told = tail[0].decisions().expect("decisions");
    let Decision::Start { spec: told_spec, .. } = &mut told[0] else { panic!("{told:?}") };
    assert!(told_spec.extra_vars["port"]["sealed"].is_string(), "a journal does not tell values");
    told_spec.extra_vars = spec(7, "web", Mode::Apply).extra_vars;
    assert_eq!(told, decisions);
}

#[tokio::test]
async fn two_directories_have_two_seeds() {
    let (one, other) = (directory(), directory());
    assert_ne!(open(&one).1.seed, open(&other).1.seed);
}

#[tokio::test]
async fn facts_are_replaced_and_others_left_alone() {
    let dir = directory();
    let (store, _) = open(&dir);
    store.journal(at(1), &Event::Tick, &[], &facts(1)).await.expect("journaled");
    let host = Fact::Host {
        stack: stack("web"),
        host: HostName::new("web1.example.org"),
        ledger: HostLedger { failed: true, ..HostLedger::default() },
    };
    store.journal(at(2), &Event::Tick, &[], std::slice::from_ref(&host)).await.expect("journaled");
    let expected = memory(facts(1).into_iter().chain([host]));
    assert_eq!(store.recover().await.expect("recovered").memory, expected);
}

#[tokio::test]
async fn idle_polling_writes_nothing_and_everything_else_is_written() {
    let dir = directory();
    let (store, _) = open(&dir);
    let source: SourceName = "infra".parse().expect("a name");
    let fetch = Decision::Fetch { source: source.clone(), admitted: None };
    let tip = |lineage| Tip {
        revision: revision('c'),
        lineage,
        declaration: Ok(Declaration::default()),
        tag: None,
        trust: Ok(()),
        line: Vec::new(),
    };
    let same = Event::Fetched { source: source.clone(), tip: tip(Lineage::Same) };
    let idle: [(&Event, &[Decision]); 4] = [
        (&Event::Tick, &[]),
        (&Event::Tick, std::slice::from_ref(&fetch)),
        (&Event::Hinted { source: source.clone() }, std::slice::from_ref(&fetch)),
        (&same, &[]),
    ];
    for (event, decisions) in idle {
        store.journal(at(1), event, decisions, &[]).await.expect("journaled");
    }
    assert_eq!(store.journal_tail(10).await.expect("the journal"), []);

    let first = Event::Fetched { source: source.clone(), tip: tip(Lineage::First) };
    let stop = Decision::Stop { run: RunId(1), cancelled: true, reason: "bob".to_owned() };
    let next = [Fact::NextRun { run: RunId(5) }];
    store.journal(at(1), &first, &[], &[]).await.expect("journaled");
    store.journal(at(2), &Event::Tick, &[fetch, stop], &[]).await.expect("journaled");
    store.journal(at(3), &same, &[], &next).await.expect("journaled");
    store.journal(at(4), &Event::ShutdownRequested, &[Decision::Exit], &[]).await.expect("journaled");
    let written: Vec<_> = store.journal_tail(10).await.expect("the journal").iter().map(|it| it.at).collect();
    assert_eq!(written, [at(1), at(2), at(3), at(4)]);
    let last: Vec<_> = store.journal_tail(2).await.expect("the journal").iter().map(|it| it.seq).collect();
    assert_eq!(last, [3, 4]);
}

#[tokio::test]
async fn a_number_is_not_used_twice_and_nothing_of_the_second_start_is_kept() {
    let dir = directory();
    let (store, _) = open(&dir);
    let event = Event::ShutdownRequested;
    store.journal(at(1), &event, &[start(1, "web", Mode::Apply)], &[]).await.expect("journaled");
    let again = store.journal(at(2), &event, &[start(1, "db", Mode::Apply)], &facts(1)).await;
    assert!(matches!(again, Err(StoreError::RunExists(1))), "{again:?}");
    let recovered = store.recover().await.expect("recovered");
    assert_eq!(recovered.memory, Memory { next_run: 2, ..Memory::default() }, "no fact of it");
    assert_eq!(recovered.live.len(), 1);
    assert_eq!(recovered.live[0].spec.stack, stack("web"));
    assert!(store.writable(), "the store itself is well");
    store.journal(at(3), &event, &[], &[]).await.expect("and goes on");
}

#[tokio::test]
async fn writes_that_wait_together_are_all_acknowledged_and_one_that_is_wrong_spoils_no_other() {
    let dir = directory();
    let (store, _) = open(&dir);
    let mut writes = tokio::task::JoinSet::new();
    for run in 1..=200 {
        let store = store.clone();
        writes.spawn(async move {
            let number = if run % 10 == 0 { 1_000_000 } else { run };
            store.journal(at(1), &Event::Tick, &[start(number, "web", Mode::Check)], &[]).await
        });
    }
    let ends = writes.join_all().await;
    assert_eq!(ends.iter().filter(|it| it.is_ok()).count(), 181, "180 and one of the twenty");
    assert_eq!(store.recover().await.expect("recovered").live.len(), 181);
    assert_eq!(store.journal_tail(1000).await.expect("the journal").len(), 181);
}

#[tokio::test]
async fn the_probe_writes() {
    let dir = directory();
    let (store, _) = open(&dir);
    store.probe().await.expect("it writes");
    store.probe().await.expect("it writes again");
    assert!(store.writable());
    store.close().await;
    assert!(matches!(store.probe().await, Err(StoreError::Closed)));
}
