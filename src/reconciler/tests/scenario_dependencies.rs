//! Stacks that depend on others.

use super::story::check;

#[test]
fn an_apply_waits_until_its_base_attempted_the_same_commit() {
    check(
        "
        declares base; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s status
            -- base unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a is being applied for the first time; run 1 is live
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for base, which is being applied
        2s explain web
            -- waits for base, which is being applied
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a was never applied
            -- because it depends on base, which is being applied
            -- because 1 run of at most 4 is live
        3s finished 1 changed h1
            => start 2 web apply main@a [new_revision] main@a is new
        4s finished 2 changed h2
        5s hinted
            => fetch infra against a
        6s fetched b after a
            => start 3 base apply main@b [new_revision] main@b is new, after main@a
        7s finished 3 changed h1
            => start 4 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

/// Of the first apply of a stack nobody knows its hosts before it asks for them.
#[test]
fn the_check_after_the_apply_of_a_base_keeps_its_hosts_from_who_waits_for_them() {
    check(
        "
        given poll 9h
        declares base; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s asked 1 1 start h1
            => answer 1.1 go
        3s finished 1 changed h1 found change:page@h1
            => start 2 base check main@a [verify] the last apply of main@a changed something: is anything left?
            => start 3 web apply main@a [new_revision] main@a is new
        4s asked 2 1 start h1
            => answer 2.1 go
        5s asked 3 1 start h1
            => answer 3.1 no: h1 is locked: run 2 of infra/base has it
        6s finished 3 refused
        7s finished 2 in_sync h1 found same:page
            => start 4 web apply main@a [new_revision] main@a is new
        8s asked 4 1 start h1
            => answer 4.1 go
        9s finished 4 changed h1
        10s hinted
            => fetch infra against a
        11s fetched b after a
            => start 5 base apply main@b [new_revision] main@b is new, after main@a
        12s asked 5 1 start h1
            => answer 5.1 go
        13s finished 5 changed h1 found change:page@h1
            => start 6 base check main@b [verify] the last apply of main@b changed something: is anything left?
        14s asked 6 1 start h1
            => answer 6.1 go
        15s finished 6 in_sync h1 found same:page
            => start 7 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn a_base_that_failed_is_waited_for_and_the_timer_does_not_spin() {
    check(
        "
        given poll 9h
        declares base; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s finished 1 failed h1:failed
        3s status
            -- base out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed, next 33.5s): 1 host failed in run 1 of main@a; retry in 30s
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for base, which did not succeed at main@a
        3s explain web
            -- waits for base, which did not succeed at main@a
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a was never applied
            -- because it depends on base, which did not succeed at main@a
            -- because 0 runs of at most 4 are live
        wake
            -- at 33.5s
            => start 2 base apply main@a [retry] retry 1 of main@a: the last apply failed 31s ago
        +1s finished 2 changed h1
            => start 3 web apply main@a [new_revision] main@a is new
        ",
    );
}

#[test]
fn owed_hosts_of_a_base_do_not_block() {
    check(
        "
        declares base; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s finished 1 unreachable h1 h2:gone
            => start 2 web apply main@a [new_revision] main@a is new
        ",
    );
}

#[test]
fn an_interrupted_or_errored_base_blocks() {
    check(
        "
        declares base; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s finished 1 errored
        3s status
            -- base unknown (nothing, 0/0 hosts, 0 owed, 0 failed, next 33.5s): run 1 of main@a could not run; retry in 30s
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for base, which did not succeed at main@a
        wake
            -- at 33.5s
            => start 2 base apply main@a [retry] retry 1 of main@a: the last apply could not run 31s ago
        +1s finished 2 interrupted
        +0s status
            -- base unknown (nothing, 0/0 hosts, 0 owed, 0 failed, next 35.6s): run 2 of main@a was interrupted; starts again in 1s
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for base, which did not succeed at main@a
        ",
    );
}

#[test]
fn a_base_that_is_being_applied_again_is_waited_for_a_check_of_it_is_not() {
    check(
        "
        declares base; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
            => start 2 web apply main@a [new_revision] main@a is new
        3s finished 2 failed h2:failed
        4s alice asks base apply on h1
            => start 3 base apply main@a on h1 [person] alice asked for an apply on h1 of main@a
        5s alice asks web apply
        6s status
            -- base in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host; run 3 is live
            -- web out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed): 1 host failed in run 2 of main@a; waits for base, which is being applied
        7s finished 3 changed h1
            => start 4 web apply main@a [person] alice asked for an apply of main@a
        8s finished 4 changed h2
        9s alice asks base check
            => start 5 base check main@a [person] alice asked for a check of main@a
        10s alice asks web apply
            => start 6 web apply main@a [person] alice asked for an apply of main@a
        ",
    );
}

#[test]
fn a_persons_check_does_not_wait_and_a_persons_apply_does() {
    check(
        "
        declares base manual; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s alice asks web check
            => start 1 web check main@a [person] alice asked for a check of main@a
        3s finished 1 drifted h1
        4s alice asks web apply
        5s explain web
            -- waits for base, which was not applied at main@a yet
            -- because it is measured against main@a
            -- because alice asked for an apply; that skips holds and backoff, and nothing else
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a was never applied
            -- because it depends on base, which was not applied at main@a yet
            -- because 0 runs of at most 4 are live
        6s alice asks base apply
            => start 2 base apply main@a [person] alice asked for an apply of main@a
        7s finished 2 changed h1
            => start 3 web apply main@a [person] alice asked for an apply of main@a
        ",
    );
}

#[test]
fn a_person_who_names_another_revision_chose_the_order() {
    check(
        "
        declares base; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
            => start 2 web apply main@a [new_revision] main@a is new
        3s finished 2 changed h1
        4s hinted
            => fetch infra against a
        5s fetched b after a
            => start 3 base apply main@b [new_revision] main@b is new, after main@a
        6s finished 3 failed h1:failed
        7s alice asks web apply at a
            => start 4 web apply main@a [person] alice asked for an apply of main@a
        ",
    );
}

#[test]
fn a_newer_commit_starts_with_the_base_again() {
    check(
        "
        declares base; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
            => start 2 web apply main@a [new_revision] main@a is new
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 3 base apply main@b [new_revision] main@b is new, after main@a
        5s finished 2 changed h2
        6s finished 3 changed h1
            => start 4 web apply main@b [new_revision] main@b is new, after main@a
        7s finished 4 changed h2
        ",
    );
}

#[test]
fn a_chain_and_a_base_of_two() {
    check(
        "
        given runs 9
        declares a; b after a; c after a; d after b c
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 a apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
            => start 2 b apply main@a [new_revision] main@a is new
            => start 3 c apply main@a [new_revision] main@a is new
        3s finished 2 changed h1
        4s finished 3 changed h1
            => start 4 d apply main@a [new_revision] main@a is new
        ",
    );
}

#[test]
fn a_base_that_is_not_declared_is_waited_for_and_named() {
    check(
        "
        declares web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for base, which is not declared
        ",
    );
}

#[test]
fn a_base_that_vanishes_is_not_ready() {
    check(
        "
        declares base; web after base
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 base apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
            => start 2 web apply main@a [new_revision] main@a is new
        declares web after base
        3s hinted
            => fetch infra against a
        4s fetched b after a
        5s finished 2 changed h2
        6s status
            -- web out_of_sync (a, 0/1 hosts, 0 owed, 0 failed): main@b is not applied; main@a was attempted last; waits for base, which is not declared
        ",
    );
}
