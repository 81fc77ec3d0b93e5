//! How many runs are live at once, and whose turn it is.

use super::story::check;

#[test]
fn no_more_runs_than_allowed_and_whoever_waits_longest_is_next() {
    check(
        "
        given runs 1
        declares a; b; c
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 a apply main@a [new_revision] main@a is new
        2s status
            -- a unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a is being applied for the first time; run 1 is live
            -- b unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for a free place among the live runs
            -- c unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for a free place among the live runs
        2s explain c
            -- waits for a free place among the live runs
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a was never applied
            -- because 1 run of at most 1 is live
        3s finished 1 failed h1:failed
            => start 2 b apply main@a [new_revision] main@a is new
        wake
            -- at 35.5s
        +1s finished 2 changed h1
            => start 3 c apply main@a [new_revision] main@a is new
        +1s finished 3 changed h1
            => start 4 a apply main@a [retry] retry 1 of main@a: the last apply failed 34s ago
        +1s finished 4 changed h1
        ",
    );
}

#[test]
fn a_person_who_waits_for_a_change_goes_first() {
    check(
        "
        given runs 1
        declares a; b; c; d
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 a apply main@a [new_revision] main@a is new
        2s alice asks d apply
        3s finished 1 changed h1
            => start 2 d apply main@a [person] alice asked for an apply of main@a
        4s bob asks a check
        5s finished 2 changed h1
            => start 3 b apply main@a [new_revision] main@a is new
        6s finished 3 changed h1
            => start 4 c apply main@a [new_revision] main@a is new
        7s finished 4 changed h1
            => start 5 a check main@a [person] bob asked for a check of main@a
        ",
    );
}

#[test]
fn a_retry_that_is_due_while_all_places_are_taken_does_not_wake_anybody() {
    check(
        "
        given runs 1
        given poll 9h
        declares a; b
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 a apply main@a [new_revision] main@a is new
        2s finished 1 failed h1:failed
            => start 2 b apply main@a [new_revision] main@a is new
        3s sleeps
            -- until 34.5s
        5m tick
        5m sleeps
            -- until 31169.8s
        6m finished 2 changed h1
            => start 3 a apply main@a [retry] retry 1 of main@a: the last apply failed 5m 58s ago
        ",
    );
}

#[test]
fn a_lowered_limit_ends_no_run_but_starts_none() {
    check(
        "
        declares a; b; c
        given runs 3
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 a apply main@a [new_revision] main@a is new
            => start 2 b apply main@a [new_revision] main@a is new
            => start 3 c apply main@a [new_revision] main@a is new
        2s reconfigured runs 1
            => fetch infra against a
        3s fetched a same
        4s finished 1 failed h1:failed
        5s finished 2 changed h1
        wake
            -- at 36.5s
        ",
    );
}

#[test]
fn a_raised_limit_starts_more_at_once() {
    check(
        "
        declares a; b; c
        given runs 1
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 a apply main@a [new_revision] main@a is new
        2s reconfigured runs 2
            => fetch infra against a
            => start 2 b apply main@a [new_revision] main@a is new
        ",
    );
}

#[test]
fn a_base_that_starts_in_the_same_moment_is_waited_for() {
    check(
        "
        given runs 1
        declares base; web after base; x
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
            => start 2 x apply main@a [new_revision] main@a is new
        3s status
            -- base in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for a free place among the live runs
            -- x unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a is being applied for the first time; run 2 is live
        4s finished 2 changed h1
            => start 3 web apply main@a [new_revision] main@a is new
        5s alice asks base apply
        6s alice asks web apply
        7s reconfigured runs 3
            => fetch infra against a
            => start 4 base apply main@a [person] alice asked for an apply of main@a
        8s finished 3 changed h1
        9s finished 4 changed h1
            => start 5 web apply main@a [person] alice asked for an apply of main@a
        ",
    );
}

#[test]
fn what_became_due_between_deciding_and_sleeping_is_not_slept_over() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 failed h1:failed
        5m sleeps
            -- until 300.0s
        wake
            -- at 300.0s
            => start 2 web apply main@a [retry] retry 1 of main@a: the last apply failed 4m 58s ago
        ",
    );
}
