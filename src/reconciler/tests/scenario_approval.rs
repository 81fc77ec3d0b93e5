//! Where commits and changes need the approval of people.

use super::story::check;

#[test]
fn only_what_was_merged_as_approved_is_admitted() {
    check(
        "
        given forge static
        given approvals 2
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s hinted
            => fetch infra against a
        4s fetched b after a line b
        5s sources
            -- infra at main@a, admitted a, main@b refused, next 65.2s: b was not merged through a merge request
        6s hinted
            => fetch infra against a
        7s fetched b after a line b:12@c:alice:bob
        8s sources
            -- infra at main@a, admitted a, main@b refused, next 61.3s: merge request 12 (b) has 1 of 2 approvals of its last head
        9s hinted
            => fetch infra against a
        10s fetched b after a line b:12@c:alice:bob,alice
        11s sources
            -- infra at main@a, admitted a, main@b refused, next 70.1s: merge request 12 (b) has 1 of 2 approvals of its last head
        12s hinted
            => fetch infra against a
        13s fetched b after a line b:12@c:alice:bob,carol@d
        14s sources
            -- infra at main@a, admitted a, main@b refused, next 70.1s: merge request 12 (b) has 1 of 2 approvals of its last head
        15s hinted
            => fetch infra against a
        16s fetched b after a line b:12@c:alice:bob,carol:other
        17s sources
            -- infra at main@a, admitted a, main@b refused, next 75.2s: b is not what merging merge request 12 makes
        18s hinted
            => fetch infra against a
        19s fetched b after a
        20s sources
            -- infra at main@a, admitted a, main@b refused, next 73.9s: nobody told how main@b came to the branch
        21s hinted
            => fetch infra against a
        22s fetched d after a line d b:12@c:alice:bob,carol
        23s sources
            -- infra at main@a, admitted a, main@d refused, next 85.9s: d was not merged through a merge request
        24s hinted
            => fetch infra against a
        25s fetched b after a line b:12@c:alice:bob,carol
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn an_approval_is_of_what_was_shown() {
    check(
        "
        declares web approved
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web check main@a [approval] a person has to approve of main@a: what would it do?
        2s finished 1 drifted h1 h2 found change:page@h1
        3s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for the approval of a person: 1 change on 2 hosts, in run 1
        4s alice approves web
            => start 2 web apply main@a [new_revision] main@a is new
        5s asked 2 1 start h1 h2
            => answer 2.1 go
        6s finished 2 changed h1 h2 found change:page@h1
            => start 3 web check main@a [verify] the last apply of main@a changed something: is anything left?

        ",
    );
}

#[test]
fn an_approval_lapses_with_the_changes_the_hosts_and_the_commit() {
    check(
        "
        declares web approved
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web check main@a [approval] a person has to approve of main@a: what would it do?
        2s finished 1 drifted h1 found change:page@h1
        3s alice approves web
            => start 2 web apply main@a [new_revision] main@a is new
        4s asked 2 1 start h1 h2
            => answer 2.1 no: h2 is not among the hosts that were approved; the approval does not hold any more
        5s finished 2 refused
            => start 3 web check main@a [approval] a person has to approve of main@a: what would it do?
        6s finished 3 drifted h1 h2 found change:page@h1
        7s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for the approval of a person: 1 change on 2 hosts, in run 3
        8s hinted
            => fetch infra against a
        9s fetched b after a
            => start 4 web check main@b [approval] a person has to approve of main@b: what would it do?
        10s alice approves web
        11s finished 4 drifted h1 h2 found change:page@h1
        12s bob asks web apply
        13s alice approves web
            => start 5 web apply main@b [person] bob asked for an apply of main@b

        ",
    );
}

#[test]
fn an_old_look_is_repeated_before_its_apply() {
    check(
        "
        declares web approved
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web check main@a [approval] a person has to approve of main@a: what would it do?
        2s finished 1 drifted h1 found change:page@h1
        1800s alice approves web
            => fetch infra against a
            => start 2 web check main@a [approval] a person has to approve of main@a: what would it do?
        1801s finished 2 drifted h1 found change:page@h1 change:list@h1
        1802s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed): main@a was never applied; waits for the approval of a person again, because it would change something else now: 2 changes on 1 host, in run 2
        1803s alice approves web
            => start 3 web apply main@a [new_revision] main@a is new
        1804s finished 3 failed h1:failed
        wake
            -- at 1836.0s
            => start 4 web apply main@a [retry] retry 1 of main@a: the last apply failed 32s ago

        ",
    );
}

#[test]
fn an_approval_that_comes_late_is_not_of_another_commit() {
    check(
        "
        declares web approved
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web check main@a [approval] a person has to approve of main@a: what would it do?
        2s finished 1 drifted h1 found change:page@h1
        3s alice sees web
        4s hinted
            => fetch infra against a
        5s fetched b after a
            => start 2 web check main@b [approval] a person has to approve of main@b: what would it do?
        6s finished 2 drifted h1 found change:page@h1
        7s alice approves what was seen of web
        8s alice approves web
            => start 3 web apply main@b [new_revision] main@b is new; 1 tip in between was superseded
        ",
    );
}
