//! Applies that wait for their window.

use super::story::check;

#[test]
fn a_new_commit_waits_until_the_window_opens_and_the_timer_knows_when() {
    check(
        "
        given poll 999h
        declares web window 22 4h
        0s tick
        1s fetched a first
        2s status
        2s explain web
        79190s fetched b after a
        wake
        +1s finished 1 changed h1
        ",
    );
}

#[test]
fn a_person_waits_as_well_unless_it_is_an_emergency() {
    check(
        "
        given poll 999h
        declares web manual window 22 4h
        0s tick
        1s fetched a first
        2s alice asks web apply
        3s status
        3s sleeps
        4s bob asks web apply outside broken-certificate
        5s finished 1 changed h1
        ",
    );
}

#[test]
fn checks_look_while_the_window_is_closed_and_heals_wait() {
    check(
        "
        given poll 999h
        declares web heals window 0 1h check 2h
        0s tick
        1s fetched a first
        ",
    );
}

#[test]
fn a_failed_apply_is_retried_in_the_window() {
    check(
        "
        given poll 999h
        declares web window 0 1h
        0s tick
        1s fetched a first
        3590s finished 1 failed h1:failed
        3700s status
        3700s explain web
        ",
    );
}

#[test]
fn a_freeze_says_its_reason() {
    check(
        "
        given poll 999h
        declares web frozen 0s 48h
        0s tick
        1s fetched a first
        2s status
        2s explain web
        ",
    );
}

#[test]
fn an_emergency_that_was_interrupted_is_still_one() {
    check(
        "
        given poll 999h
        declares web window 22 4h
        0s tick
        1s fetched a first
        2s bob asks web apply outside broken-certificate
        3s restart
        4s finished 1 interrupted
        wake
        ",
    );
}
