//! The operator's configuration is read again.

use super::story::check;

#[test]
fn every_source_is_fetched_soon_and_what_was_under_way_is_thrown_away() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s reconfigured
        2s fetched a first
            => fetch infra against nothing
        3s fetched b first
            => start 1 web apply main@b [new_revision] main@b is new
        4s finished 1 changed h1
        5s reconfigured
            => fetch infra against b
        6s reconfigured
        7s hinted
        8s fetch failed
            => fetch infra against b
        9s fetched c after b
            => start 2 web apply main@c [new_revision] main@c is new, after main@b
        ",
    );
}

#[test]
fn a_new_source_is_fetched_and_its_stacks_are_its_own() {
    check(
        "
        declares web
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s reconfigured sources infra other
            => fetch infra against a
            => fetch other against nothing
        declares other/web
        4s fetched other: c first
            => start 2 web apply main@c [new_revision] main@c is new
        5s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@c is being applied for the first time; run 2 is live
        declares infra/web
        6s fetched a same
        ",
    );
}

#[test]
fn a_removed_source_is_forgotten_and_its_live_run_goes_on_to_its_end() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s reconfigured sources other
            => fetch other against nothing
        3s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): infra/web is not declared any more; run 1 goes on to its end
        3s sources
            -- other at nothing, admitted nothing
        4s hinted infra:
        5s alice suspends web
        6s finished 1 failed h1:failed
        7s status
        8s fetch failed
        1h tick
        ",
    );
}

#[test]
fn a_source_that_returns_is_where_it_was() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s reconfigured sources other
            => fetch other against nothing
        4s status
        5s reconfigured sources infra
            => fetch infra against a
        6s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        7s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn a_source_that_is_removed_and_added_during_a_fetch_is_fetched_once_at_a_time() {
    check(
        "
        0s reconfigured sources other
            => fetch other against nothing
        1s reconfigured sources infra
            => fetch infra against nothing
        2s reconfigured sources other
        3s reconfigured sources infra
        4s fetched a first
            => fetch infra against nothing
        5s fetched b first
            => start 1 web apply main@b [new_revision] main@b is new
        ",
    );
}

#[test]
fn another_branch_is_compared_with_what_was_admitted() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        4s fetched b beside a
        5s reconfigured branch stable
            => fetch infra against a
        6s approved b by alice
        6s sources
            -- infra at main@a, admitted a
        7s fetched c beside a on stable
        8s approved c by alice
            => start 2 web apply stable@c [new_revision] stable@c is new, after main@a
        9s sources
            -- infra at stable@c, admitted c, next 61.3s
        ",
    );
}

#[test]
fn another_branch_at_the_same_commit_owes_nothing() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s reconfigured branch stable
            => fetch infra against a
        4s fetched a same on stable
        5s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        ",
    );
}

#[test]
fn a_rewind_that_waits_is_followed_once_the_operator_allows_it() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s hinted
            => fetch infra against a
        3s fetched b beside a
        4s reconfigured rewinds follow
            => fetch infra against a
        5s fetched b beside a
        6s sources
            -- infra at main@b, admitted b, next 64.5s
        ",
    );
}

#[test]
fn a_changed_poll_interval_counts_from_the_next_fetch() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s reconfigured poll 1h
            => fetch infra against a
        3s fetched a same
        4s sources
            -- infra at main@a, admitted a, next 3462.6s
        ",
    );
}
