//! What persons want: suspend, resume, cancel.

use super::story::check;

#[test]
fn a_suspended_stack_starts_nothing_until_it_is_resumed() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice suspends web
        3s finished 1 failed h1:failed
        4s status
            -- web out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed): 1 host failed in run 1 of main@a; suspended by alice 2s ago
        5s hinted
            => fetch infra against a
        6s fetched b after a
        7s bob suspends web
        8s status
            -- web unknown (nothing, 0/1 hosts, 0 owed, 1 failed): main@b is not applied; main@a was attempted last; suspended by alice 6s ago
        8s explain web
            -- nothing runs until a person resumes it: suspended by alice 6s ago
            -- because it is measured against main@b
            -- because alice suspended it 6s ago: nothing runs, not even on request
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@b is not applied; main@a was attempted last
            -- because the last apply, run 1 of main@a, failed 5s ago
            -- because hosts: 0 of 1 at main@b, 0 owed, 1 failed
            -- because 0 runs of at most 4 are live
        9s carol resumes web
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn a_request_does_not_skip_a_suspension() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s alice suspends web
        4s bob asks web apply
        5s explain web
            -- nothing runs until a person resumes it: suspended by alice 2s ago
            -- because it is measured against main@a
            -- because alice suspended it 2s ago: nothing runs, not even on request; the request waits until it is resumed
            -- because bob asked for an apply; that skips holds and backoff, and nothing else
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a is applied on 1 host
            -- because the last apply, run 1 of main@a, succeeded 3s ago
            -- because hosts: 1 of 1 at main@a, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        6s alice resumes web
            => start 2 web apply main@a [person] bob asked for an apply of main@a
        ",
    );
}

#[test]
fn what_was_cancelled_is_held_until_a_newer_commit() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice cancels 1
            => cancel 1: alice cancelled run 1
        3s finished 1 cancelled h1:cut
        4s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 1 of main@a was cancelled; held for 2s: alice cancelled run 1
        4s explain web
            -- nothing runs until a newer commit comes or a person resumes or applies it; held for 2s: alice cancelled run 1
            -- because it is measured against main@a
            -- because main@a is held for 2s: alice cancelled run 1
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because run 1 of main@a was cancelled
            -- because the last apply, run 1 of main@a, was cancelled 1s ago
            -- because 0 runs of at most 4 are live
        5s sleeps
            -- until 31169.8s
        6s hinted
            => fetch infra against a
        7s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn what_was_cancelled_is_owed_at_once_when_a_person_resumes() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice cancels 1
            => cancel 1: alice cancelled run 1
        3s finished 1 cancelled h1:cut
        4s bob resumes web
            => start 2 web apply main@a [retry] main@a again: the last apply was cancelled 1s ago
        ",
    );
}

#[test]
fn a_request_ends_the_hold() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice cancels 1
            => cancel 1: alice cancelled run 1
        3s finished 1 cancelled h1:cut
        4s bob asks web apply
            => start 2 web apply main@a [person] bob asked for an apply of main@a
        5s finished 2 failed h1:failed
        6s status
            -- web out_of_sync (nothing, 0/1 hosts, 1 owed, 1 failed, next 35.7s): 1 host failed in run 2 of main@a, 1 owed; retry in 29s
        wake
            -- at 35.7s
            => start 3 web apply main@a [retry] retry 1 of main@a: the last apply failed 30s ago
        ",
    );
}

#[test]
fn a_check_or_a_limited_apply_does_not_end_the_hold() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice cancels 1
            => cancel 1: alice cancelled run 1
        3s finished 1 cancelled h1:cut
        4s bob asks web check
            => start 2 web check main@a [person] bob asked for a check of main@a
        5s finished 2 drifted h1
        6s bob asks web apply on h1
            => start 3 web apply main@a on h1 [person] bob asked for an apply on h1 of main@a
        7s finished 3 changed h1
        8s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 1 of main@a was cancelled; held for 6s: alice cancelled run 1
        ",
    );
}

#[test]
fn cancel_and_suspend() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice cancels 1 suspend
            => cancel 1: alice cancelled run 1
        3s finished 1 cancelled
        4s hinted
            => fetch infra against a
        5s fetched b after a
        6s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@b is not applied; main@a was attempted last; suspended by alice 4s ago
        7s alice resumes web
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn repeated_cancels_are_said_once_and_may_still_suspend() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice cancels 1
            => cancel 1: alice cancelled run 1
        3s bob cancels 1
        4s carol cancels 1 suspend
        5s finished 1 cancelled
        6s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 1 of main@a was cancelled; suspended by carol 2s ago
        ",
    );
}

#[test]
fn a_cancel_that_comes_too_late_holds_nothing() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice cancels 1
            => cancel 1: alice cancelled run 1
        3s finished 1 changed h1
        4s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        5s alice cancels 1
        6s bob cancels 7
        7s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        ",
    );
}

#[test]
fn a_cancelled_run_that_ends_otherwise_is_held_all_the_same() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice cancels 1
            => cancel 1: alice cancelled run 1
        3s finished 1 failed h1:failed
        4s status
            -- web out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed): 1 host failed in run 1 of main@a; held for 2s: alice cancelled run 1
        ",
    );
}

#[test]
fn a_cancel_outlives_the_daemon() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice asks web apply
        3s finished 1 changed h1
            => start 2 web apply main@a [person] alice asked for an apply of main@a
        4s alice cancels 2
            => cancel 2: alice cancelled run 2
        5s restart
            -- 1 live
        5s finished 2 interrupted h1:cut
            => fetch infra against a
        6s status
            -- web unknown (a, 1/1 hosts, 1 owed, 0 failed): run 2 of main@a was interrupted; held for 2s: alice cancelled run 2
        6s fetched a same
        10m status
            -- web unknown (a, 1/1 hosts, 1 owed, 0 failed): run 2 of main@a was interrupted; held for 9m 56s: alice cancelled run 2
        ",
    );
}

#[test]
fn a_cancelled_check_holds_nothing() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s alice asks web check
            => start 2 web check main@a [person] alice asked for a check of main@a
        4s alice cancels 2
            => cancel 2: alice cancelled run 2
        5s finished 2 cancelled
        6s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        7s hinted
            => fetch infra against a
        8s fetched b after a
            => start 3 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn cancelling_an_older_commit_does_not_bring_the_head_back() {
    check(
        "
        given poll 9h
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
        7s alice cancels 3
            => cancel 3: alice cancelled run 3
        8s finished 3 cancelled h1:cut
        9s status
            -- web out_of_sync (b, 1/1 hosts, 1 owed, 0 failed): main@b is not applied; main@a was attempted last; held for 3s: alice applied main@a instead
        10s sleeps
            -- until 33052.0s
        ",
    );
}

#[test]
fn cancelling_a_run_that_is_not_of_the_head_does_not_hold_the_head() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s hinted
            => fetch infra against a
        3s fetched b after a
        4s alice cancels 1
            => cancel 1: alice cancelled run 1
        5s finished 1 cancelled h1:cut
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn a_run_that_ends_cancelled_without_an_order_is_held() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 cancelled h1:cut
        3s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 1 of main@a was cancelled; held for 1s: run 1 was cancelled
        ",
    );
}

#[test]
fn unknown_stacks_and_runs_change_nothing() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice asks nope apply
        3s alice asks other/web apply
        4s alice suspends nope
        5s alice resumes nope
        6s alice cancels 12 suspend
        7s explain nope
            -- nobody knows it
        8s finished 1 changed h1
        9s alice resumes web
        10s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        ",
    );
}
