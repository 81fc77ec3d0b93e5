//! When sources are fetched.

use super::story::check;

#[test]
fn a_source_is_fetched_at_once_and_then_about_every_minute() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        +0s sleeps
            -- until 58.7s
        +1s finished 1 changed h1
        wake
            -- at 58.7s
            => fetch infra against a
        +1s fetched a same
        wake
            -- at 118.0s
            => fetch infra against a
        +1s fetched a same
        wake
            -- at 181.2s
            => fetch infra against a
        ",
    );
}

#[test]
fn a_hint_fetches_at_once() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        5s finished 1 changed h1
        10s hinted
            => fetch infra against a
        11s fetched b after a
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn hints_during_a_fetch_cause_exactly_one_more() {
    check(
        "
        declares web manual
        0s hinted
            => fetch infra against nothing
        1s hinted
        2s hinted
        3s hinted
        4s fetched a first
            => fetch infra against a
        5s fetched a same
        6s sleeps
            -- until 64.5s
        ",
    );
}

#[test]
fn failures_back_off_up_to_a_quarter_of_an_hour_and_one_success_forgets_them() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetch failed
        wake
            -- at 6.2s
            => fetch infra against nothing
        +0s fetch failed
        wake
            -- at 16.6s
            => fetch infra against nothing
        +0s fetch failed
        wake
            -- at 38.3s
            => fetch infra against nothing
        +0s fetch failed
        wake
            -- at 81.6s
            => fetch infra against nothing
        +0s fetch failed
        wake
            -- at 163.5s
            => fetch infra against nothing
        +0s fetch failed
        wake
            -- at 326.1s
            => fetch infra against nothing
        +0s fetch failed
        wake
            -- at 649.6s
            => fetch infra against nothing
        +0s fetch failed
        wake
            -- at 1317.1s
            => fetch infra against nothing
        +0s fetch failed
        wake
            -- at 2222.5s
            => fetch infra against nothing
        +0s fetch failed
        wake
            -- at 3136.9s
            => fetch infra against nothing
        +0s sources
            -- infra at nothing, admitted nothing: no route to host
        +1s fetched a first
        +0s sources
            -- infra at main@a, admitted a, next 3197.1s
        wake
            -- at 3197.1s
            => fetch infra against a
        +0s fetch failed
        wake
            -- at 3202.4s
            => fetch infra against a
        ",
    );
}

#[test]
fn a_hint_ends_the_waiting_but_not_the_growth_of_the_pauses() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetch failed
        2s hinted
            => fetch infra against nothing
        2s fetch failed
        3s hinted
            => fetch infra against nothing
        3s fetch failed
        +0s sleeps
            -- until 24.7s
        ",
    );
}

#[test]
fn when_the_other_side_says_when_even_hints_wait() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetch failed after 10m
        2s hinted
        3s sleeps
            -- until 601.0s
        10m hinted
        wake
            -- at 601.0s
            => fetch infra against nothing
        +1s fetched a first
        ",
    );
}

#[test]
fn a_short_word_of_the_other_side_does_not_shorten_the_backoff() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetch failed after 1s
        2s sleeps
            -- until 6.2s
        ",
    );
}

#[test]
fn what_fails_until_somebody_changes_it_is_still_polled_slowly() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetch failed until changed
        wake
            -- at 944.2s
            => fetch infra against nothing
        +0s fetch failed until changed
        +0s sources
            -- infra at nothing, admitted nothing, next 1882.9s: no route to host
        +0s reconfigured poll 2h
            => fetch infra against nothing
        +1s fetch failed until changed
        +1s fetch failed until changed
        wake
            -- at 8490.8s
            => fetch infra against nothing
        ",
    );
}

#[test]
fn answers_that_nobody_waits_for_change_nothing() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s fetched b after a
        3s fetch failed
        4s fetched other: a first
        5s hinted other:
        6s sources
            -- infra at main@a, admitted a, next 58.7s
        ",
    );
}

#[test]
fn an_answer_compared_with_another_commit_is_no_answer() {
    check(
        "
        declares web manual
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s hinted
            => fetch infra against a
        3s fetched c after b
        4s sources
            -- infra at main@a, admitted a, next 8.2s: the fetch answered for another branch or another admitted commit
        wake
            -- at 8.2s
            => fetch infra against a
        +1s fetched c beside b
        +0s sources
            -- infra at main@a, admitted a, next 19.6s: the fetch answered for another branch or another admitted commit
        wake
            -- at 19.6s
            => fetch infra against a
        +1s fetched b same
        wake
            -- at 42.3s
            => fetch infra against a
        +1s fetched b first
        wake
            -- at 86.6s
            => fetch infra against a
        +1s fetched b after a
        +0s sources
            -- infra at main@b, admitted b, next 147.5s
        ",
    );
}

#[test]
fn an_answer_from_another_branch_is_no_answer() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first on stable
        2s sources
            -- infra at nothing, admitted nothing, next 6.2s: the fetch answered for another branch or another admitted commit
        ",
    );
}

#[test]
fn a_broken_declaration_is_shown_and_the_stacks_stay_as_known() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        4s fetched b after a broken
        5s sources
            -- infra at main@a, admitted b, next 65.2s: driftless.yml is broken
        5s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        5s explain web
            -- nothing is owed: the next commit starts a run
            -- because it is measured against main@a
            -- because b is newer and is not followed: driftless.yml is broken
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because main@a is applied on 1 host
            -- because the last apply, run 1 of main@a, succeeded 3s ago
            -- because hosts: 1 of 1 at main@a, 0 owed, 0 failed
            -- because 0 runs of at most 4 are live
        6s hinted
            => fetch infra against b
        7s fetched c after b
            => start 2 web apply main@c [new_revision] main@c is new, after main@a
        8s sources
            -- infra at main@c, admitted c, next 61.3s
        ",
    );
}

#[test]
fn a_failed_apply_is_retried_at_the_last_valid_head_while_a_broken_one_is_newer() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 failed h1:failed
        3s hinted
            => fetch infra against a
        4s fetched b after a broken
        wake
            -- at 34.6s
            => start 2 web apply main@a [retry] retry 1 of main@a: the last apply failed 32s ago
        ",
    );
}

#[test]
fn the_same_tip_with_another_declaration_changes_what_is_wanted() {
    check(
        "
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        declares web; db
        4s fetched a same
            => start 2 db apply main@a [new_revision] main@a is new
        5s finished 2 changed h1
        6s hinted
            => fetch infra against a
        declares
        7s fetched a same
        7s status
        7s explain db
            -- nobody knows it
        ",
    );
}
