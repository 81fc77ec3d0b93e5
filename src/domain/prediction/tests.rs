//! Properties of predictions, over random findings.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::{Change, TaskCounts};

const TASKS: u32 = 6;

fn task(place: u32, line: u32) -> TaskIdentity {
    let (action, name) = ("copy".to_owned(), format!("task {place}"));
    TaskIdentity { path: "site.yml".to_owned(), line, action, name, ..TaskIdentity::default() }
}

fn key(place: u32) -> TaskKey {
    task(place, 0).key()
}

/// Where a change is: its task, host and item.
type Place = (u32, u8, u8);

fn findings(changes: &BTreeMap<Place, u8>, lines: u32) -> Findings {
    let tasks = (0..TASKS).map(|it| (task(it, it + lines), TaskCounts::default())).collect();
    let changes = changes.iter().map(|((task, host, item), digest)| Change {
        task: *task,
        host: HostName::new(format!("h{host}")),
        item: item.to_string(),
        digest: digest.to_string(),
    });
    Findings { tasks, changes: changes.collect(), ..Findings::default() }
}

fn changes_strategy() -> impl Strategy<Value = BTreeMap<Place, u8>> {
    proptest::collection::btree_map((0..TASKS, 0_u8..3, 0_u8..2), 0_u8..3, 0..20)
}

fn predict(changes: &BTreeMap<Place, u8>) -> Prediction {
    Prediction::of(&findings(changes, 1), &BTreeSet::new(), &BTreeSet::new())
}

fn digest(prediction: &Prediction) -> String {
    prediction.digest(&commit('a'), &hosts(3))
}

fn commit(digit: char) -> CommitHash {
    digit.to_string().repeat(40).parse().expect("a hash")
}

fn hosts(count: u8) -> BTreeSet<HostName> {
    (0..count).map(|it| HostName::new(format!("h{it}"))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Neither the order in which hosts answer, nor that of the tasks, nor their lines say anything.
    #[test]
    fn order_and_lines_do_not_matter(
        predicted in changes_strategy(),
        actual in changes_strategy(),
        lines in 1_u32..100,
        turn in 0_usize..20,
    ) {
        let mut other = findings(&predicted, lines);
        other.tasks.reverse();
        other.changes.iter_mut().for_each(|it| it.task = TASKS - 1 - it.task);
        let places = other.changes.len().max(1);
        other.changes.rotate_left(turn % places);
        let (one, two) = (predict(&predicted), Prediction::of(&other, &BTreeSet::new(), &BTreeSet::new()));
        prop_assert_eq!(digest(&one), digest(&two));
        prop_assert_eq!(&one.changes, &two.changes);
        let mut done = findings(&actual, lines);
        let plain = one.compare(&findings(&actual, 1), &BTreeSet::new());
        done.changes.reverse();
        let turned = two.compare(&done, &BTreeSet::new());
        let sorted = |it: &[PredictedChange]| it.iter().cloned().collect::<BTreeSet<_>>();
        prop_assert_eq!(plain.as_predicted, turned.as_predicted);
        prop_assert_eq!(sorted(&plain.missing), sorted(&turned.missing));
        prop_assert_eq!(sorted(&plain.different), sorted(&turned.different));
        prop_assert_eq!(sorted(&plain.extra), sorted(&turned.extra));
    }

    /// Whatever one change is added, removed or altered, a person has to look again; so it is with hosts and commits.
    #[test]
    fn each_single_difference_is_another_digest(
        predicted in changes_strategy(),
        place in (0..TASKS, 0_u8..3, 0_u8..2),
    ) {
        let before = predict(&predicted);
        let mut other = predicted.clone();
        if let Some(wanted) = other.get_mut(&place) {
            *wanted += 1;
            prop_assert_ne!(digest_of(&other), digest(&before));
            other.remove(&place);
        } else {
            other.insert(place, 7);
        }
        prop_assert_ne!(digest_of(&other), digest(&before));
        prop_assert_ne!(before.digest(&commit('a'), &hosts(2)), digest(&before));
        prop_assert_ne!(before.digest(&commit('b'), &hosts(3)), digest(&before));
        let more = Prediction { left_out: 1, ..before.clone() };
        prop_assert_ne!(digest(&more), digest(&before));
        let blind = Prediction { unpredictable: [key(place.0)].into(), ..before.clone() };
        prop_assert_ne!(digest(&blind), digest(&before));
    }

    /// Handlers follow from other tasks, and what flaps says nothing: neither is predicted nor compared.
    #[test]
    fn handlers_and_flapping_tasks_are_left_out(
        predicted in changes_strategy(),
        actual in changes_strategy(),
        handler in 0..TASKS,
        flapping in 0..TASKS,
    ) {
        let flaps: BTreeSet<TaskKey> = [key(flapping)].into();
        let with_handler = |changes: &BTreeMap<Place, u8>| {
            Findings { handlers: [handler].into(), ..findings(changes, 1) }
        };
        let without = |changes: &BTreeMap<Place, u8>| -> BTreeMap<Place, u8> {
            let counts = |task: u32| task != handler && task != flapping;
            changes.iter().filter(|(place, _)| counts(place.0)).map(|(place, it)| (*place, *it)).collect()
        };
        let prediction = Prediction::of(&with_handler(&predicted), &flaps, &BTreeSet::new());
        let plain = predict(&without(&predicted));
        prop_assert_eq!(&prediction.changes, &plain.changes);
        prop_assert_eq!(digest(&prediction), digest(&plain));
        let report = prediction.compare(&with_handler(&actual), &flaps);
        prop_assert_eq!(report, plain.compare(&findings(&without(&actual), 1), &BTreeSet::new()));
    }

    /// Each prediction ends in exactly one way, each change of the apply is accounted for, and what did as it was
    /// told holds.
    #[test]
    fn every_change_is_counted_once(predicted in changes_strategy(), actual in changes_strategy()) {
        let prediction = predict(&predicted);
        let report = prediction.compare(&findings(&actual, 50), &BTreeSet::new());
        let lengths = [&report.missing, &report.different, &report.extra].map(|it| it.len() as u64);
        let [missing, different, extra] = lengths;
        prop_assert_eq!(report.as_predicted + missing + different, predicted.len() as u64);
        prop_assert_eq!(report.predicted(), predicted.len() as u64);
        prop_assert_eq!(report.as_predicted + different + extra + report.not_predictable, actual.len() as u64);
        prop_assert_eq!(report.holds(), predicted == actual);
    }
}

fn digest_of(changes: &BTreeMap<Place, u8>) -> String {
    digest(&predict(changes))
}
