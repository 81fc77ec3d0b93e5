//! Retries of applies.

use super::story::check;

#[test]
fn pauses_double_up_to_the_longest_and_a_success_forgets_them() {
    check(
        "
        given retry 30s 5m
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        given poll 9h
        1s reconfigured
            => fetch infra against a
        2s fetched a same
        10s finished 1 failed h1:failed
        wake
            -- at 42.6s
            => start 2 web apply main@a [retry] retry 1 of main@a: the last apply failed 32s ago
        +0s finished 2 failed h1:failed
        wake
            -- at 104.0s
            => start 3 web apply main@a [retry] retry 2 of main@a: the last apply failed 1m 1s ago
        +0s finished 3 timed_out h1:cut
        wake
            -- at 232.2s
            => start 4 web apply main@a [retry] retry 3 of main@a: the last apply took too long 2m 8s ago
        +0s finished 4 errored
        wake
            -- at 479.4s
            => start 5 web apply main@a [retry] retry 4 of main@a: the last apply could not run 4m 7s ago
        +0s finished 5 failed h1:failed
        wake
            -- at 798.0s
            => start 6 web apply main@a [retry] retry 5 of main@a: the last apply failed 5m 18s ago
        +0s finished 6 failed h1:failed
        +0s status
            -- web out_of_sync (nothing, 0/1 hosts, 1 owed, 1 failed, next 1126.2s): 1 host failed in run 6 of main@a, 1 owed; retry in 5m 28s
        wake
            -- at 1126.2s
            => start 7 web apply main@a [retry] retry 6 of main@a: the last apply failed 5m 28s ago
        +0s finished 7 changed h1
        +0s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        +0s alice asks web apply
            => start 8 web apply main@a [person] alice asked for an apply of main@a
        +0s finished 8 failed h1:failed
        wake
            -- at 1158.3s
            => start 9 web apply main@a [retry] retry 1 of main@a: the last apply failed 32s ago
        ",
    );
}

#[test]
fn a_newer_commit_does_not_wait_and_starts_from_the_first_pause() {
    check(
        "
        given retry 1m 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 failed h1:failed
        3s alice asks web apply
            => start 2 web apply main@a [person] alice asked for an apply of main@a
        4s finished 2 failed h1:failed
        5s alice asks web apply
            => start 3 web apply main@a [person] alice asked for an apply of main@a
        6s finished 3 failed h1:failed
        7s status
            -- web out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed, next 262.3s): 1 host failed in run 3 of main@a; retry in 4m 15s
        8s hinted
            => fetch infra against a
        9s fetched b after a
            => start 4 web apply main@b [new_revision] main@b is new, after main@a
        10s finished 4 failed h1:failed
        11s status
            -- web out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed, next 71.8s): 1 host failed in run 4 of main@b; retry in 1m
        ",
    );
}

#[test]
fn a_person_does_not_wait_for_the_backoff() {
    check(
        "
        given retry 30m 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 failed h1:failed
        3s alice asks web apply
            => start 2 web apply main@a [person] alice asked for an apply of main@a
        4s finished 2 failed h1:failed
        5s status
            -- web out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed, next 3690.4s): 1 host failed in run 2 of main@a; retry in 1h 1m
        5s explain web
            -- retry in 1h 1m
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because 1 host failed in run 2 of main@a
            -- because the last apply, run 2 of main@a, failed 1s ago
            -- because a retry is due in 1h 1m, after 2 failures in a row
            -- because hosts: 0 of 1 at main@a, 0 owed, 1 failed
            -- because 0 runs of at most 4 are live
        ",
    );
}

#[test]
fn hosts_that_did_not_answer_are_owed_and_caught_up() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        10s finished 1 unreachable h1 h2:gone
        11s status
            -- web out_of_sync (mixed, 1/2 hosts, 1 owed, 0 failed, next 42.6s): main@a is applied on 1 of 2 hosts, 1 owed; hosts do not answer; asked again in 31s
        11s explain web
            -- hosts do not answer; asked again in 31s
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a is applied on 1 of 2 hosts, 1 owed
            -- because the last apply, run 1 of main@a, did not reach all hosts 1s ago
            -- because a retry is due in 31s, after 1 failure in a row
            -- because hosts: 1 of 2 at main@a, 1 owed, 0 failed
            -- because 0 runs of at most 4 are live
        wake
            -- at 42.6s
            => probe web h2: can h2 be reached, and is nothing under way there?
        +1s probed web
        +0s status
            -- web out_of_sync (mixed, 1/2 hosts, 1 owed, 0 failed, next 73.6s): main@a is applied on 1 of 2 hosts, 1 owed; hosts do not answer; asked again in 30s
        wake
            -- at 73.6s
            => probe web h2: can h2 be reached, and is nothing under way there?
        +1s probed web h2
            => start 2 web apply main@a [owed_hosts] 1 host is owed main@a and did not answer before
        +1s finished 2 changed h1 h2
        +0s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        +0s sleeps
            -- until 31169.8s
        ",
    );
}

#[test]
fn a_setup_that_says_when_is_tried_then() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        10s finished 1 errored retry after 20m
        wake
            -- at 1210.0s
            => start 2 web apply main@a [retry] retry 1 of main@a: the last apply could not run 20m ago
        +0s finished 2 errored retry after 1s
        wake
            -- at 1271.4s
            => start 3 web apply main@a [retry] retry 2 of main@a: the last apply could not run 1m 1s ago
        +0s finished 3 errored retry
        wake
            -- at 1399.6s
            => start 4 web apply main@a [retry] retry 3 of main@a: the last apply could not run 2m 8s ago
        ",
    );
}

#[test]
fn a_setup_that_needs_a_change_is_retried_slowly_and_at_once_after_a_change() {
    check(
        "
        given poll 9h
        given retry 30s 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        10s finished 1 errored retry until changed
        11s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed, next 3923.2s): run 1 of main@a could not run: no route to host; retry in 1h 5m
        wake
            -- at 3923.2s
            => start 2 web apply main@a [retry] retry 1 of main@a: the last apply could not run 1h 5m ago
        +0s finished 2 errored retry until changed
        +9s reconfigured
            => fetch infra against a
            => start 3 web apply main@a [retry] main@a again: the last apply could not run 9s ago
        +9s fetched a same
        +9s finished 3 errored retry until changed
        +1s hinted
            => fetch infra against a
        +1s fetched b after a
            => start 4 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn a_failed_apply_does_not_profit_from_a_changed_configuration() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 failed h1:failed
        3s reconfigured
            => fetch infra against a
        4s status
            -- web out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed, next 34.6s): 1 host failed in run 1 of main@a; retry in 30s
        ",
    );
}

#[test]
fn interruptions_have_short_growing_pauses_and_are_no_failures() {
    check(
        "
        given poll 9h
        given retry 30s 10s
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s restart
            -- 1 live
        2s finished 1 interrupted h1:cut
            => fetch infra against a
        3s fetched a same
        wake
            -- at 3.0s
            => start 2 web apply main@a [retry] main@a again: the last apply was interrupted 1s ago
        +1s finished 2 interrupted h1:cut
        wake
            -- at 6.1s
            => start 3 web apply main@a [retry] main@a again: the last apply was interrupted 2s ago
        +1s finished 3 interrupted h1:cut
        wake
            -- at 11.4s
            => start 4 web apply main@a [retry] main@a again: the last apply was interrupted 4s ago
        +1s finished 4 interrupted h1:cut
        wake
            -- at 20.6s
            => start 5 web apply main@a [retry] main@a again: the last apply was interrupted 8s ago
        +1s finished 5 interrupted h1:cut
        wake
            -- at 32.2s
            => start 6 web apply main@a [retry] main@a again: the last apply was interrupted 10s ago
        +1s restart
            -- 1 live
        +0s finished 6 interrupted h1:cut
            => fetch infra against a
        +0s explain web
            -- starts again in 10s
            -- because it is measured against main@a
            -- because 6 runs of it in a row were interrupted
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because run 6 of main@a was interrupted
            -- because the last apply, run 6 of main@a, was interrupted just now
            -- because a retry is due in 10s
            -- because 0 runs of at most 4 are live
        +0s fetched a same
        wake
            -- at 44.2s
            => start 7 web apply main@a [retry] main@a again: the last apply was interrupted 10s ago
        +1s finished 7 failed h1:failed
        +0s status
            -- web out_of_sync (nothing, 0/1 hosts, 1 owed, 1 failed, next 55.3s): 1 host failed in run 7 of main@a, 1 owed; retry in 10s
        wake
            -- at 55.3s
            => start 8 web apply main@a [retry] retry 1 of main@a: the last apply failed 10s ago
        +1s finished 8 interrupted
        +0s status
            -- web unknown (nothing, 0/1 hosts, 1 owed, 1 failed, next 57.4s): run 8 of main@a was interrupted; starts again in 1s
        ",
    );
}

#[test]
fn a_newer_commit_does_not_wait_for_the_pause_of_an_interrupted_one() {
    check(
        "
        given retry 1h 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 interrupted
        wake
            -- at 3.0s
            => start 2 web apply main@a [retry] main@a again: the last apply was interrupted 1s ago
        +0s finished 2 interrupted
        wake
            -- at 5.1s
            => start 3 web apply main@a [retry] main@a again: the last apply was interrupted 2s ago
        +0s finished 3 interrupted
        wake
            -- at 9.4s
            => start 4 web apply main@a [retry] main@a again: the last apply was interrupted 4s ago
        +0s finished 4 interrupted
        +1s hinted
            => fetch infra against a
        +1s fetched b after a
            => start 5 web apply main@b [new_revision] main@b is new, after main@a
        +1s finished 5 interrupted
        +0s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed, next 13.4s): run 5 of main@b was interrupted; starts again in 1s
        ",
    );
}

#[test]
fn a_refusal_is_no_failure_and_no_attempt() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 refused
        3s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed, next 34.6s): main@a was never applied; the last run was refused; retry in 31s
        4s sleeps
            -- until 34.6s
        wake
            -- at 34.6s
            => start 2 web apply main@a [new_revision] main@a is new
        +1s finished 2 changed h1
        +1s alice asks web apply
            => start 3 web apply main@a [person] alice asked for an apply of main@a
        +1s finished 3 refused
        +0s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed, next 69.6s): main@a is applied on 1 host; the last run was refused; retry in 32s
        wake
            -- at 69.6s
            => start 4 web apply main@a [person] alice asked for an apply of main@a
        +1s finished 4 in_sync h1
        +0s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        +0s sleeps
            -- until 31169.8s
        ",
    );
}

#[test]
fn a_newer_commit_or_a_person_does_not_wait_after_a_refusal() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 refused
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new; 1 tip in between was superseded
        5s finished 2 refused
        6s alice asks web apply
            => start 3 web apply main@b [person] alice asked for an apply of main@b
        ",
    );
}
