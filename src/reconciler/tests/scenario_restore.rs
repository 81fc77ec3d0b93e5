//! The daemon begins with the state of a backup.

use super::story::check;

#[test]
fn what_was_done_at_the_backup_is_not_done_again_and_looks_are_spread() {
    check(
        "
        declares web check 30m; db check 30m; app check 30m
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 app apply main@a [new_revision] main@a is new
            => start 2 db apply main@a [new_revision] main@a is new
            => start 3 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        2s finished 2 changed h2
        2s finished 3 changed h3
        3s backup
        100h restore
            => fetch infra against a
        +1s fetched a same
        +0s status
            -- app in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
            -- db in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        wake
            -- at 360007.6s
            => start 1004 db check main@a [schedule] it is time to look for drift at main@a
        wake
            -- at 360016.8s
            => start 1005 app check main@a [schedule] it is time to look for drift at main@a
        wake
            -- at 360019.2s
            => start 1006 web check main@a [schedule] it is time to look for drift at main@a
        ",
    );
}

#[test]
fn a_run_that_was_live_at_the_backup_is_interrupted_and_tried_again_after_a_look() {
    check(
        "
        declares web check 30m
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        3s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        4s backup
        5s finished 2 changed h1
        100h restore
            => fetch infra against b
        +1s finished 2 interrupted h1:cut
        +5s tick
        +0s explain web
            -- waits: its state is that of a backup, so its source is fetched first
            -- because it is measured against main@b
            -- because 1 run of it in a row was interrupted
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because run 2 of main@b was interrupted
            -- because the last apply, run 2 of main@b, was interrupted 5s ago
            -- because a retry is due at once
            -- because what is known of it was restored from a backup 6s ago, and nothing is retried or corrected before it was checked
            -- because hosts: 0 of 1 at main@b, 1 owed, 0 failed
            -- because 0 runs of at most 4 are live
        +1s fetched b same
            => start 1003 web check main@b [schedule] it is time to look for drift at main@b
        +0s explain web
            -- run 1003 is live
            -- because it is measured against main@b
            -- because 1 run of it in a row was interrupted
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because run 2 of main@b was interrupted
            -- because the last apply, run 2 of main@b, was interrupted 6s ago
            -- because a retry is due at once
            -- because what is known of it was restored from a backup 7s ago, and nothing is retried or corrected before it was checked
            -- because hosts: 0 of 1 at main@b, 1 owed, 0 failed
            -- because 1 run of at most 4 is live
        +9s finished 1003 in_sync h1
            => start 1004 web apply main@b [retry] main@b again: the last apply was interrupted 15s ago
        +0s explain web
            -- run 1004 is live
            -- because it is measured against main@b
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@b is being applied
            -- because run 1004 began to apply main@b just now
            -- because hosts: 0 of 1 at main@b, 1 owed, 0 failed
            -- because 1 run of at most 4 is live
        ",
    );
}

#[test]
fn commits_that_are_newer_than_the_backup_are_applied_once_and_the_older_ones_never() {
    check(
        "
        given runs 1
        declares web check 30m; db check 30m
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 db apply main@a [new_revision] main@a is new
        2s backup
        3s finished 1 changed h1
            => start 2 web apply main@a [new_revision] main@a is new
        100h restore
            => fetch infra against a
        +1s finished 1 interrupted h1:cut
        +9s tick
            => start 1002 db check main@a [schedule] it is time to look for drift at main@a
        +9s explain web
            -- waits: its state is that of a backup, so its source is fetched first
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a was never applied
            -- because what is known of it was restored from a backup 19s ago, and nothing is retried or corrected before it was checked
            -- because 1 run of at most 1 is live
        +1s fetched c after a
        +1s finished 1002 changed h1
            => start 1003 web apply main@c [new_revision] main@c is new; 1 tip in between was superseded
        +1s finished 1003 changed h2
            => start 1004 db apply main@c [new_revision] main@c is new, after main@a
        +0s status
            -- db unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@c is being applied for the first time; run 1004 is live
            -- web in_sync (c, 1/1 hosts, 0 owed, 0 failed): main@c is applied on 1 host
        +1s finished 1004 changed h1
        +9s restart
            -- 0 live
        +1s tick
            => fetch infra against c
        +1s fetched c same
        ",
    );
}

#[test]
fn nothing_is_corrected_on_the_word_of_a_backup_while_newer_commits_wait() {
    check(
        "
        declares web check 30m heals manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s alice asks web apply
            => start 1 web apply main@a [person] alice asked for an apply of main@a
        3s finished 1 changed h1
        4s finished 2 in_sync h1
        5s backup
        100h restore
            => fetch infra against a
        +1s fetched b after a
        +11s tick
            => start 1002 web check main@a [schedule] it is time to look for drift at main@a
        +9s finished 1002 drifted h1 found change:config@h1
        +0s status
            -- web out_of_sync (a, 0/1 hosts, 0 owed, 0 failed): main@b is not applied; main@a was attempted last; 1 host was changed since; applied only when a person asks
        +0s explain web
            -- nothing runs until a person asks (`driftless apply`)
            -- because it is measured against main@b
            -- because it is applied only when a person asks (`apply: manual`)
            -- because main@b is not applied; main@a was attempted last; 1 host was changed since
            -- because the last apply, run 1 of main@a, succeeded 4d 4h ago
            -- because what is known of it was restored from a backup 21s ago, and there are newer commits: drift is not corrected before it was applied
            -- because hosts: 0 of 1 at main@b, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        +1s alice asks web apply
            => start 1003 web apply main@b [person] alice asked for an apply of main@b
        +9s finished 1003 changed h1
        +0s explain web
            -- nothing runs until a person asks (`driftless apply`)
            -- because it is measured against main@b
            -- because it is applied only when a person asks (`apply: manual`)
            -- because main@b is applied on 1 host; 1 host was changed since
            -- because the last apply, run 1003 of main@b, succeeded just now
            -- because hosts: 1 of 1 at main@b, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        ",
    );
}

#[test]
fn wishes_of_before_the_backup_lapse() {
    check(
        "
        declares web manual; db manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        given runs 1
        2s alice asks web apply
            => start 1 web apply main@a [person] alice asked for an apply of main@a
        2s alice suspends db
        2s alice asks db apply
        3s backup
        100h restore
            => fetch infra against a
        +1s finished 1 interrupted h1:cut
        +1s fetched a same
        +99h status
            -- db unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; suspended by alice 8d 7h ago
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): run 1 of main@a was interrupted; applied only when a person asks
        +0s alice asks web apply
            => fetch infra against a
            => start 1002 web apply main@a [person] alice asked for an apply of main@a
        ",
    );
}

#[test]
fn while_the_disk_is_nearly_full_no_run_starts_and_live_ones_go_on() {
    check(
        "
        declares web check 30m
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s room scarce
        3s finished 1 changed h1
        3s hinted
            => fetch infra against a
        3s fetched b after a
        4s status
            -- web out_of_sync (a, 0/1 hosts, 0 owed, 0 failed): main@b is not applied; main@a was attempted last; waits: the disk is nearly full, so no run starts
        5s alice asks web apply
        6s explain web
            -- waits: the disk is nearly full, so no run starts
            -- because it is measured against main@b
            -- because alice asked for an apply; that skips holds and backoff, and nothing else
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@b is not applied; main@a was attempted last
            -- because the last apply, run 1 of main@a, succeeded 3s ago
            -- because hosts: 0 of 1 at main@b, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        7s shutdown
            => exit
        8s restart
            -- 0 live
        8s room scarce
            => fetch infra against b
        9s sleeps
            -- until an event
        10s room enough
            => start 2 web apply main@b [person] alice asked for an apply of main@b
        ",
    );
}
