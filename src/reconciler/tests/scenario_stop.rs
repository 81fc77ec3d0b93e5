//! The daemon stops.

use super::story::check;

#[test]
fn with_nothing_live_the_daemon_exits_at_once_and_once() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s shutdown
            => exit
        4s shutdown
        5s tick
        6s sleeps
            -- until an event
        ",
    );
}

#[test]
fn checks_end_at_once_and_applies_get_their_time() {
    check(
        "
        given drain 10m
        declares web; db
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 db apply main@a [new_revision] main@a is new
            => start 2 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s alice asks db check
            => start 3 db check main@a [person] alice asked for a check of main@a
        4s finished 2 changed h2
        5s alice asks web apply
            => start 4 web apply main@a [person] alice asked for an apply of main@a
        6s shutdown
            => interrupt 3: the daemon is stopping, and a check loses nothing
        7s shutdown
        8s status
            -- db in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host; run 3 is live
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host and is applied again; run 4 is live
        8s explain web
            -- run 4 is live
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a is applied on 1 host and is applied again
            -- because run 4 began to apply main@a 3s ago
            -- because hosts: 1 of 1 at main@a, 0 owed, 0 failed
            -- because 2 runs of at most 4 are live; the daemon is stopping and starts no more
        9s finished 3 interrupted
        10s sleeps
            -- until 606.0s
        wake
            -- at 606.0s
            => interrupt 4: the daemon is stopping, and 10m to end were given
        +0s tick
        +1s sleeps
            -- until an event
        +1s finished 4 interrupted h1:cut
            => exit
        +1s tick
        ",
    );
}

#[test]
fn an_apply_that_ends_in_time_is_not_interrupted_and_nothing_new_starts() {
    check(
        "
        declares web; db after web
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s shutdown
        3s hinted
        4s alice asks db check
        5s finished 1 changed h1
            => exit
        6s tick
        ",
    );
}

#[test]
fn a_commit_that_arrives_while_stopping_is_kept_for_the_next_daemon() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s hinted
            => fetch infra against a
        3s shutdown
        4s fetched b after a
        5s finished 1 changed h1
            => exit
        6s restart
            -- 0 live
        7s tick
            => fetch infra against b
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn a_request_that_arrives_while_stopping_is_kept_for_the_next_daemon() {
    check(
        "
        declares web manual; db
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 db apply main@a [new_revision] main@a is new
        2s shutdown
        3s alice asks web apply
        4s finished 1 changed h1
            => exit
        5s restart
            -- 0 live
        6s tick
            => fetch infra against a
            => start 2 web apply main@a [person] alice asked for an apply of main@a
        ",
    );
}

#[test]
fn a_person_may_cancel_while_the_daemon_stops_even_what_is_being_interrupted() {
    check(
        "
        given drain 1m
        declares web; db
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 db apply main@a [new_revision] main@a is new
            => start 2 web apply main@a [new_revision] main@a is new
        2s shutdown
        3s alice cancels 1
            => cancel 1: alice cancelled run 1
        4s sleeps
            -- until 62.0s
        wake
            -- at 62.0s
            => interrupt 2: the daemon is stopping, and 1m to end were given
        +1s bob cancels 2
            => cancel 2: bob cancelled run 2
        +1s carol cancels 2
        +1s finished 2 cancelled h1:cut
        +1s finished 1 cancelled h1:cut
            => exit
        +1s restart
            -- 0 live
        +1s status
            -- db unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 1 of main@a was cancelled; held for 1m 5s: alice cancelled run 1
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 2 of main@a was cancelled; held for 5s: bob cancelled run 2
        ",
    );
}

#[test]
fn what_was_interrupted_by_the_stop_is_owed_by_the_next_daemon() {
    check(
        "
        given drain 1m
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s shutdown
        wake
            -- at 62.0s
            => interrupt 1: the daemon is stopping, and 1m to end were given
        +1s finished 1 interrupted h1:cut h2:cut
            => exit
        +9s restart
            -- 0 live
        +0s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 1 of main@a was interrupted; starts at once
        +0s tick
            => fetch infra against a
            => start 2 web apply main@a [retry] main@a again: the last apply was interrupted 9s ago
        ",
    );
}

#[test]
fn a_drain_does_not_start_with_a_new_timeout() {
    check(
        "
        given drain 10m
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s shutdown
        3s reconfigured drain 1h
        4s sleeps
            -- until 602.0s
        ",
    );
}
