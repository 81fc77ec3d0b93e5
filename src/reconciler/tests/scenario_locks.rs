//! Who may touch which host when.

use super::story::check;

#[test]
fn two_stacks_never_apply_to_the_same_host_at_once() {
    check(
        "
        given poll 9h
        declares db; web
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 db apply main@a [new_revision] main@a is new
            => start 2 web apply main@a [new_revision] main@a is new
        2s asked 1 1 start h1=10.0.0.1
            => answer 1.1 go
        3s asked 2 1 start web1=10.0.0.1 web2
            => answer 2.1 no: 10.0.0.1 is locked: run 1 of infra/db has it
        4s finished 2 refused
        5s status
            -- db unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a is being applied for the first time; run 1 is live
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for 10.0.0.1: run 1 of infra/db has it
        6s finished 1 in_sync h1
            => start 3 web apply main@a [new_revision] main@a is new
        7s asked 3 1 start web1=10.0.0.1 web2
            => answer 3.1 go
        ",
    );
}

#[test]
fn hosts_on_which_something_may_be_left_stay_locked_until_a_probe_finds_nothing() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s asked 1 1 start h1 h2
            => answer 1.1 go
        3s finished 1 timed_out h1:cut h2:cut found flight:h1
            => probe web h1: can h1 be reached, and is nothing under way there?
        +1s probed web h1 busy h1
        +0s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed, next 35.6s): run 1 of main@a took too long; retry in 31s
        wake
            -- at 9.0s
            => probe web h1: can h1 be reached, and is nothing under way there?
        +1s probed web h1
        wake
            -- at 35.6s
            => start 2 web apply main@a [retry] retry 1 of main@a: the last apply took too long 32s ago
        ",
    );
}

#[test]
fn far_fewer_hosts_than_before_wait_for_a_person() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s asked 1 1 start h1 h2 h3 h4
            => answer 1.1 go
        3s finished 1 changed h1 h2 h3 h4
        4s hinted
            => fetch infra against a
        5s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        6s asked 2 1 start h1
            => answer 2.1 no: 3 of 4 hosts of the last apply are missing (h2, h3, h4); a person has to approve it
        7s finished 2 refused
        8s status
            -- web out_of_sync (a, 0/4 hosts, 0 owed, 0 failed): main@b is not applied; main@a was attempted last; waits for a person for 2s: 3 of 4 hosts of the last apply are missing (h2, h3, h4)
        9s explain web
            -- nothing is applied until a newer commit comes or a person approves it: 3 of 4 hosts of the last apply are missing (h2, h3, h4)
            -- because it is measured against main@b
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@b is not applied; main@a was attempted last
            -- because the last apply, run 1 of main@a, succeeded 6s ago
            -- because hosts: 0 of 4 at main@b, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        10s alice lets web
            => start 3 web apply main@b [new_revision] main@b is new, after main@a
        11s asked 3 1 start h1
            => answer 3.1 go
        12s finished 3 changed h1
        ",
    );
}

#[test]
fn a_play_that_is_for_all_hosts_now_waits_for_a_person() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s asked 1 1 start h1 h2
            => answer 1.1 go
        3s finished 1 changed h1 h2
        4s hinted
            => fetch infra against a
        5s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        6s asked 2 1 start h1 h2 h3 everything all
            => answer 2.1 no: the play `all` is for all 3 hosts of the inventory now, and 2 were meant before; a person has to approve it
        7s finished 2 refused
        8s hinted
            => fetch infra against b
        9s fetched c after b
            => start 3 web apply main@c [new_revision] main@c is new, after main@a; 1 tip in between was superseded
        ",
    );
}

#[test]
fn whoever_waits_longest_for_a_host_gets_it() {
    check(
        "
        given poll 9h
        declares app; db; web
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 app apply main@a [new_revision] main@a is new
            => start 2 db apply main@a [new_revision] main@a is new
            => start 3 web apply main@a [new_revision] main@a is new
        2s asked 2 1 start h1
            => answer 2.1 go
        3s asked 3 1 start h1 h2
            => answer 3.1 no: h1 is locked: run 2 of infra/db has it
        4s finished 3 refused
        5s asked 1 1 start h2
            => answer 1.1 no: h2 is locked: infra/web waits for it longer
        6s finished 1 refused
        7s finished 2 in_sync h1
            => start 4 web apply main@a [new_revision] main@a is new
        8s asked 4 1 start h1 h2
            => answer 4.1 go
        ",
    );
}

#[test]
fn an_approval_is_of_what_was_shown() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s asked 1 1 start h1 h2 h3 h4
            => answer 1.1 go
        3s finished 1 changed h1 h2 h3 h4
        4s hinted
            => fetch infra against a
        5s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        6s asked 2 1 start h1
            => answer 2.1 no: 3 of 4 hosts of the last apply are missing (h2, h3, h4); a person has to approve it
        7s finished 2 refused
        8s alice lets web
            => start 3 web apply main@b [new_revision] main@b is new, after main@a
        9s asked 3 1 start h2
            => answer 3.1 no: 3 of 4 hosts of the last apply are missing (h1, h3, h4); a person has to approve it
        10s finished 3 refused
        11s explain web
            -- nothing is applied until a newer commit comes or a person approves it: 3 of 4 hosts of the last apply are missing (h1, h3, h4)
            -- because it is measured against main@b
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@b is not applied; main@a was attempted last
            -- because the last apply, run 1 of main@a, succeeded 8s ago
            -- because hosts: 0 of 4 at main@b, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        ",
    );
}
