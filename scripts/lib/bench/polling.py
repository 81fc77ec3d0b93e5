"""What polling costs while nothing moves."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from measure import Row, cpu_of, memory_of, spread, wait_for
from world import LOCAL, SMALL, Daemon, Repository, stacks

SOURCES = 100


def measure(room: Path, program: Path, ansible: Path, quick: bool) -> list[Row]:
    """A daemon with 100 sources beside one with a single source, in windows of the same seconds."""
    poll, window, windows = (5, 2.5, 8) if quick else (60, 15, 8)  # Two whole periods either way at least.
    files = {"driftless.yml": stacks("manual"), "site.yml": SMALL, "inventory.ini": LOCAL}
    sources = {}
    for number in range(SOURCES):
        sources[f"source-{number}"] = Repository(room / f"source-{number}.git")
        sources[f"source-{number}"].fill(files)
    many = Daemon(program, ansible, room / "many")
    one = Daemon(program, ansible, room / "one")
    try:
        many.start(sources, f"{poll}s")
        one.start({"source-0": sources["source-0"]}, f"{poll}s")
        wait_for("every source is fetched", lambda: fetched(many) == SOURCES and fetched(one) == 1)
        # Once the first fetches are over, and the first period with them.
        time.sleep(poll)
        spent = watch([many.pid, one.pid], window, windows)
        resident, peak = memory_of(many.pid, "VmRSS"), memory_of(many.pid, "VmHWM")
        alone = memory_of(one.pid, "VmRSS")
    finally:
        many.stop()
        one.stop()
    all_of, idle = ([value / window * 100 for value in daemon] for daemon in spent)
    share = statistics.fmean(all_of)
    what = f"{SOURCES} local sources"
    # Twice as often may cost twice as much.
    goal = 2 * 60 / poll
    cpu = f"{share:.2f} % of a core, windows {spread(all_of, '.2f')} %; with one source {spread(idle, '.2f')} %"
    memory = f"{resident:.1f} MiB, at most {peak:.1f}; with one source {alone:.1f} MiB"
    return [
        Row(f"{what} polled every {poll} s: CPU, children included", cpu, f"{goal:.0f} %", share <= goal),
        Row(f"{what}: resident memory", memory, "60 MiB", resident <= 60),
    ]


def fetched(daemon: Daemon) -> int:
    """How many sources were fetched."""
    return sum(source.get("fetched_at") is not None for source in daemon.ask("status")["sources"])


def watch(pids: list[int], window: float, windows: int) -> list[list[float]]:
    """Seconds of processor that each process and its children had in each window."""
    spent: list[list[float]] = [[] for _ in pids]
    before = [cpu_of(pid) for pid in pids]
    begun = time.monotonic()
    for number in range(1, windows + 1):
        time.sleep(max(0, begun + number * window - time.monotonic()))
        now = [cpu_of(pid) for pid in pids]
        for index, value in enumerate(now):
            spent[index].append(value - before[index])
        before = now
    return spent
