use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn window(cron: &str, hours: i64, zone: &str) -> Windows {
    let window = Window {
        cron: cron.parse().expect("a cron line"),
        lasts: Span::from_hours(hours),
        zone: zone.parse().expect("a zone"),
    };
    Windows { windows: vec![window], freezes: Vec::new() }
}

fn open(until: &str) -> WindowState {
    WindowState::Open { until: Some(at(until)) }
}

fn closed(until: &str) -> WindowState {
    WindowState::Closed { until: Some(at(until)), why: "no window is open".to_owned() }
}

#[test]
fn without_windows_everything_may_start() {
    assert_eq!(Windows::default().state(at("2026-11-28T12:00:00Z")), WindowState::Open { until: None });
}

#[test]
fn a_window_is_open_from_its_first_moment_to_before_its_end() {
    // 2026-11-27 is a Friday; Berlin is an hour ahead of UTC in winter.
    let nights = window("0 22 * * 1-5", 4, "Europe/Berlin");
    assert_eq!(nights.state(at("2026-11-27T20:59:59.999Z")), closed("2026-11-27T21:00:00Z"));
    assert_eq!(nights.state(at("2026-11-27T21:00:00Z")), open("2026-11-28T01:00:00Z"));
    assert_eq!(nights.state(at("2026-11-28T00:59:59.999Z")), open("2026-11-28T01:00:00Z"));
    assert_eq!(nights.state(at("2026-11-28T01:00:00Z")), closed("2026-11-30T21:00:00Z"));
}

#[test]
fn clocks_that_are_changed_move_the_opening_and_not_the_length() {
    // In Berlin, 2026-03-29 has no 02:00 to 03:00, and 2026-10-25 has that hour twice.
    let nights = window("0 22 * * *", 6, "Europe/Berlin");
    assert_eq!(nights.state(at("2026-03-28T21:00:00Z")), open("2026-03-29T03:00:00Z"));
    assert_eq!(nights.state(at("2026-10-24T20:00:00Z")), open("2026-10-25T02:00:00Z"));
    assert_eq!(nights.state(at("2026-10-25T02:00:00Z")), closed("2026-10-25T21:00:00Z"));
}

#[test]
fn what_would_open_in_a_skipped_hour_opens_right_after_it() {
    let early = window("30 2 * * *", 1, "Europe/Berlin");
    assert_eq!(early.state(at("2026-03-29T00:59:59Z")), closed("2026-03-29T01:00:00Z"));
    assert_eq!(early.state(at("2026-03-29T01:00:00Z")), open("2026-03-29T02:00:00Z"));
    assert_eq!(early.state(at("2026-03-29T02:00:00Z")), closed("2026-03-30T00:30:00Z"));
}

#[test]
fn what_opens_in_a_repeated_hour_opens_once() {
    let early = window("30 2 * * *", 1, "Europe/Berlin");
    assert_eq!(early.state(at("2026-10-25T00:29:59Z")), closed("2026-10-25T00:30:00Z"));
    assert_eq!(early.state(at("2026-10-25T00:30:00Z")), open("2026-10-25T01:30:00Z"));
    assert_eq!(early.state(at("2026-10-25T01:30:00Z")), closed("2026-10-26T01:30:00Z"));
}

#[test]
fn a_freeze_outranks_every_window_and_says_why() {
    let mut nights = window("0 22 * * *", 4, "UTC");
    let reason = Some("year end".to_owned());
    nights.freezes.push(Freeze { from: at("2026-12-20T00:00:00Z"), to: at("2027-01-04T00:00:00Z"), reason });
    assert_eq!(nights.state(at("2026-12-19T22:00:00Z")), open("2026-12-20T00:00:00Z"));
    let frozen =
        WindowState::Closed { until: Some(at("2027-01-04T00:00:00Z")), why: "frozen (year end)".to_owned() };
    assert_eq!(nights.state(at("2026-12-20T00:00:00Z")), frozen);
    // The freeze ends within a window, which is open for the rest of its time.
    assert_eq!(nights.state(at("2027-01-04T00:00:00Z")), open("2027-01-04T02:00:00Z"));
}

#[test]
fn windows_that_meet_are_one() {
    let mut day = window("0 8 * * *", 4, "UTC");
    day.windows.extend(window("0 12 * * *", 2, "UTC").windows);
    assert_eq!(day.state(at("2026-11-28T09:00:00Z")), open("2026-11-28T14:00:00Z"));
}

#[test]
fn what_never_opens_again_says_so() {
    let forever = Freeze { from: Timestamp::MIN, to: Timestamp::MAX, reason: None };
    let frozen = Windows { windows: Vec::new(), freezes: vec![forever] };
    let WindowState::Closed { until, why } = frozen.state(at("2026-11-28T09:00:00Z")) else { panic!() };
    assert_eq!((until, why.as_str()), (Some(Timestamp::MAX), "frozen"));
}

#[test]
fn zones_are_known_by_their_names() {
    let zone: Zone = "europe/berlin".parse().expect("a zone");
    assert_eq!(zone.to_string(), "Europe/Berlin");
    assert_eq!(serde_json::to_string(&zone).expect("JSON"), "\"Europe/Berlin\"");
    assert!("Europe/Atlantis".parse::<Zone>().is_err());
    assert!("".parse::<Zone>().is_err());
}

/// What a window is, said in another way: open where a time of the cron line lies less than its length back.
fn is_open(windows: &Windows, now: Timestamp) -> bool {
    let in_window = |it: &Window| {
        let mut start = it.cron.next_in(now.checked_sub(it.lasts).expect("in range"), it.zone.rules());
        // A time of the line exactly the length of the window ago has closed; `next_in` is after it.
        start.take_if(|it| *it <= now).is_some()
    };
    let frozen = windows.freezes.iter().any(|it| it.from <= now && now < it.to);
    !frozen && (windows.windows.is_empty() || windows.windows.iter().any(in_window))
}

prop_compose! {
    fn any_window()(
        minute in prop_oneof![Just("*/20".to_owned()), (0_u8..60).prop_map(|it| it.to_string())],
        hour in prop_oneof![Just("*".to_owned()), (0_u8..24).prop_map(|it| it.to_string())],
        days in prop_oneof![Just("*"), Just("1-5"), Just("6")],
        minutes in 1_i64..2_000,
        zone in prop_oneof![Just("UTC"), Just("Europe/Berlin"), Just("America/New_York"), Just("Australia/Lord_Howe")],
    ) -> Window {
        Window {
            cron: format!("{minute} {hour} * * {days}").parse().expect("a cron line"),
            lasts: Span::from_mins(minutes),
            zone: zone.parse().expect("a zone"),
        }
    }
}

prop_compose! {
    fn any_windows()(
        windows in prop::collection::vec(any_window(), 0..3),
        freezes in prop::collection::vec((0_i64..20_000, 1_i64..5_000), 0..3),
    ) -> Windows {
        let start = at("2026-03-20T00:00:00Z");
        let freezes = freezes.into_iter().map(|(from, minutes)| {
            let from = later(start, Span::from_mins(from));
            Freeze { from, to: later(from, Span::from_mins(minutes)), reason: None }
        });
        Windows { windows, freezes: freezes.collect() }
    }
}

proptest! {
    #[test]
    fn the_state_is_what_the_windows_say_and_stays_until_it_says(
        windows in any_windows(),
        // From before one change of the clocks to after it, in both directions.
        seconds in prop_oneof![0_i64..1_500_000, 18_000_000_i64..19_500_000],
    ) {
        let now = later(at("2026-03-20T00:00:00Z"), Span::from_secs(seconds));
        match windows.state(now) {
            WindowState::Open { until } => {
                prop_assert!(is_open(&windows, now));
                if let Some(until) = until {
                    prop_assert!(now < until);
                    let half = later(now, until.duration_since(now) / 2);
                    prop_assert!(is_open(&windows, half));
                    prop_assert!(is_open(&windows, until - Span::from_millis(1)));
                }
            }
            WindowState::Closed { until, .. } => {
                prop_assert!(!is_open(&windows, now));
                let until = until.expect("these open again");
                prop_assert!(now < until);
                prop_assert!(is_open(&windows, until));
                let half = later(now, until.duration_since(now) / 2);
                prop_assert!(!is_open(&windows, half));
                prop_assert!(!is_open(&windows, until - Span::from_millis(1)));
            }
        }
    }
}
