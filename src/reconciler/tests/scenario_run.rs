//! What is run, and at which revision.

use super::story::check;

#[test]
fn a_new_commit_is_applied_once() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a is being applied for the first time; run 1 is live
        3s finished 1 changed h1 h2
        4s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        4s explain web
            -- nothing is owed: the next commit starts a run
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a is applied on all 2 hosts
            -- because the last apply, run 1 of main@a, succeeded 1s ago
            -- because hosts: 2 of 2 at main@a, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        5s hinted
            => fetch infra against a
        6s fetched a same
        7s hinted
            => fetch infra against a
        8s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        9s finished 2 in_sync h1 h2
        10s status
            -- web in_sync (b, 2/2 hosts, 0 owed, 0 failed): main@b is applied on all 2 hosts
        ",
    );
}

#[test]
fn a_live_apply_is_not_cancelled_and_the_newest_commit_wins_next() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s hinted
            => fetch infra against a
        3s fetched b after a
        4s hinted
            => fetch infra against b
        5s fetched c after b
        6s hinted
            => fetch infra against c
        7s fetched d after c
        8s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@d is not applied; main@a was attempted last; run 1 is live
        9s finished 1 changed h1
            => start 2 web apply main@d [new_revision] main@d is new, after main@a; 2 tips in between were superseded
        10s finished 2 changed h1
        11s status
            -- web in_sync (d, 1/1 hosts, 0 owed, 0 failed): main@d is applied on 1 host
        ",
    );
}

#[test]
fn one_tip_in_between() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s hinted
            => fetch infra against a
        3s fetched b after a
        4s hinted
            => fetch infra against b
        5s fetched c after b
        9s finished 1 failed h1:failed
            => start 2 web apply main@c [new_revision] main@c is new, after main@a; 1 tip in between was superseded
        ",
    );
}

#[test]
fn a_manual_stack_is_never_applied_unasked() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; applied only when a person asks
        2s explain web
            -- nothing runs until a person asks (`driftless apply`)
            -- because it is measured against main@a
            -- because it is applied only when a person asks (`apply: manual`)
            -- because main@a was never applied
            -- because 0 runs of at most 4 are live
        3s alice asks web apply
            => start 1 web apply main@a [person] alice asked for an apply of main@a
        4s finished 1 failed h1:failed
        5s status
            -- web out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed): 1 host failed in run 1 of main@a; applied only when a person asks
        6s sleeps
            -- until 58.7s
        1h tick
            => fetch infra against a
        +1s fetched b after a
        +1s sleeps
            -- until 3660.8s
        ",
    );
}

#[test]
fn an_interrupted_apply_that_a_person_asked_for_is_owed_again_even_on_a_manual_stack() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s alice asks web apply
            => start 1 web apply main@a [person] alice asked for an apply of main@a
        3s restart
            -- 1 live
        3s finished 1 interrupted h1:cut
            => fetch infra against a
        3s explain web
            -- starts again in 1s
            -- because it is measured against main@a
            -- because alice asked for an apply; that skips holds and backoff, and nothing else
            -- because 1 run of it in a row was interrupted
            -- because it is applied only when a person asks (`apply: manual`)
            -- because run 1 of main@a was interrupted
            -- because the last apply, run 1 of main@a, was interrupted just now
            -- because 0 runs of at most 4 are live
        wake
            -- at 4.0s
            => start 2 web apply main@a [person] alice asked for an apply of main@a
        +1s finished 2 changed h1
        +1s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        +1s sleeps
            -- until an event
        ",
    );
}

#[test]
fn a_failed_check_is_never_retried_as_an_apply_and_touches_nothing() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s alice asks web check
            => start 2 web check main@a [person] alice asked for a check of main@a
        4s finished 2 failed h1:failed
        5s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        6s sleeps
            -- until 58.7s
        10m tick
            => fetch infra against a
        10m fetched a same
        10m sleeps
            -- until 658.2s
        ",
    );
}

#[test]
fn a_check_that_finds_differences_changes_no_ledger() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 h2
        3s alice asks web check
            => start 2 web check main@a [person] alice asked for a check of main@a
        4s finished 2 drifted h1 h2:gone h3
        5s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        ",
    );
}

#[test]
fn endings_of_unknown_and_finished_runs_change_nothing() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 9 failed h1:failed
        3s finished 1 changed h1
        4s finished 1 failed h1:failed
        5s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        ",
    );
}
