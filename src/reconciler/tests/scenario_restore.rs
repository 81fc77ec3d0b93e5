//! The daemon begins with the state of a backup.

use super::story::check;

#[test]
fn what_was_done_at_the_backup_is_not_done_again_and_looks_are_spread() {
    check(
        "
        declares web check 30m; db check 30m; app check 30m
        0s tick
        1s fetched a first
        2s finished 1 changed h1
        2s finished 2 changed h2
        2s finished 3 changed h3
        3s backup
        100h restore
        +1s fetched a same
        +0s status
        wake
        wake
        wake
        ",
    );
}

#[test]
fn a_run_that_was_live_at_the_backup_is_interrupted_and_tried_again_after_a_look() {
    check(
        "
        declares web check 30m
        0s tick
        1s fetched a first
        2s finished 1 changed h1
        3s fetched b after a
        4s backup
        5s finished 2 changed h1
        100h restore
        +1s finished 2 interrupted h1:cut
        +5s tick
        +0s explain web
        +1s fetched b same
        +0s explain web
        wake
        +9s finished 1003 in_sync h1
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
        1s fetched a first
        2s backup
        3s finished 1 changed h1
        100h restore
        +1s finished 1 interrupted h1:cut
        +9s tick
        +9s explain web
        +1s fetched c after a
        +1s finished 1002 changed h1
        +1s finished 1003 changed h2
        +0s status
        +9s restart
        +1s tick
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
        1s fetched a first
        2s alice asks web apply
        3s finished 1 changed h1
        4s finished 2 in_sync h1
        5s backup
        100h restore
        +1s fetched b after a
        wake
        wake
        wake
        +9s finished 1003 drifted h1 found change:config@h1
        +0s status
        +0s explain web
        +1s alice asks web apply
        +9s finished 1004 changed h1
        +0s explain web
        ",
    );
}

#[test]
fn wishes_of_before_the_backup_lapse() {
    check(
        "
        declares web manual; db manual
        0s tick
        1s fetched a first
        given runs 1
        2s alice asks web apply
        2s alice suspends db
        2s alice asks db apply
        3s backup
        100h restore
        +1s finished 1 interrupted h1:cut
        +1s fetched a same
        +99h status
        +0s alice asks web apply
        ",
    );
}

#[test]
fn while_the_disk_is_nearly_full_no_run_starts_and_live_ones_go_on() {
    check(
        "
        declares web check 30m
        0s tick
        1s fetched a first
        2s room scarce
        3s finished 1 changed h1
        3s fetched b after a
        4s status
        5s alice asks web apply
        6s explain web
        7s shutdown
        8s restart
        8s room scarce
        9s sleeps
        10s room enough
        ",
    );
}
