//! Tips that are not signed as the operator wants it.

use super::story::check;

#[test]
fn a_tip_that_is_refused_is_not_admitted_and_the_last_good_one_is_kept() {
    check(
        "
        declares web check 1h
        0s tick
        1s fetched a first
        2s finished 1 changed h1
        3s hinted
        4s fetched b after a unsigned
        5s sources
        5s status
        5s explain web
        6s hinted
        7s fetched c after a
        8s sources
        ",
    );
}

#[test]
fn a_refused_first_tip_leaves_nothing_to_run() {
    check(
        "
        0s tick
        1s fetched a first unsigned
        2s sources
        3s hinted
        4s fetched a first
        ",
    );
}

#[test]
fn a_key_that_is_taken_away_stops_what_was_admitted_with_it() {
    check(
        "
        0s tick
        1s fetched a first
        2s finished 1 changed h1
        3s hinted
        4s fetched a same unsigned
        5s sources
        5s status
        6s alice asks web apply
        7s explain web
        8s hinted
        9s fetched a same
        ",
    );
}

#[test]
fn a_refused_tip_cannot_be_approved_even_if_it_waited_before() {
    check(
        "
        declares web manual
        0s tick
        1s fetched a first
        2s hinted
        3s fetched b beside a
        4s hinted
        5s fetched b beside a unsigned
        6s approved b by alice
        7s sources
        ",
    );
}

#[test]
fn a_reload_looks_at_the_tip_again() {
    check(
        "
        0s tick
        1s fetched a first unsigned
        2s reconfigured
        3s fetched a first
        ",
    );
}
