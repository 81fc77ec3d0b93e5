//! What is known of the hosts, and what is derived from it.

use super::story::check;

#[test]
fn a_host_on_which_something_else_was_tried_since_is_not_in_sync() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 h2
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        5s finished 2 changed h1 h2
        6s alice asks web apply at a on h1
            => start 3 web apply main@a on h1 [person] alice asked for an apply on h1 of main@a
        7s finished 3 failed h1:failed
        8s status
            -- web out_of_sync (b, 2/2 hosts, 0 owed, 1 failed): main@b is applied on all 2 hosts, 1 failed since
        9s alice asks web apply on h1
            => start 4 web apply main@b on h1 [person] alice asked for an apply on h1 of main@b
        10s finished 4 changed h1
        11s status
            -- web in_sync (b, 2/2 hosts, 0 owed, 0 failed): main@b is applied on all 2 hosts
        12s alice asks web apply at a tagged nginx
            => start 5 web apply main@a tagged nginx [person] alice asked for an apply of the tasks tagged nginx of main@a
        13s finished 5 changed h1 h2
        14s status
            -- web out_of_sync (b, 2/2 hosts, 0 owed, 0 failed): main@b is applied on all 2 hosts, but something else was tried since
        ",
    );
}

#[test]
fn the_applied_revision_is_the_one_that_all_hosts_share() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 h2 h3
        3s status
            -- web in_sync (a, 3/3 hosts, 0 owed, 0 failed): main@a is applied on all 3 hosts
        4s hinted
            => fetch infra against a
        5s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        6s finished 2 failed h1 h2:failed h3
        7s status
            -- web out_of_sync (mixed, 2/3 hosts, 0 owed, 1 failed, next 36.7s): 1 of 3 hosts failed in run 2 of main@b; retry in 29s
        wake
            -- at 36.7s
            => start 3 web apply main@b [retry] retry 1 of main@b: the last apply failed 30s ago
        +1s finished 3 changed h1 h2 h3
        +0s status
            -- web in_sync (b, 3/3 hosts, 0 owed, 0 failed): main@b is applied on all 3 hosts
        ",
    );
}

#[test]
fn a_run_that_tells_nothing_leaves_the_hosts_as_known() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 h2
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        5s finished 2 errored
        6s status
            -- web unknown (a, 0/2 hosts, 0 owed, 0 failed, next 35.7s): run 2 of main@b could not run; retry in 29s
        7s alice asks web apply
            => start 3 web apply main@b [person] alice asked for an apply of main@b
        8s finished 3 interrupted h1 h2:cut
        9s status
            -- web unknown (mixed, 1/2 hosts, 1 owed, 0 failed, next 9.0s): run 3 of main@b was interrupted; starts again at once
        ",
    );
}

#[test]
fn a_run_that_was_cut_short_does_not_say_what_the_hosts_are() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 h2
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        5s finished 2 failed no-stats h1:cut
        6s status
            -- web out_of_sync (a, 0/2 hosts, 1 owed, 0 failed, next 35.7s): run 2 of main@b failed: ansible ended (exit status 250) without its recap: results are incomplete; retry in 29s
        7s alice asks web apply
            => start 3 web apply main@b [person] alice asked for an apply of main@b
        8s finished 3 timed_out h1:cut
        9s status
            -- web unknown (a, 0/2 hosts, 1 owed, 0 failed, next 72.0s): run 3 of main@b took too long, 2 runs in a row did not succeed; retry in 1m 3s
        ",
    );
}

#[test]
fn owed_is_cleared_only_when_applied() {
    check(
        "
        given poll 9h
        given retry 1m 1m
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 unreachable h1 h2:gone
        3s status
            -- web out_of_sync (mixed, 1/2 hosts, 1 owed, 0 failed, next 67.2s): main@a is applied on 1 of 2 hosts, 1 owed; hosts do not answer; asked again in 1m 4s
        wake
            -- at 67.2s
            => probe web h2: can h2 be reached, and is nothing under way there?
        +1s probed web h2
            => start 2 web apply main@a [owed_hosts] 1 host is owed main@a and did not answer before
        +1s finished 2 failed h1 h2:failed
        +0s status
            -- web out_of_sync (mixed, 1/2 hosts, 1 owed, 1 failed, next 130.6s): 1 of 2 hosts failed in run 2 of main@a, 1 owed; retry in 1m 1s
        wake
            -- at 130.6s
            => start 3 web apply main@a [retry] retry 2 of main@a: the last apply failed 1m 1s ago
        +1s finished 3 unreachable h1:gone h2:gone
        +0s status
            -- web out_of_sync (mixed, 1/2 hosts, 2 owed, 0 failed, next 195.7s): main@a is applied on 1 of 2 hosts, 2 owed; hosts do not answer; asked again in 1m 4s
        wake
            -- at 195.7s
            => probe web h1,h2: can h1, h2 be reached, and is nothing under way there?
        +1s probed web h1 h2
            => start 4 web apply main@a [owed_hosts] 2 hosts are owed main@a and did not answer before
        +1s finished 4 changed h1 h2
        +0s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        ",
    );
}

#[test]
fn tasks_chosen_by_tag_count_as_applied_nowhere() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 h2
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        5s finished 2 failed h1:failed h2:failed
        6s alice asks web apply tagged nginx
            => start 3 web apply main@b tagged nginx [person] alice asked for an apply of the tasks tagged nginx of main@b
        7s finished 3 changed h1 h2
        8s status
            -- web out_of_sync (a, 0/2 hosts, 0 owed, 0 failed, next 35.7s): run 2 of main@b failed; retry in 27s
        9s alice asks web apply tagged nginx
            => start 4 web apply main@b tagged nginx [person] alice asked for an apply of the tasks tagged nginx of main@b
        10s finished 4 unreachable h1:gone h2
        11s status
            -- web out_of_sync (a, 0/2 hosts, 0 owed, 0 failed, next 35.7s): run 2 of main@b failed; retry in 24s
        ",
    );
}

#[test]
fn a_limited_apply_counts_for_its_hosts_only() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 h2
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        5s finished 2 failed h1:failed h2:failed
        6s alice asks web apply on h1
            => start 3 web apply main@b on h1 [person] alice asked for an apply on h1 of main@b
        7s finished 3 changed h1
        8s status
            -- web out_of_sync (mixed, 1/2 hosts, 0 owed, 1 failed, next 35.7s): 1 of 2 hosts failed in run 2 of main@b; retry in 27s
        ",
    );
}

#[test]
fn a_host_that_a_limited_apply_did_not_reach_is_caught_up() {
    check(
        "
        given poll 9h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 h2
        3s alice asks web apply on h1
            => start 2 web apply main@a on h1 [person] alice asked for an apply on h1 of main@a
        4s finished 2 unreachable h1:gone
        5s status
            -- web out_of_sync (a, 2/2 hosts, 1 owed, 0 failed, next 34.7s): main@a is applied on all 2 hosts, 1 owed; hosts do not answer; asked again in 29s
        wake
            -- at 34.7s
            => probe web h1: can h1 be reached, and is nothing under way there?
        +1s probed web h1
            => start 3 web apply main@a [owed_hosts] 1 host is owed main@a and did not answer before
        +1s finished 3 in_sync h1 h2
        +0s status
            -- web in_sync (a, 2/2 hosts, 0 owed, 0 failed): main@a is applied on all 2 hosts
        +0s sleeps
            -- until 31169.8s
        ",
    );
}

#[test]
fn a_host_that_left_the_inventory_does_not_count() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 unreachable h1 h2:gone
        3s hinted
            => fetch infra against a
        4s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        5s finished 2 changed h1
        6s status
            -- web in_sync (b, 1/1 hosts, 0 owed, 0 failed): main@b is applied on 1 host
        ",
    );
}

#[test]
fn a_first_apply_that_failed_is_out_of_sync() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 failed h1:failed h2:cut
        3s status
            -- web out_of_sync (nothing, 0/2 hosts, 1 owed, 1 failed, next 34.6s): 1 of 2 hosts failed in run 1 of main@a, 1 owed; retry in 31s
        4s alice asks web apply
            => start 2 web apply main@a [person] alice asked for an apply of main@a
        5s finished 2 failed
        6s status
            -- web out_of_sync (nothing, 0/2 hosts, 1 owed, 1 failed, next 66.4s): 1 of 2 hosts failed in run 2 of main@a, 1 owed; retry in 1m
        ",
    );
}

#[test]
fn an_apply_of_what_is_applied_stays_in_sync_while_it_runs() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s alice asks web apply
            => start 2 web apply main@a [person] alice asked for an apply of main@a
        4s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host and is applied again; run 2 is live
        5s finished 2 in_sync h1
        6s hinted
            => fetch infra against a
        7s fetched b after a
            => start 3 web apply main@b [new_revision] main@b is new, after main@a
        8s status
            -- web out_of_sync (a, 0/1 hosts, 0 owed, 0 failed): main@b is being applied; run 3 is live
        ",
    );
}

#[test]
fn a_success_without_all_hosts_at_the_end_is_not_in_sync() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 h2:cut
        3s status
            -- web out_of_sync (mixed, 1/2 hosts, 1 owed, 0 failed): main@a is applied on 1 of 2 hosts, 1 owed
        ",
    );
}
