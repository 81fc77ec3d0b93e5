//! Merge requests: what is previewed for whom, and what becomes of it.

use super::story::check;

#[test]
fn a_merge_request_is_previewed_checked_merged_applied_and_reported() {
    check(
        "
        given forge live for alice
        declares web
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1 found change:copy@h1
            => start 2 web check main@a [verify] the last apply of main@a changed something: is anything left?
        2s finished 2 in_sync h1 found same:copy
        3s forge 12 b by alice
            => preview 12 b on a sandboxed
        4s previewed 12 b on a as e touching web
            => report 12 v2 live 0 of 1 for alice
            => start 3 web check merge-requests/12@e [merge_request] merge request 12 proposes merge-requests/12@e: what would it do?
        5s reported 12 1
        6s finished 3 drifted h1 found change:page@h1 change:list@h1
        9s reported 12 2
        15s tick
            => report 12 v3 live 1 of 1 for alice
        16s reported 12 3
        19s hinted
            => fetch infra against a
            => ask the forge of infra
        20s forge 12 b by alice merged d
        22s fetched d after a line d
            => report 12 v5 live 1 of 1 for alice landed as d
            => start 4 web apply main@d [new_revision] main@d is new, after main@a
        23s finished 4 changed h1 found change:page@h1 change:other@h1
            => start 5 web check main@d [verify] the last apply of main@d changed something: is anything left?
        24s reported 12 4
        30s tick
            => report 12 v6 live 1 of 1 for alice landed as d web changed in run 4 as predicted 1 missing 1 different 0 extra 1 not predictable 0
        31s reported 12 6
        32s hinted
            => fetch infra against d
            => ask the forge of infra
        33s fetched d same
        34s forge 12 c by alice merged d approved bob@c
        50s requests
            -- 12: merged as dddddddddd; applied by 1 of 1 stacks
        604825s tick
            => fetch infra against d
            => ask the forge of infra
        604826s forge
        604826s requests
        ",
    );
}

#[test]
fn only_trusted_heads_are_checked_live_and_a_push_ends_it() {
    check(
        "
        given forge live for alice dave
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s forge 12 b by mallory ; 13 c by alice fork
            => preview 12 b on a sandboxed
        4s previewed 12 b on a as e touching web
            => report 12 v1
        5s hinted
            => fetch infra against a
            => ask the forge of infra
        6s forge 12 b by mallory approved dave@a
        7s hinted
            => ask the forge of infra
        8s forge 12 b by mallory approved dave@b
            => start 2 web check merge-requests/12@e [merge_request] merge request 12 proposes merge-requests/12@e: what would it do?
        9s hinted
            => ask the forge of infra
        10s forge 12 d by mallory approved dave@b
            => cancel 2: merge request 12 has another head
            => preview 12 d on a sandboxed
        11s finished 2 cancelled
        12s previewed 12 d on a as f touching web
        13s hinted
            => ask the forge of infra
        14s forge 12 d by mallory approved dave@b mallory@d
        15s alice previews 12 b
        16s alice previews 12 d
            => start 3 web check merge-requests/12@f [merge_request] merge request 12 proposes merge-requests/12@f: what would it do?

        ",
    );
}

#[test]
fn a_moved_target_makes_a_live_preview_stale_and_a_person_runs_it_again() {
    check(
        "
        given forge live for alice
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s forge 12 b by alice
            => preview 12 b on a sandboxed
        4s previewed 12 b on a as e touching web
            => report 12 v2 live 0 of 1 for alice
            => start 2 web check merge-requests/12@e [merge_request] merge request 12 proposes merge-requests/12@e: what would it do?
        5s finished 2 drifted h1
        6s hinted
            => fetch infra against a
            => ask the forge of infra
        7s fetched c after a
            => preview 12 b on c sandboxed
            => start 3 web apply main@c [new_revision] main@c is new, after main@a
        8s finished 3 changed h1
        9s previewed 12 b on c as f touching web
        10s bob previews 12 b
            => start 4 web check merge-requests/12@f [merge_request] merge request 12 proposes merge-requests/12@f: what would it do?

        ",
    );
}

#[test]
fn a_closed_merge_request_leaves_nothing_behind() {
    check(
        "
        given forge live for alice
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s forge 12 b by alice
            => preview 12 b on a sandboxed
        4s previewed 12 b on a as e touching web
            => report 12 v2 live 0 of 1 for alice
            => start 2 web check merge-requests/12@e [merge_request] merge request 12 proposes merge-requests/12@e: what would it do?
        5s hinted
            => fetch infra against a
            => ask the forge of infra
        6s forge 12 b by alice closed
            => cancel 2: merge request 12 is not open any more
        7s finished 2 cancelled
        8s status
            -- web in_sync (a, 1/1 hosts, 0 owed, 0 failed): main@a is applied on 1 host
        9s previewed 12 b on a as e touching web

        ",
    );
}

#[test]
fn a_change_of_the_runtime_a_conflict_and_a_fork_are_not_checked() {
    check(
        "
        given forge live for alice
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s forge 12 b by alice ; 13 c by alice ; 14 d by alice fork
            => preview 12 b on a sandboxed
            => preview 13 c on a sandboxed
        4s previewed 12 b on a as e touching web runtime
            => report 12 v1
        4s previewed 13 c on a conflict
            => report 13 v1

        ",
    );
}

#[test]
fn a_preview_that_fails_is_tried_again_and_a_forge_that_is_down_delays_nothing() {
    check(
        "
        given forge static
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        1s forge fails
        2s finished 1 changed h1
        7s tick
            => ask the forge of infra
        7s forge 12 b by alice
            => preview 12 b on a static
        8s previewed 12 b on a failed
            => ask the forge of infra
        9s forge 12 b by alice
        wake
            -- at 13.2s
            => preview 12 b on a static
        15s previewed 12 b on a as e touching web
            => report 12 v1
        16s reported 12 1 failed
        17s hinted
            => fetch infra against a
            => ask the forge of infra
        18s fetched d after a
            => preview 12 b on d static
            => start 2 web apply main@d [new_revision] main@d is new, after main@a

        ",
    );
}

#[test]
fn an_interrupted_or_refused_live_check_is_made_again() {
    check(
        "
        given forge live for alice
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s forge 12 b by alice
            => preview 12 b on a sandboxed
        4s previewed 12 b on a as e touching web
            => report 12 v2 live 0 of 1 for alice
            => start 2 web check merge-requests/12@e [merge_request] merge request 12 proposes merge-requests/12@e: what would it do?
        5s restart
            -- 1 live
        6s tick
            => fetch infra against a
            => ask the forge of infra
            => report 12 v2 live 0 of 1 for alice
        6s finished 2 interrupted
            => start 3 web check merge-requests/12@e [merge_request] merge request 12 proposes merge-requests/12@e: what would it do?
        6s fetched a same
        6s forge 12 b by alice
        wake
            -- at 64.5s
            => fetch infra against a
            => ask the forge of infra
        ",
    );
}

#[test]
fn what_was_merged_before_the_forge_says_so_is_reported_all_the_same() {
    check(
        "
        given forge static
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s forge 12 b by alice
            => preview 12 b on a static
        4s previewed 12 b on a as e touching web
            => report 12 v1
        5s reported 12 1
        19s hinted
            => fetch infra against a
            => ask the forge of infra
        20s fetched d after a line d
            => preview 12 b on d static
            => start 2 web apply main@d [new_revision] main@d is new, after main@a
        21s previewed 12 b on d as d nothing
        22s forge 12 b by alice merged d
            => report 12 v3 landed as d
        23s finished 2 changed h1 found change:page@h1
            => start 3 web check main@d [verify] the last apply of main@d changed something: is anything left?
        24s reported 12 2
        30s tick
            => report 12 v4 landed as d web changed in run 2
        31s reported 12 4
        32s hinted
            => fetch infra against d
            => ask the forge of infra
        33s forge 12 b by alice merged d
        ",
    );
}

#[test]
fn trust_that_is_withdrawn_ends_a_live_preview_until_it_is_given_again() {
    check(
        "
        given forge live for dave
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s forge 12 b by mallory approved dave@b
            => preview 12 b on a sandboxed
        4s previewed 12 b on a as e touching web
            => report 12 v2 live 0 of 1 for dave
            => start 2 web check merge-requests/12@e [merge_request] merge request 12 proposes merge-requests/12@e: what would it do?
        5s hinted
            => fetch infra against a
            => ask the forge of infra
        6s forge 12 b by mallory
            => cancel 2: live previews of merge request 12 are not allowed any more
        7s finished 2 cancelled
        8s hinted
            => ask the forge of infra
        9s forge 12 b by mallory approved dave@b
            => start 3 web check merge-requests/12@e [merge_request] merge request 12 proposes merge-requests/12@e: what would it do?
        10s reconfigured forge live for erin
            => cancel 3: live previews of merge request 12 are not allowed any more
            => ask the forge of infra
        11s finished 3 cancelled
        12s zoe previews 12 b
            => start 4 web check merge-requests/12@e [merge_request] merge request 12 proposes merge-requests/12@e: what would it do?
        ",
    );
}

#[test]
fn one_preview_is_under_way_and_what_was_pushed_meanwhile_comes_next() {
    check(
        "
        given forge static
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s forge 12 b by alice
            => preview 12 b on a static
        4s hinted
            => fetch infra against a
            => ask the forge of infra
        5s forge 12 c by alice
        6s previewed 12 b on a failed
            => preview 12 c on a static
        7s hinted
            => ask the forge of infra
        8s forge 12 c by alice closed
            => report 12 v1
        9s hinted
            => ask the forge of infra
        10s forge 12 c by alice
        11s previewed 12 c on a as e touching web
        ",
    );
}

#[test]
fn what_was_applied_before_the_forge_says_that_it_was_merged_is_reported() {
    check(
        "
        given forge static
        0s tick
            => fetch infra against nothing
            => ask the forge of infra
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 changed h1
        3s forge 12 b by alice
            => preview 12 b on a static
        4s previewed 12 b on a as e touching web
            => report 12 v1
        5s reported 12 1
        6s hinted
            => fetch infra against a
            => ask the forge of infra
        7s fetched d after a line d
            => preview 12 b on d static
            => start 2 web apply main@d [new_revision] main@d is new, after main@a
        8s finished 2 changed h1
        9s forge 12 b by alice merged d
        wake
            -- at 10.0s
            => report 12 v4 landed as d web changed in run 2
        ",
    );
}
