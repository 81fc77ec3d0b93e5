//! Tips that are not signed as the operator wants it.

use super::story::check;

#[test]
fn a_tip_that_is_refused_is_not_admitted_and_the_last_good_one_is_kept() {
    check(
        "
        declares web check 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        4s fetched b after a unsigned
        5s sources
            -- infra at main@a, admitted a, main@b refused, next 65.2s: b is not signed
        5s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        5s explain web
            -- nothing is owed: the next commit starts a run
            -- because it is measured against main@a
            -- because main@b is not accepted: b is not signed
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a is applied on 1 host
            -- because the last apply, run 1 of main@a, succeeded 3s ago
            -- because hosts: 1 of 1 at main@a, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        6s hinted
            => fetch infra against a
        7s fetched c after a
            => start 2 web apply main@c [new_revision] main@c is new, after main@a
        8s sources
            -- infra at main@c, admitted c, next 61.3s
        ",
    );
}

#[test]
fn a_refused_first_tip_leaves_nothing_to_run() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first unsigned
        2s sources
            -- infra at nothing, admitted nothing, main@a refused, next 58.7s: a is not signed
        3s hinted
            => fetch infra against nothing
        4s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        ",
    );
}

#[test]
fn a_key_that_is_taken_away_stops_what_was_admitted_with_it() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        4s fetched a same unsigned
        5s sources
            -- infra at main@a, admitted a, main@a refused, next 65.2s: a is not signed
        5s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        6s alice asks web apply
        7s explain web
            -- runs nothing: a is not signed
            -- because it is measured against main@a
            -- because main@a is not accepted: a is not signed
            -- because alice asked for an apply; that skips holds and backoff, and nothing else
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a is applied on 1 host
            -- because the last apply, run 1 of main@a, succeeded 5s ago
            -- because hosts: 1 of 1 at main@a, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        8s hinted
            => fetch infra against a
        9s fetched a same
            => start 2 web apply main@a [person] alice asked for an apply of main@a
        ",
    );
}

#[test]
fn a_refused_tip_cannot_be_approved_even_if_it_waited_before() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s hinted
            => fetch infra against a
        3s fetched b beside a
        4s hinted
            => fetch infra against a
        5s fetched b beside a unsigned
        6s approved b by alice
        7s sources
            -- infra at main@a, admitted a, main@b refused, next 64.5s: b is not signed
        ",
    );
}

#[test]
fn a_reload_looks_at_the_tip_again() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first unsigned
        2s reconfigured
            => fetch infra against nothing
        3s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        ",
    );
}
