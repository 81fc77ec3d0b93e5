//! Restarts and what vanishes.

use super::story::check;

#[test]
fn a_run_that_was_live_is_live_until_its_end_is_reported() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s restart
            -- 1 live
        3s tick
            => fetch infra against a
        4s fetched b after a
        5s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@b is not applied; main@a was attempted last; run 1 is live
        6s finished 1 interrupted h1:cut
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn everything_that_persons_and_failures_decided_survives() {
    check(
        "
        given retry 1h 9h
        declares cut; failing; held; waiting manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 cut apply main@a [new_revision] main@a is new
            => start 2 failing apply main@a [new_revision] main@a is new
            => start 3 held apply main@a [new_revision] main@a is new
        2s alice asks cut apply
        3s finished 1 failed h1:failed
            => start 4 cut apply main@a [person] alice asked for an apply of main@a
        4s alice suspends cut
        5s finished 2 failed h1:failed
        6s alice cancels 3
            => cancel 3: alice cancelled run 3
        7s finished 3 cancelled
        8s alice suspends waiting
        9s bob asks waiting apply
        10s status
            -- cut unknown (nothing, 0/1 hosts, 0 owed, 1 failed): main@a is being applied for the first time; run 4 is live
            -- failing out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed, next 3907.4s): 1 host failed in run 2 of main@a; retry in 1h 4m
            -- held unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 3 of main@a was cancelled; held for 4s: alice cancelled run 3
            -- waiting unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; suspended by alice 2s ago
        11s restart
            -- 1 live
        11s status
            -- cut unknown (nothing, 0/1 hosts, 0 owed, 1 failed): main@a is being applied for the first time; run 4 is live
            -- failing out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed, next 3907.4s): 1 host failed in run 2 of main@a; retry in 1h 4m
            -- held unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 3 of main@a was cancelled; held for 5s: alice cancelled run 3
            -- waiting unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; suspended by alice 3s ago
        12s tick
            => fetch infra against a
        13s fetched a same
        14s alice resumes waiting
            => start 5 waiting apply main@a [person] bob asked for an apply of main@a
        ",
    );
}

#[test]
fn an_interrupted_request_for_an_older_commit_is_done_again_and_does_not_hold_newer_ones() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        5s finished 2 changed h1
        6s alice asks web apply at a
            => start 3 web apply main@a [person] alice asked for an apply of main@a
        7s hinted
            => fetch infra against b
        8s fetched c after b
        9s restart
            -- 1 live
        9s finished 3 interrupted h1:cut
            => fetch infra against c
        10s fetched c same
        wake
            -- at 10.0s
            => start 4 web apply main@a [person] alice asked for an apply of main@a
        +1s finished 4 changed h1
            => start 5 web apply main@c [new_revision] main@c is new, after main@a
        ",
    );
}

#[test]
fn an_interrupted_check_that_a_person_waits_for_is_done_again() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s alice asks web check
            => start 2 web check main@a [person] alice asked for a check of main@a
        4s restart
            -- 1 live
        4s finished 2 interrupted
            => fetch infra against a
        5s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed, next 5.0s): main@a is applied on 1 host; starts again at once
        wake
            -- at 5.0s
            => start 3 web check main@a [person] alice asked for a check of main@a
        ",
    );
}

#[test]
fn of_two_requests_the_newer_one_wins_after_an_interruption_unless_it_would_only_look() {
    check(
        "
        declares web manual; db manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s alice asks web apply
            => start 1 web apply main@a [person] alice asked for an apply of main@a
        2s alice asks db apply
            => start 2 db apply main@a [person] alice asked for an apply of main@a
        3s bob asks web apply on h1
        3s bob asks db check
        4s restart
            -- 2 live
        5s finished 1 interrupted
            => fetch infra against a
        6s finished 2 interrupted
        wake
            -- at 6.0s
            => start 3 web apply main@a on h1 [person] bob asked for an apply on h1 of main@a
        wake
            -- at 7.0s
            => start 4 db apply main@a [person] alice asked for an apply of main@a
        +1s finished 3 changed h1
        +1s finished 4 changed h1
        +1s status
            -- db in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 1 of main@a was interrupted; applied only when a person asks
        ",
    );
}

#[test]
fn a_stack_that_vanishes_is_forgotten_after_its_run_and_remembered_when_it_returns() {
    check(
        "
        declares web; db
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 db apply main@a [new_revision] main@a is new
            => start 2 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s finished 2 changed h2 h3
        4s hinted
            => fetch infra against a
        5s fetched b after a
            => start 3 db apply main@b [new_revision] main@b is new, after main@a
            => start 4 web apply main@b [new_revision] main@b is new, after main@a
        6s finished 3 changed h1
        declares web
        7s hinted
            => fetch infra against b
        8s fetched c after b
        9s status
            -- web out_of_sync (a, 0/2 hosts, 0 owed, 0 failed): main@c is not applied; main@b was attempted last; run 4 is live
        9s explain db
            -- nobody knows it
        10s finished 5 changed h1
        10s finished 4 failed h2:failed h3
            => start 5 web apply main@c [new_revision] main@c is new, after main@b
        11s status
            -- web out_of_sync (mixed, 0/2 hosts, 0 owed, 1 failed): main@c is being applied; run 5 is live
        12s alice asks db apply
        declares web; db manual
        13s restart
            -- 1 live
        14s tick
            => fetch infra against c
        14s fetched d after c
        15s status
            -- db out_of_sync (b, 0/1 hosts, 0 owed, 0 failed): main@d is not applied; main@b was attempted last; applied only when a person asks
            -- web out_of_sync (mixed, 0/2 hosts, 0 owed, 1 failed): main@d is not applied; main@c was attempted last; run 5 is live
        ",
    );
}

#[test]
fn a_daemon_with_nothing_to_remember_starts_anew() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s forgets
        2s restart
            -- 0 live
        2s tick
            => fetch infra against nothing
        3s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        ",
    );
}

#[test]
fn an_empty_declaration_runs_nothing() {
    check(
        "
        declares
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s status
        2s sources
            -- infra at main@a, admitted a, next 58.7s
        ",
    );
}
