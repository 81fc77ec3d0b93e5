//! Looking for drift, telling it apart, correcting it.

use super::story::check;

#[test]
fn what_somebody_changed_is_found_corrected_and_verified() {
    check(
        "
        given poll 9h
        declares web check 1h heals
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s asked 1 1 start h1 h2
            => answer 1.1 go
        3s finished 1 changed h1 h2 found change:page@h1 change:page@h2 narrow:safe
            => start 2 web check main@a [verify] the last apply of main@a changed something: is anything left?
        4s finished 2 in_sync h1 h2 found same:page narrow:safe
        5s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        wake
            -- at 3442.0s
            => start 3 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 3 drifted h1 h2 found change:page@h1 same:page narrow:safe
            => start 4 web check main@a on h1 [drift] 1 host differs from main@a: would an apply of them alone do the same?
        +0s drift web
            -- h1 page corrective x1
            -- it is corrected as soon as its hosts are free
        +1s finished 4 drifted h1 found change:page@h1
            => start 5 web apply main@a on h1 [drift] 1 host differs from main@a; a check of them alone predicted the same
        +1s finished 5 changed h1 found change:page@h1
            => start 6 web check main@a on h1 [verify] the last apply of main@a changed something: is anything left?
        +1s finished 6 in_sync h1 found same:page
        +0s drift web
            -- nothing is to be corrected
        +0s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        ",
    );
}

#[test]
fn a_task_that_changes_each_time_is_flapping_and_is_not_corrected() {
    check(
        "
        given poll 9h
        declares web check 1h heals
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3s finished 1 changed h1 h2 found change:stamp@h1 change:stamp@h2
            => start 2 web check main@a [verify] the last apply of main@a changed something: is anything left?
        4s finished 2 drifted h1 h2 found change:stamp@h1 change:stamp@h2
        5s drift web
            -- h1 stamp flapping x1
            -- h2 stamp flapping x1
            -- task stamp flapping
            -- nothing is to be corrected
        5s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        wake
            -- at 3442.0s
            => start 3 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 3 drifted h1 h2 found change:stamp@h1 change:stamp@h2 change:page@h1 same:page
            => start 4 web apply main@a [drift] 1 host differs from main@a; the whole stack runs, because nobody looked whether the result depends on other hosts
        +0s drift web
            -- h1 stamp flapping x1
            -- h1 page corrective x1
            -- h2 stamp flapping x1
            -- task stamp flapping
            -- it is corrected as soon as its hosts are free
        +1s finished 4 changed h1 h2 found change:stamp@h1 change:stamp@h2 change:page@h1 same:page
            => start 5 web check main@a [verify] the last apply of main@a changed something: is anything left?
        +1s finished 5 drifted h1 h2 found change:stamp@h1 change:stamp@h2 same:page
        +0s drift web
            -- h1 stamp flapping x1
            -- h2 stamp flapping x1
            -- task stamp flapping
            -- nothing is to be corrected
        ",
    );
}

#[test]
fn what_is_known_of_a_task_goes_with_the_task_once_a_check_met_everything() {
    check(
        "
        given poll 9h
        declares web check 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3s finished 1 changed h1 h2 found change:stamp@h1 change:stamp@h2
            => start 2 web check main@a [verify] the last apply of main@a changed something: is anything left?
        4s finished 2 drifted h1 h2 found change:stamp@h1 change:stamp@h2 blind:shell
        5s hinted
            => fetch infra against a
        5s fetched b after a
            => start 3 web apply main@b [new_revision] main@b is new, after main@a
        8s finished 3 in_sync h1 h2 found same:page
        9s alice asks web check on h1
            => start 4 web check main@b on h1 [person] alice asked for a check on h1 of main@b
        10s finished 4 in_sync h1 found same:page
        10s drift web
            -- h2 stamp flapping x1
            -- task stamp flapping
            -- task shell blind
            -- nothing is to be corrected
        11s alice asks web check
            => start 5 web check main@b [person] alice asked for a check of main@b
        12s finished 5 unreachable h1 h2:gone found same:page
        12s drift web
            -- h2 stamp flapping x1
            -- task stamp flapping
            -- nothing is to be corrected
        13s alice asks web check
            => start 6 web check main@b [person] alice asked for a check of main@b
        14s finished 6 in_sync h1 h2 found same:page
        14s drift web
            -- nothing is to be corrected
        ",
    );
}

#[test]
fn what_comes_back_is_recurring_and_is_corrected_only_so_often_a_day() {
    check(
        "
        given poll 9h
        declares web check 1h heals daily 1
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3s finished 1 in_sync h1
        wake
            -- at 3567.0s
            => start 2 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 2 drifted h1 found change:page@h1
            => start 3 web apply main@a [drift] 1 host differs from main@a; the whole stack runs, because these are all its hosts
        +1s finished 3 changed h1 found change:page@h1
            => start 4 web check main@a [verify] the last apply of main@a changed something: is anything left?
        +1s finished 4 in_sync h1 found same:page
        wake
            -- at 7274.4s
            => start 5 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 5 drifted h1 found change:page@h1
        +0s drift web
            -- h1 page recurring x2
            -- corrected as often as a day allows; corrected again in 22h 58m
        +0s explain web
            -- corrected as often as a day allows; corrected again in 22h 58m
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a is applied on 1 host; 1 host was changed since
            -- because the last apply, run 1 of main@a, succeeded 2h 1m ago
            -- because hosts: 1 of 1 at main@a, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        ",
    );
}

#[test]
fn a_report_only_stack_is_not_corrected() {
    check(
        "
        given poll 9h
        declares web check 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3s finished 1 in_sync h1
        wake
            -- at 3567.0s
            => start 2 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 2 drifted h1 found change:page@h1 blind:shell
        +0s drift web
            -- h1 page corrective x1
            -- task shell blind
            -- it is reported and not corrected (`heal: never`)
        ",
    );
}

#[test]
fn a_check_that_predicts_what_no_apply_does_is_not_believed() {
    check(
        "
        given poll 9h
        declares web check 1h heals
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3s finished 1 in_sync h1
        wake
            -- at 3567.0s
            => start 2 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 2 drifted h1 found change:lies@h1
            => start 3 web apply main@a [drift] 1 host differs from main@a; the whole stack runs, because these are all its hosts
        +1s finished 3 in_sync h1 found same:lies
        wake
            -- at 3601.0s
            => start 4 web apply main@a [drift] 1 host differs from main@a; the whole stack runs, because these are all its hosts
        +1s finished 4 in_sync h1 found same:lies
        wake
            -- at 6995.2s
            => start 5 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 5 drifted h1 found change:lies@h1
        +0s drift web
            -- task lies unreliable
            -- nothing is to be corrected
        ",
    );
}

#[test]
fn a_handler_that_did_not_run_is_a_debt() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3s finished 1 failed h1:failed h2 found change:page@h1 owes:restart@h1
        4s status
            -- web out_of_sync (mixed, 1/2 hosts, 0 owed, 1 failed, next 35.6s): 1 of 2 hosts failed in run 1 of main@a; retry in 31s
        wake
            -- at 35.6s
            => start 2 web apply main@a paying restart@h1 [retry] retry 1 of main@a: the last apply failed 32s ago
        +1s finished 2 changed h1 h2 found paid:restart@h1
        +0s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        ",
    );
}

#[test]
fn what_git_has_not_applied_on_a_host_yet_is_not_corrected() {
    check(
        "
        given poll 9h
        declares web check 1h heals
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 in_sync h1 h2
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        5s finished 2 in_sync h1 h2
        6s alice asks web apply at a on h1
            => start 3 web apply main@a on h1 [person] alice asked for an apply on h1 of main@a
        7s finished 3 in_sync h1
        wake
            -- at 3777.8s
            => start 4 web check main@b [schedule] it is time to look for drift at main@b
        +1s finished 4 drifted h1 h2 found change:page@h1 same:page
        +0s drift web
            -- h1 page intended x1
            -- nothing is to be corrected
        ",
    );
}

#[test]
fn a_host_that_the_last_check_did_not_reach_is_not_corrected() {
    check(
        "
        given poll 9h
        declares web check 1h heals
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3s finished 1 in_sync h1 h2
        wake
            -- at 3567.0s
            => start 2 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 2 drifted h1 h2 found change:page@h1 same:page
            => start 3 web apply main@a [drift] 1 host differs from main@a; the whole stack runs, because nobody looked whether the result depends on other hosts
        +1s finished 3 failed h1:failed h2
        +1s alice asks web check
            => start 4 web check main@a [person] alice asked for a check of main@a
        +1s finished 4 unreachable h1:gone h2 found same:page
        +0s drift web
            -- h1 page corrective x1
            -- it is corrected once a check has seen the host again, which did not answer the last one
        wake
            -- at 7048.6s
            => start 5 web check main@a [schedule] it is time to look for drift at main@a
        +0s drift web
            -- h1 page corrective x1
            -- it is corrected once a check has seen the host again, which did not answer the last one
        ",
    );
}

#[test]
fn an_edit_of_one_host_right_after_an_apply_is_no_flapping() {
    check(
        "
        given poll 9h
        declares web check 1h heals
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3s finished 1 changed h1 h2 found change:page@h1 change:page@h2 narrow:safe
            => start 2 web check main@a [verify] the last apply of main@a changed something: is anything left?
        4s finished 2 drifted h1 h2 found change:page@h1 same:page narrow:safe
            => start 3 web check main@a on h1 [drift] 1 host differs from main@a: would an apply of them alone do the same?
        5s drift web
            -- h1 page corrective x1
            -- it is corrected as soon as its hosts are free
        ",
    );
}

#[test]
fn being_owed_something_in_between_does_not_lift_the_daily_limit() {
    check(
        "
        given poll 9h
        declares web check 1h heals daily 1
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3s finished 1 in_sync h1
        wake
            -- at 3567.0s
            => start 2 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 2 drifted h1 found change:page@h1
            => start 3 web apply main@a [drift] 1 host differs from main@a; the whole stack runs, because these are all its hosts
        +1s finished 3 changed h1 found change:page@h1
            => start 4 web check main@a [verify] the last apply of main@a changed something: is anything left?
        +1s finished 4 drifted h1 found change:page@h1
        +1s hinted
            => fetch infra against a
        +1s fetched b after a
            => start 5 web apply main@b [new_revision] main@b is new, after main@a
        +1s finished 5 unreachable h1:gone
        +1s alice asks web check
            => start 6 web check main@b [person] alice asked for a check of main@b
        +1s finished 6 drifted h1 found change:page@h1
        +0s drift web
            -- h1 page intended x1
            -- nothing is to be corrected
        wake
            -- at 3604.8s
            => probe web h1: can h1 be reached, and is nothing under way there?
        +1s probed web h1
            => start 7 web apply main@b [owed_hosts] 1 host is owed main@b and did not answer before
        +1s finished 7 in_sync h1 found same:page
        +1s alice asks web check
            => start 8 web check main@b [person] alice asked for a check of main@b
        +1s finished 8 drifted h1 found change:page@h1
        +0s drift web
            -- h1 page corrective x1
            -- corrected as often as a day allows; corrected again in 23h 59m
        ",
    );
}
