//! Random histories: whatever comes and goes, and wherever the daemon crashes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const KEYS: [&str; 3] = ["apply_failed infra/web", "source_unreachable infra", "preview_ready infra!1"];

/// What a look finds of an alert.
#[derive(Debug, Clone, Copy)]
enum Seen {
    Unclear,
    Nothing,
    Instance(u8),
}

/// What is there at one look.
#[derive(Debug, Clone)]
struct Moment {
    pause: i64,
    seen: Vec<Seen>,
    /// Whether the daemon dies between deciding and keeping.
    crash: bool,
    receivers: bool,
}

fn moment() -> impl Strategy<Value = Moment> {
    let seen = prop_oneof![3 => Just(Seen::Nothing), 4 => (0..2u8).prop_map(Seen::Instance), 1 => Just(Seen::Unclear)];
    let seen = proptest::collection::vec(seen, KEYS.len());
    (0..60i64, seen, prop::bool::weighted(0.2), prop::bool::weighted(0.9))
        .prop_map(|(pause, seen, crash, receivers)| Moment { pause, seen, crash, receivers })
}

fn sight(moment: &Moment) -> Sight {
    let mut sight = Sight::default();
    for (key, seen) in KEYS.iter().zip(&moment.seen) {
        let key: AlertKey = key.parse().unwrap();
        match seen {
            Seen::Unclear => drop(sight.unclear.insert(key)),
            Seen::Nothing => {}
            Seen::Instance(instance) => {
                let unreachable = key.kind == AlertKind::SourceUnreachable;
                let condition = Condition {
                    severity: AlertSeverity::Warning,
                    summary: "it is there".to_owned(),
                    details: Vec::new(),
                    link: "/".to_owned(),
                    instance: if unreachable { String::new() } else { instance.to_string() },
                    since: None,
                    after: if unreachable { Span::from_secs(90) } else { Span::ZERO },
                    lasting: key.kind != AlertKind::PreviewReady,
                    heals: 0,
                };
                sight.conditions.insert(key, condition);
            }
        }
    }
    sight
}

proptest! {
    /// For each receiver raised and resolved alternate, a crash repeats nothing and loses nothing, and once it is calm
    /// everybody who was told that something is there was told that it is over.
    #[test]
    fn nobody_is_told_twice_and_nothing_is_lost(history in proptest::collection::vec(moment(), 1..60)) {
        let everybody = policy(&["ops", "night"]);
        let one = policy(&["ops"]);
        let mut kept = Kept::default();
        let mut now = 0;
        for moment in &history {
            now += moment.pause;
            let policy = if moment.receivers { &everybody } else { &one };
            let sight = sight(moment);
            if moment.crash {
                // What was decided is lost with all that would have been kept; after the restart it is looked again.
                let lost = tell(at(now), &sight, &kept.facts, policy);
                let again = tell(at(now), &sight, &kept.facts, policy);
                prop_assert_eq!(lost, again);
            }
            kept.look(at(now), &sight, policy);
            let again = tell(at(now), &sight, &kept.facts, policy);
            prop_assert!(again.queue.is_empty() && again.facts.is_empty(), "{again:?}");
            if let Some(wake) = again.wake {
                prop_assert!(at(now) < wake, "it would spin");
            }
        }
        for _ in 0..2 {
            now += 3600;
            kept.look(at(now), &Sight::default(), &everybody);
        }
        prop_assert!(kept.facts.is_empty(), "{:?}", kept.facts);
        alternates(&kept.told)?;
    }

    /// Looking more often changes nothing of what is told.
    #[test]
    fn looking_more_often_tells_nothing_else(history in proptest::collection::vec(moment(), 1..30)) {
        let policy = policy(&["ops"]);
        let (mut once, mut often) = (Kept::default(), Kept::default());
        let mut now = 0;
        for moment in &history {
            now += moment.pause;
            once.look(at(now), &sight(moment), &policy);
            for _ in 0..3 {
                often.look(at(now), &sight(moment), &policy);
            }
        }
        prop_assert_eq!(once, often);
    }
}

fn alternates(told: &[Queued]) -> Result<(), TestCaseError> {
    let mut open: BTreeMap<(String, AlertKey), Timestamp> = BTreeMap::new();
    for it in told {
        let key = it.notice.alert.clone().unwrap();
        let line = (it.receiver.to_string(), key.clone());
        match it.notice.state {
            NoticeState::Raised => {
                let instances = key.kind != AlertKind::SourceUnreachable;
                // Who was not configured when it was over could not be told of that.
                let missed = it.receiver.as_str() == "night";
                let before = open.insert(line, it.notice.at);
                prop_assert!(before.is_none() || instances || missed, "raised twice: {it:?}");
            }
            NoticeState::Resolved => {
                prop_assert!(key.kind != AlertKind::PreviewReady, "news has no end");
                prop_assert!(open.remove(&line).is_some(), "resolved though never raised: {it:?}");
            }
            NoticeState::Test => prop_assert!(false),
        }
    }
    let left: BTreeSet<_> =
        open.keys().filter(|(who, key)| key.kind != AlertKind::PreviewReady && who != "night").collect();
    prop_assert!(left.is_empty(), "never resolved: {left:?}");
    Ok(())
}
