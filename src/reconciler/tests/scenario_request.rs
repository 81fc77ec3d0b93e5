//! What persons ask for.

use super::story::check;

#[test]
fn a_person_applies_an_older_commit_and_the_head_waits_for_a_newer_one() {
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
        7s finished 3 changed h1
        8s status
            -- web out_of_sync (a, 0/1 hosts, 0 owed, 0 failed): main@b is not applied; main@a was attempted last; held for 2s: alice applied main@a instead
        8s explain web
            -- nothing runs until a newer commit comes or a person resumes or applies it; held for 2s: alice applied main@a instead
            -- because it is measured against main@b
            -- because main@b is held for 2s: alice applied main@a instead
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@b is not applied; main@a was attempted last
            -- because the last apply, run 3 of main@a, succeeded 1s ago
            -- because hosts: 0 of 1 at main@b, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        9s sleeps
            -- until 65.2s
        10s hinted
            => fetch infra against b
        11s fetched c after b
            => start 4 web apply main@c [new_revision] main@c is new, after main@a
        ",
    );
}

#[test]
fn the_head_comes_back_when_a_person_ends_the_hold() {
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
        7s finished 3 changed h1
        8s bob resumes web
            => start 4 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn a_failed_apply_of_an_older_commit_is_not_retried() {
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
        7s finished 3 failed h1:failed
        8s sleeps
            -- until 65.2s
        9s status
            -- web out_of_sync (b, 1/1 hosts, 0 owed, 1 failed): main@b is not applied; main@a was attempted last; held for 3s: alice applied main@a instead
        10s alice asks web apply
            => start 4 web apply main@b [person] alice asked for an apply of main@b
        ",
    );
}

#[test]
fn a_commit_that_came_after_the_request_is_not_held() {
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
        5s alice asks web apply at a
        6s hinted
            => fetch infra against b
        7s fetched c after b
        8s finished 2 changed h1
            => start 3 web apply main@a [person] alice asked for an apply of main@a
        9s finished 3 changed h1
            => start 4 web apply main@c [new_revision] main@c is new, after main@a
        ",
    );
}

#[test]
fn a_limit_narrows_the_limit_of_the_stack() {
    check(
        "
        declares web limit prod
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a on prod [new_revision] main@a is new
        2s finished 1 changed h1 h2
        3s alice asks web apply on h1
            => start 2 web apply main@a on prod,&h1 [person] alice asked for an apply on h1 of main@a
        4s finished 2 changed h1
        5s alice asks web apply tagged nginx
            => start 3 web apply main@a on prod tagged nginx [person] alice asked for an apply of the tasks tagged nginx of main@a
        6s finished 3 changed h1 h2
        7s alice asks web check on h1,h2 tagged nginx
            => start 4 web check main@a on h1,h2,&prod tagged nginx [person] alice asked for a check of the tasks tagged nginx on h1,h2 of main@a
        ",
    );
}

#[test]
fn a_limit_that_cannot_be_combined_is_not_widened() {
    check(
        "
        declares web limit prod,stage
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a on prod,stage [new_revision] main@a is new
        2s finished 1 changed h1 h2
        3s alice asks web apply on h1,h2
        4s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        5s alice suspends web
        6s alice asks web apply on h1
        7s hinted
            => fetch infra against a
        8s fetched b after a
        declares web limit prod,!h2
        9s hinted
            => fetch infra against b
        10s fetched c after b
        11s alice asks web apply on h1,h2
        declares web limit prod,stage
        12s hinted
            => fetch infra against c
        13s fetched d after c
        14s alice resumes web
            => start 2 web apply main@d on prod,stage [new_revision] main@d is new, after main@a; 2 tips in between were superseded
        ",
    );
}

#[test]
fn a_newer_request_replaces_one_that_waits_but_a_check_never_an_apply() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s alice suspends web
        3s alice asks web check
        4s bob asks web apply
        5s carol asks web check
        6s dave asks web apply on h1
        7s alice resumes web
            => start 1 web apply main@a on h1 [person] dave asked for an apply on h1 of main@a
        8s finished 1 changed h1
        9s sleeps
            -- until 58.7s
        ",
    );
}

#[test]
fn a_request_during_a_run_is_answered_after_it() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s alice asks web check
        3s finished 1 changed h1
            => start 2 web check main@a [person] alice asked for a check of main@a
        4s bob asks web apply
        5s finished 2 in_sync h1
            => start 3 web apply main@a [person] bob asked for an apply of main@a
        6s finished 3 in_sync h1
        ",
    );
}
