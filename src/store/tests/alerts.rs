//! Alerts and their notifications: kept together, across restarts.

use super::fixture::*;
use super::opening::await_free;
use crate::domain::*;

fn facts() -> AlertFacts {
    AlertFacts {
        condition: Condition {
            severity: AlertSeverity::Critical,
            summary: "the apply of main@aaaaaaa to infra/web failed".to_owned(),
            details: vec!["2 of 3 hosts failed".to_owned()],
            link: "/runs/7".to_owned(),
            instance: "a".repeat(40),
            since: None,
            after: Span::ZERO,
            lasting: true,
            heals: 0,
        },
        began: at(0),
        raised_at: Some(at(0)),
        gone_since: None,
        told: ["ops".parse().expect("a name")].into(),
    }
}

fn queued(receiver: &str, due: i64, summary: &str) -> Queued {
    let notice = Notice {
        alert: Some(key()),
        state: NoticeState::Raised,
        severity: AlertSeverity::Critical,
        since: at(0),
        at: at(0),
        summary: summary.to_owned(),
        details: Vec::new(),
        link: "/runs/7".to_owned(),
    };
    Queued { receiver: receiver.parse().expect("a name"), due: at(due), notice }
}

fn key() -> AlertKey {
    "apply_failed infra/web".parse().expect("an alert")
}

fn summaries(it: &Notification) -> Vec<&str> {
    it.notices.iter().map(|it| it.summary.as_str()).collect()
}

#[tokio::test]
async fn what_is_to_be_told_survives_a_restart_with_what_counts_as_told() {
    let dir = directory();
    let (store, _) = open(&dir);
    let queue = vec![queued("ops", 10, "one"), queued("night", 10, "one"), queued("ops", 10, "two")];
    store.tell(vec![(key(), Some(facts()))], queue).await.expect("kept");
    store.close().await;
    drop(store);
    await_free(&dir);

    let (store, _) = open(&dir);
    assert_eq!(store.alerts().await.expect("alerts"), [(key(), facts())].into());
    assert_eq!(store.next_notification().await.expect("a time"), Some(at(10)));
    assert!(store.due_notifications(at(9)).await.expect("none").is_empty());
    let due = store.due_notifications(at(10)).await.expect("two");
    assert_eq!(due.len(), 2, "what is due at one time travels together");
    let ops = due.iter().find(|it| it.receiver.as_str() == "ops").expect("for ops");
    assert_eq!(summaries(ops), ["one", "two"]);

    store.tell(vec![(key(), None)], Vec::new()).await.expect("kept");
    assert!(store.alerts().await.expect("alerts").is_empty());
}

#[tokio::test]
async fn nothing_is_added_to_what_somebody_may_have_got_already() {
    let dir = directory();
    let (store, _) = open(&dir);
    store.tell(Vec::new(), vec![queued("ops", 10, "one")]).await.expect("kept");
    let id = store.due_notifications(at(10)).await.expect("one")[0].id.clone();
    let tried = store.try_notification(id.clone()).await.expect("begun").expect("it is there");
    assert_eq!((tried.attempts, tried.state), (1, NotificationState::Pending));
    store.tell(Vec::new(), vec![queued("ops", 10, "two"), queued("ops", 10, "three")]).await.expect("kept");
    assert_eq!(due(&store, 10).await, [["one"]], "what comes later waits for it");

    let sent = Notification { state: NotificationState::Sent, ended_at: Some(at(11)), ..tried };
    store.put_notification(sent).await.expect("kept");
    assert_eq!(due(&store, 10).await, [["two", "three"]]);
    assert_eq!(store.try_notification(id).await.expect("read"), None, "what was sent is not sent again");
    store.tell(Vec::new(), vec![queued("ops", 10, "four")]).await.expect("kept");
    assert_eq!(store.notifications(10).await.expect("all").len(), 2);
    let pending = store.pending_notifications().await.expect("counted");
    assert_eq!(
        pending.into_iter().map(|(name, count)| (name.to_string(), count)).collect::<Vec<_>>(),
        [("ops".to_owned(), 1)]
    );
}

/// What is to be sent now, message by message.
async fn due(store: &crate::store::Store, now: i64) -> Vec<Vec<String>> {
    let due = store.due_notifications(at(now)).await.expect("read");
    due.iter().map(|it| summaries(it).into_iter().map(str::to_owned).collect()).collect()
}

/// A try that did not arrive.
async fn fails(store: &crate::store::Store, now: i64, next: i64) {
    let first = store.due_notifications(at(now)).await.expect("read").remove(0);
    let tried = store.try_notification(first.id).await.expect("begun").expect("it waits");
    store.put_notification(Notification { next_try: at(next), ..tried }).await.expect("kept");
}

fn resolved(receiver: &str, due: i64, summary: &str) -> Queued {
    let mut it = queued(receiver, due, summary);
    it.notice.state = NoticeState::Resolved;
    it
}

fn of(alert: &str, mut it: Queued) -> Queued {
    it.notice.alert = Some(alert.parse().expect("an alert"));
    it
}

#[tokio::test]
async fn nobody_hears_something_newer_before_something_older() {
    let dir = directory();
    let (store, _) = open(&dir);
    store
        .tell(Vec::new(), vec![resolved("ops", 10, "over"), queued("night", 10, "night")])
        .await
        .expect("kept");
    let ops =
        store.due_notifications(at(10)).await.expect("two").into_iter().find(|it| summaries(it) == ["over"]);
    let tried = store.try_notification(ops.expect("for ops").id).await.expect("begun").expect("it waits");
    let away = Notification { next_try: at(40), ..tried };
    store.put_notification(away.clone()).await.expect("kept");
    store.tell(Vec::new(), vec![queued("ops", 20, "again")]).await.expect("kept");
    assert_eq!(due(&store, 30).await, [["night"]], "another receiver does not wait");
    assert_eq!(due(&store, 40).await, [["night"], ["over"]]);
    let given_up = Notification { state: NotificationState::GivenUp, ended_at: Some(at(41)), ..away };
    store.put_notification(given_up).await.expect("kept");
    assert_eq!(due(&store, 41).await, [["night"], ["again"]]);
}

#[tokio::test]
async fn what_a_receiver_refuses_for_good_keeps_back_only_what_tells_of_the_same() {
    let dir = directory();
    let (store, _) = open(&dir);
    let queue = vec![
        queued("ops", 10, "refused"),
        resolved("ops", 20, "over"),
        of("drift infra/web", queued("ops", 30, "another")),
    ];
    store.tell(Vec::new(), queue).await.expect("kept");
    for (now, next) in [(100, 200), (200, 300)] {
        fails(&store, now, next).await;
        assert!(due(&store, now + 1).await.is_empty(), "it keeps back everything at first");
    }
    fails(&store, 300, 1000).await;
    assert_eq!(due(&store, 301).await, [["another"]]);
    assert_eq!(due(&store, 1000).await, [["refused"], ["another"]]);
}

#[tokio::test]
async fn what_a_digest_would_tell_too_late_goes_along_with_what_is_newer() {
    let dir = directory();
    let (store, _) = open(&dir);
    let queue = vec![queued("ops", 3600, "began"), of("drift infra/web", queued("ops", 3600, "another"))];
    store.tell(Vec::new(), queue).await.expect("kept");
    store.tell(Vec::new(), vec![resolved("ops", 20, "over")]).await.expect("kept");
    assert_eq!(due(&store, 20).await, [["began", "over"]]);
    let all = store.notifications(10).await.expect("all");
    assert_eq!(all.iter().map(summaries).collect::<Vec<_>>(), [vec!["another"], vec!["began", "over"]]);

    // A clock that was set back: what may have arrived already stays the first.
    fails(&store, 20, 40).await;
    store.tell(Vec::new(), vec![queued("ops", 5, "anew")]).await.expect("kept");
    assert_eq!(due(&store, 40).await, [["began", "over"]]);
}

#[tokio::test]
async fn a_message_holds_only_so_much() {
    let dir = directory();
    let (store, _) = open(&dir);
    let many = (0..150).map(|it| queued("ops", 10, &it.to_string())).collect();
    store.tell(Vec::new(), many).await.expect("kept");
    let one = &store.notifications(10).await.expect("one")[0];
    assert_eq!((one.notices.len(), one.left_out), (Notification::NOTICES_MAX, 50));
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_and_what_waits_never() {
    let dir = directory();
    let (store, _) = open(&dir);
    for due in 0..3 {
        store.tell(Vec::new(), vec![queued("ops", due, "one")]).await.expect("kept");
    }
    let all = store.notifications(10).await.expect("all");
    let sent = Notification { state: NotificationState::Sent, ended_at: Some(at(5)), ..all[0].clone() };
    store.put_notification(sent).await.expect("kept");
    let age = Span::from_hours(24);
    let policy = crate::store::RetentionPolicy {
        max_age: age,
        events_max_age: age,
        max_bytes: u64::MAX,
        journal_max_age: age,
        raw_max_age: age,
    };
    store.retain(at(29 * 86_400), policy).await.expect("retained");
    assert_eq!(store.notifications(10).await.expect("all").len(), 3);
    store.retain(at(31 * 86_400), policy).await.expect("retained");
    assert_eq!(store.notifications(10).await.expect("all").len(), 2);
}
