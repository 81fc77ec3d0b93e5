//! Deliveries of webhooks: known once, for seven days, across restarts.

use super::fixture::*;
use super::opening::await_free;
use crate::domain::*;
use crate::store::{RetentionPolicy, Store};

const DAY: i64 = 86_400;

fn delivery(id: &str, kind: DeliveryKind) -> Delivery {
    Delivery {
        id: id.to_owned(),
        event: "push".to_owned(),
        kind,
        repository: Some("acme/infra".to_owned()),
        commit: Some("ab".repeat(20).parse().expect("a commit")),
    }
}

fn push() -> DeliveryKind {
    DeliveryKind::Push { reference: "main".to_owned() }
}

async fn deliver(store: &Store, second: i64, source: &str, it: Delivery) -> bool {
    let source = source.parse().expect("a source");
    store.deliver(at(second), &source, WebhookProvider::Forgejo, it, 4711).await.expect("recorded")
}

#[tokio::test]
async fn a_delivery_counts_once_in_seven_days_and_for_each_source() {
    let dir = directory();
    let (store, _) = open(&dir);
    assert!(deliver(&store, 0, "infra", delivery("1", push())).await);
    assert!(!deliver(&store, 1, "infra", delivery("1", push())).await);
    assert!(!deliver(&store, -60, "infra", delivery("1", push())).await, "a clock that was set back");
    assert!(deliver(&store, 2, "other", delivery("1", push())).await);
    assert!(deliver(&store, 3, "infra", delivery("2", DeliveryKind::Ping)).await);
    store.close().await;
    drop(store);
    await_free(&dir);
    let (store, _) = open(&dir);
    assert!(!deliver(&store, 7 * DAY - 1, "infra", delivery("1", push())).await);
    assert!(deliver(&store, 7 * DAY, "infra", delivery("1", push())).await);
    let all = store.deliveries(10).await.expect("deliveries");
    let short: Vec<_> =
        all.iter().map(|it| (it.source.as_str(), it.id.as_str(), it.result.as_str())).collect();
    assert_eq!(short, [("infra", "1", "accepted"), ("infra", "2", "ignored"), ("other", "1", "accepted")]);
    let first = &all[0];
    assert_eq!((first.provider, first.at, first.bytes), (WebhookProvider::Forgejo, at(7 * DAY), 4711));
    assert_eq!((first.reference.as_deref(), first.repository.as_deref()), (Some("main"), Some("acme/infra")));
    assert_eq!(first.commit.as_ref().map(CommitHash::as_str), Some("ab".repeat(20).as_str()));
    assert_eq!(all[1].reference, None);
}

/// Many at once wait for one sync of the disk, and of those with one id only one is new.
#[tokio::test]
async fn of_many_at_once_one_is_new() {
    let dir = directory();
    let (store, _) = open(&dir);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200 {
        let store = store.clone();
        tasks.spawn(async move { deliver(&store, number, "infra", delivery("same", push())).await });
    }
    let new = tasks.join_all().await.into_iter().filter(|it| *it).count();
    assert_eq!(new, 1);
}

#[tokio::test]
async fn what_is_not_known_any_more_is_forgotten() {
    let dir = directory();
    let (store, _) = open(&dir);
    let keep_all = Span::from_hours(24 * 10_000);
    let policy = RetentionPolicy {
        max_age: keep_all,
        max_bytes: u64::MAX,
        journal_max_age: keep_all,
        events_max_age: keep_all,
        raw_max_age: keep_all,
    };
    for day in 0..10 {
        assert!(deliver(&store, day * DAY, "infra", delivery(&day.to_string(), push())).await);
    }
    store.retain(at(10 * DAY), policy).await.expect("retained");
    let ids: Vec<_> = store.deliveries(100).await.expect("deliveries").into_iter().map(|it| it.id).collect();
    assert_eq!(ids, ["9", "8", "7", "6", "5", "4", "3"]);
    store.retain(at(100 * DAY), policy).await.expect("retained");
    assert!(deliver(&store, 100 * DAY, "infra", delivery("9", push())).await);
    assert_eq!(store.deliveries(100).await.expect("deliveries").len(), 1);
}
