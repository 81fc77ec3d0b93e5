//! What does not descend from the admitted commit.

use super::story::check;

#[test]
fn a_rewritten_branch_waits_for_a_person() {
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
        5s sources
            -- infra at main@a, admitted a, main@b waits, next 65.2s: main@b does not descend from a: history was rewritten
        5s explain web
            -- nothing is owed: the next commit starts a run
            -- because it is measured against main@a
            -- because main@b waits for a person, because it does not descend from the admitted commit
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a is applied on 1 host
            -- because the last apply, run 1 of main@a, succeeded 3s ago
            -- because hosts: 1 of 1 at main@a, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        wake
            -- at 65.2s
            => fetch infra against a
        +1s fetched b beside a
        +0s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        ",
    );
}

#[test]
fn the_person_who_was_shown_it_accepts_it() {
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
        5s approved b by alice
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        6s sources
            -- infra at main@b, admitted b, next 65.2s
        ",
    );
}

#[test]
fn accepting_another_commit_changes_nothing() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s approved c by alice
        4s hinted
            => fetch infra against a
        5s fetched b beside a
        6s approved c by alice
        7s approved a by alice
        8s sources
            -- infra at main@a, admitted a, main@b waits, next 64.5s: main@b does not descend from a: history was rewritten
        ",
    );
}

#[test]
fn a_second_approval_is_late_and_changes_nothing() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s hinted
            => fetch infra against a
        3s fetched b beside a
        4s approved b by alice
        5s approved b by bob
        6s sources
            -- infra at main@b, admitted b, next 60.6s
        ",
    );
}

#[test]
fn when_the_branch_comes_back_nothing_waits_any_more() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s hinted
            => fetch infra against a
        3s fetched b beside a
        4s hinted
            => fetch infra against a
        5s fetched c after a
        6s sources
            -- infra at main@c, admitted c, next 64.5s
        7s approved b by alice
        8s sources
            -- infra at main@c, admitted c, next 64.5s
        ",
    );
}

#[test]
fn only_the_newest_rewritten_tip_can_be_accepted() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s hinted
            => fetch infra against a
        3s fetched b beside a
        4s hinted
            => fetch infra against a
        5s fetched c beside a
        6s approved b by alice
        7s sources
            -- infra at main@a, admitted a, main@c waits, next 64.5s: main@c does not descend from a: history was rewritten
        8s approved c by alice
        9s sources
            -- infra at main@c, admitted c, next 64.5s
        ",
    );
}

#[test]
fn where_the_operator_allows_it_rewritten_branches_are_followed() {
    check(
        "
        given rewinds follow
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        4s fetched b beside a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn a_fetch_that_overlaps_an_approval_is_done_again() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s hinted
            => fetch infra against a
        3s fetched b beside a
        4s hinted
            => fetch infra against a
        5s approved b by alice
        6s fetched b beside a
            => fetch infra against b
        7s fetched b same
        8s sources
            -- infra at main@b, admitted b, next 61.3s
        ",
    );
}

#[test]
fn an_accepted_tip_with_a_broken_declaration_is_admitted_but_not_run() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        4s fetched b beside a broken
        5s approved b by alice
        6s sources
            -- infra at main@a, admitted b, next 65.2s: driftless.yml is broken
        6s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        ",
    );
}

#[test]
fn after_a_restart_the_next_fetch_finds_what_waits() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s hinted
            => fetch infra against a
        3s fetched b beside a
        4s restart
            -- 0 live
        5s approved b by alice
            => fetch infra against a
        6s sources
            -- infra at main@a, admitted a
        7s fetched b beside a
        8s approved b by alice
        9s sources
            -- infra at main@b, admitted b, next 61.3s
        ",
    );
}

#[test]
fn an_older_commit_that_was_applied_before_is_new_again_after_a_rewind() {
    check(
        "
        given rewinds follow
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
        6s hinted
            => fetch infra against b
        7s fetched a beside b
            => start 3 web apply main@a [new_revision] main@a is new, after main@b
        ",
    );
}
