use std::collections::BTreeSet;

use super::*;
use crate::domain::{HostName, HostStats};

const OK: HostStats = HostStats {
    ok: 2,
    changed: 0,
    unreachable: 0,
    failed: 0,
    skipped: 0,
    rescued: 0,
    ignored: 0,
    unfinished: false,
};
const CHANGED: HostStats = HostStats { changed: 1, ..OK };
const FAILED: HostStats = HostStats { failed: 1, unfinished: true, ..OK };
const UNREACHABLE: HostStats = HostStats { unreachable: 1, unfinished: true, ..OK };
const UNFINISHED: HostStats = HostStats { unfinished: true, ..OK };

/// A run that told everything, with these hosts.
fn whole(hosts: &[HostStats]) -> Tally {
    let named = hosts.iter().enumerate().map(|(at, stats)| (HostName::new(format!("h{at}")), *stats));
    Tally { hosts: named.collect(), hello: true, plays: 1, stats: true, results: 2, ..Tally::default() }
}

fn judge(exit: i32, tally: &Tally) -> Ending {
    Ending::judge(Mode::Apply, Exit::Code(exit), tally)
}

fn terms(terms: &[&str]) -> BTreeSet<String> {
    terms.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn green_has_three_shades() {
    for (mode, hosts, would_change, expected) in [
        (Mode::Apply, [OK, OK], 0, Outcome::InSync),
        (Mode::Apply, [OK, CHANGED], 0, Outcome::Changed),
        (Mode::Check, [OK, OK], 0, Outcome::InSync),
        (Mode::Check, [OK, CHANGED], 1, Outcome::Drifted),
        // `add_host` reports a change and changes nothing on any host.
        (Mode::Check, [OK, CHANGED], 0, Outcome::InSync),
    ] {
        let tally = Tally { would_change, ..whole(&hosts) };
        assert_eq!(Ending::judge(mode, Exit::Code(0), &tally), Ending::plain(expected));
    }
}

#[test]
fn a_run_that_was_not_allowed_to_go_on_did_not_fail() {
    let why = "web1 is locked: run 7 works on it";
    let refused =
        Tally { refused: Some(why.to_owned()), error: Some(("X".to_owned(), None, None)), ..whole(&[OK]) };
    for tally in [refused.clone(), Tally { stats: false, plays: 0, ..refused }] {
        let ending = judge(78, &tally);
        assert_eq!(ending, Ending::because(Outcome::Refused, Reason::Refused { why: why.to_owned() }));
        assert_eq!(ending.reason.unwrap().to_string(), why);
        assert!(!ending.outcome.is_success());
    }
}

#[test]
fn the_exit_status_alone_says_nothing_about_hosts() {
    // 2 is a failed host or a bad option, 4 an unreachable host or a parse error.
    for exit in [0, 2, 4] {
        let failed = judge(exit, &whole(&[OK, FAILED, UNREACHABLE]));
        let reason = Reason::HostsFailed { failed: 1, unreachable: 1, of: 3 };
        assert_eq!(failed, Ending::because(Outcome::Failed, reason));
        let gone = judge(exit, &whole(&[CHANGED, UNREACHABLE]));
        let reason = Reason::HostsUnreachable { unreachable: 1, of: 2 };
        assert_eq!(gone, Ending::because(Outcome::Unreachable, reason));
    }
}

#[test]
fn a_host_that_failed_and_is_gone_counts_as_gone() {
    let both = HostStats { failed: 1, unreachable: 1, ..OK };
    assert_eq!(judge(4, &whole(&[both])).outcome, Outcome::Unreachable);
}

#[test]
fn a_good_recap_with_a_bad_exit_is_not_good() {
    for exit in [Exit::Code(1), Exit::Code(250), Exit::Signal(15), Exit::Unknown] {
        let ending = Ending::judge(Mode::Apply, exit, &whole(&[OK]));
        assert_eq!(ending, Ending::because(Outcome::Failed, Reason::Exit { exit }));
    }
}

#[test]
fn hosts_that_were_left_out_are_no_success() {
    let ending = judge(0, &whole(&[OK, UNFINISHED]));
    assert_eq!(ending, Ending::because(Outcome::Failed, Reason::HostsUnfinished { unfinished: 1, of: 2 }));
}

#[test]
fn nothing_to_run_on_is_told_from_nothing_to_run() {
    assert_eq!(judge(0, &whole(&[])), Ending::because(Outcome::Failed, Reason::NoHosts));

    let typo = Tally { unknown_patterns: terms(&["wbe"]), ..whole(&[]) };
    let reason = Reason::UnknownHosts { patterns: vec!["wbe".to_owned()] };
    assert_eq!(judge(0, &typo), Ending::because(Outcome::Failed, reason.clone()));

    let typo_in_one_play = Tally { unknown_patterns: terms(&["wbe"]), ..whole(&[OK]) };
    assert_eq!(judge(0, &typo_in_one_play), Ending::because(Outcome::Failed, reason));

    let no_tasks = Tally { results: 0, ..whole(&[HostStats::default(), HostStats::default()]) };
    assert_eq!(judge(0, &no_tasks), Ending::because(Outcome::Failed, Reason::NothingRan { hosts: 2 }));

    let no_plays = Tally { hello: true, stats: true, ..Tally::default() };
    assert_eq!(judge(0, &no_plays), Ending::because(Outcome::Failed, Reason::NoHosts));
}

#[test]
fn a_limit_that_leaves_nobody_is_not_a_parse_error() {
    let error = Some(("AnsibleError".to_owned(), None, None));
    let nobody = Tally { no_hosts_left: true, error, ..Tally::default() };
    assert_eq!(judge(1, &nobody), Ending::because(Outcome::Failed, Reason::NoHosts));
    let typo = Tally { unknown_patterns: terms(&["h9", "h8"]), ..nobody };
    let reason = Reason::UnknownHosts { patterns: vec!["h8".to_owned(), "h9".to_owned()] };
    assert_eq!(judge(1, &typo), Ending::because(Outcome::Failed, reason));
}

#[test]
fn an_inventory_that_cannot_be_read_is_an_error_whatever_else_was_told() {
    let error = Some(("AnsibleError".to_owned(), None, None));
    let unparsed_inventories = terms(&["hosts"]);
    let reason = Reason::Inventory { source: "hosts".to_owned() };
    let before = Tally { error, unparsed_inventories: unparsed_inventories.clone(), ..Tally::default() };
    assert_eq!(judge(1, &before), Ending::because(Outcome::Errored, reason.clone()));
    // One of two sources: the hosts of the other one ran.
    let half = Tally { unparsed_inventories, ..whole(&[OK]) };
    assert_eq!(judge(0, &half), Ending::because(Outcome::Failed, reason));
}

#[test]
fn an_error_before_the_first_play_is_told_from_one_after_it() {
    let (class, place) = ("AnsibleParserError".to_owned(), Some("site.yml:3".to_owned()));
    let message = Some("no such module".to_owned());
    let error = Some((class.clone(), place.clone(), message.clone()));
    for hello in [false, true] {
        let parse = Tally { error: error.clone(), hello, ..Tally::default() };
        let reason = Reason::Parse { class: class.clone(), place: place.clone(), message: message.clone() };
        assert_eq!(judge(4, &parse), Ending::because(Outcome::Errored, reason));
    }
    let broke = Tally { error, stats: false, ..whole(&[CHANGED]) };
    assert_eq!(judge(4, &broke), Ending::because(Outcome::Failed, Reason::Broke { class, place }));
}

#[test]
fn silence_is_never_success() {
    for exit in [Exit::Code(0), Exit::Code(2), Exit::Signal(9), Exit::Unknown] {
        let ending = Ending::judge(Mode::Apply, exit, &Tally::default());
        assert_eq!(ending, Ending::because(Outcome::Errored, Reason::NoCallback { exit }));

        let cut_off = Tally { stats: false, ..whole(&[OK, CHANGED]) };
        let ending = Ending::judge(Mode::Apply, exit, &cut_off);
        assert_eq!(ending, Ending::because(Outcome::Failed, Reason::NoStats { exit }));
    }
}

#[test]
fn a_prompt_comes_before_what_follows_from_it() {
    let prompt = Some("release".to_owned());
    let reason = Reason::Prompt { variable: "release".to_owned() };
    let at_once = Tally { prompt: prompt.clone(), hello: true, ..Tally::default() };
    assert_eq!(judge(78, &at_once), Ending::because(Outcome::Errored, reason.clone()));
    let later = Tally { prompt, stats: false, ..whole(&[CHANGED]) };
    assert_eq!(judge(78, &later), Ending::because(Outcome::Failed, reason));
}

#[test]
fn what_went_wrong_is_said_in_different_words() {
    let none = Tally::default();
    let sentences: BTreeSet<String> = [
        judge(0, &whole(&[])),
        judge(1, &Tally { unparsed_inventories: terms(&["hosts"]), ..none.clone() }),
        judge(0, &Tally { stats: false, ..whole(&[OK]) }),
        judge(4, &Tally { error: Some(("E".to_owned(), None, None)), ..none.clone() }),
        judge(4, &whole(&[UNREACHABLE])),
        judge(2, &whole(&[FAILED])),
        judge(0, &none),
    ]
    .into_iter()
    .map(|ending| {
        assert!(!ending.outcome.is_success(), "{ending:?}");
        ending.reason.expect("a reason").to_string()
    })
    .collect();
    assert_eq!(sentences.len(), 7, "{sentences:#?}");
}

#[test]
fn every_outcome_has_its_own_word_and_is_stored_as_that() {
    let words: BTreeSet<_> = Outcome::ALL.iter().map(|it| it.as_str()).collect();
    assert_eq!(words.len(), Outcome::ALL.len());
    for outcome in Outcome::ALL {
        assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        let ending = Ending::because(outcome, Reason::Exit { exit: Exit::Signal(9) });
        let stored = serde_json::to_string(&ending).unwrap();
        assert_eq!(serde_json::from_str::<Ending>(&stored).unwrap(), ending);
    }
}
