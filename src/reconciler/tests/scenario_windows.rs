//! Applies that wait for their window.

use super::story::check;

#[test]
fn a_new_commit_waits_until_the_window_opens_and_the_timer_knows_when() {
    check(
        "
        given poll 999h
        declares web window 5 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed, next 18000.0s): main@a was never applied; waits for its window, opens in 4h 59m at 1970-01-01 05:00 UTC: no window is open
        2s explain web
            -- waits for its window, opens in 4h 59m at 1970-01-01 05:00 UTC: no window is open
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because applies start only in its windows: `0 5 * * *` (UTC) for 1h
            -- because applies may not start before 1970-01-01 05:00 UTC: no window is open
            -- because main@a was never applied
            -- because 0 runs of at most 4 are live
        wake
            -- at 18000.0s
            => start 1 web apply main@a [new_revision] main@a is new
        +1s finished 1 changed h1
        22000s hinted
            => fetch infra against a
        +1s fetched b after a
        +0s status
            -- web out_of_sync (a, 0/1 hosts, 0 owed, 0 failed, next 104400.0s): main@b is not applied; main@a was attempted last; waits for its window, opens in 22h 53m at 1970-01-02 05:00 UTC: no window is open
        wake
            -- at 104400.0s
            => start 2 web apply main@b [new_revision] main@b is new, after main@a
        ",
    );
}

#[test]
fn a_person_waits_as_well_unless_it_is_an_emergency() {
    check(
        "
        given poll 999h
        declares web manual window 5 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s alice asks web apply
        3s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed, next 18000.0s): main@a was never applied; waits for its window, opens in 4h 59m at 1970-01-01 05:00 UTC: no window is open
        3s sleeps
            -- until 18000.0s
        4s bob asks web apply outside broken-certificate
            => start 1 web apply main@a [person] bob asked for an apply, outside its window (broken-certificate) of main@a
        5s finished 1 changed h1
        ",
    );
}

#[test]
fn checks_look_while_the_window_is_closed_and_heals_wait() {
    check(
        "
        given poll 999h
        declares web heals window 0 1h check 2h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        2s finished 1 in_sync h1
        9000s tick
            => start 2 web check main@a [schedule] it is time to look for drift at main@a
        +1s finished 2 drifted h1 found change:page@h1 narrow:safe
        +1s status
            -- web out_of_sync (a, 1/1 hosts, 0 owed, 0 failed, next 86400.0s): main@a is applied on 1 host; 1 host was changed since; waits for its window, opens in 21h 29m at 1970-01-02 00:00 UTC: no window is open
        +1s sleeps
            -- until 15675.4s
        ",
    );
}

#[test]
fn a_failed_apply_is_retried_in_the_window() {
    check(
        "
        given poll 999h
        declares web window 0 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
            => start 1 web apply main@a [new_revision] main@a is new
        3590s finished 1 failed h1:failed
        3700s status
            -- web out_of_sync (nothing, 0/1 hosts, 0 owed, 1 failed, next 86400.0s): 1 host failed in run 1 of main@a; waits for its window, opens in 22h 58m at 1970-01-02 00:00 UTC: no window is open
        3700s explain web
            -- waits for its window, opens in 22h 58m at 1970-01-02 00:00 UTC: no window is open
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because applies start only in its windows: `0 0 * * *` (UTC) for 1h
            -- because applies may not start before 1970-01-02 00:00 UTC: no window is open
            -- because 1 host failed in run 1 of main@a
            -- because the last apply, run 1 of main@a, failed 1m 50s ago
            -- because a retry is due at once, after 1 failure in a row
            -- because hosts: 0 of 1 at main@a, 0 owed, 1 failed
            -- because 0 runs of at most 4 are live
        ",
    );
}

#[test]
fn a_freeze_says_its_reason() {
    check(
        "
        given poll 999h
        declares web frozen 0s 48h
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s status
            -- web unknown (nothing, 0/0 hosts, 0 owed, 0 failed, next 172800.0s): main@a was never applied; waits for its window, opens in 1d 23h at 1970-01-03 00:00 UTC: frozen (year end)
        2s explain web
            -- waits for its window, opens in 1d 23h at 1970-01-03 00:00 UTC: frozen (year end)
            -- because it is measured against main@a
            -- because new commits are applied as they come (`apply: on_commit`)
            -- because applies may not start before 1970-01-03 00:00 UTC: frozen (year end)
            -- because main@a was never applied
            -- because 0 runs of at most 4 are live
        ",
    );
}

#[test]
fn an_emergency_that_was_interrupted_is_still_one() {
    check(
        "
        given poll 999h
        declares web window 5 1h
        0s tick
            => fetch infra against nothing
        1s fetched a first
        2s bob asks web apply outside broken-certificate
            => start 1 web apply main@a [person] bob asked for an apply, outside its window (broken-certificate) of main@a
        3s restart
            -- 1 live
        4s finished 1 interrupted
            => fetch infra against a
        wake
            -- at 5.0s
            => start 2 web apply main@a [person] bob asked for an apply, outside its window (broken-certificate) of main@a
        ",
    );
}
