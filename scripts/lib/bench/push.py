"""From a push to the start of `ansible-playbook`."""

from __future__ import annotations

import statistics
import subprocess
import time
from datetime import datetime
from pathlib import Path

from measure import Row, ratios, spread, wait_for
from world import GIT, Daemon, Repository, many_files

SIZES = {"small": (200, 200, 80), "large": (10_000, 10_000, 400)}  # files, commits, goal in milliseconds


def measure(room: Path, program: Path, ansible: Path, pairs: int, where: str) -> list[Row]:
    """Both sizes take turns, each beside a hook that clones."""
    watched, hooked = {}, {}
    for name, (files, commits, _) in SIZES.items():
        watched[name] = Repository(room / f"{name}.git")
        watched[name].fill(many_files(files), commits)
        hooked[name] = Repository(room / f"hooked-{name}.git")
        hooked[name].fill(many_files(files), commits)
    daemon = Daemon(program, ansible, room / "daemon")
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in SIZES}
    try:
        daemon.start(watched, "1d")
        wait_for("the first runs", lambda: daemon.ended_runs() == len(SIZES))
        for number in range(pairs):
            for name in SIZES:
                times[name][0].append(through_daemon(daemon, watched[name]))
                times[name][1].append(through_hook(hooked[name], room / f"clone-{name}-{number}"))
    finally:
        daemon.stop()
    return [row(name, where, *times[name]) for name in SIZES]


def through_daemon(daemon: Daemon, repository: Repository) -> float:
    """Seconds from just before the branch moved to the start that the run's record tells."""
    before = daemon.ended_runs()
    commit = repository.prepare()
    pushed = repository.publish(commit)
    wait_for("a run", lambda: daemon.ended_runs() > before)
    started = daemon.run_of(commit)["started_at"]
    # Pythons before 3.11 know neither the letter Z nor nanoseconds.
    seconds, _, fraction = started.rstrip("Z").partition(".")
    at = datetime.fromisoformat(seconds + "+00:00").timestamp() + float(f"0.{fraction or 0}")
    return at - pushed


def through_hook(repository: Repository, place: Path) -> float:
    """Seconds that a hook of the repository needs for what it has to do first: move the branch, and clone.

    The clone stays: files that were just deleted would make the next one slow (see docs/benchmarks.md).
    """
    commit = repository.prepare()
    begun = time.monotonic()
    repository.publish(commit)
    subprocess.run(["git", "clone", "-q", "--shared", str(repository.path), str(place)], env=GIT, check=True)
    return time.monotonic() - begun


def row(name: str, where: str, daemon: list[float], hook: list[float]) -> Row:
    """The median is what the goal is about."""
    files, commits, goal = SIZES[name]
    measured = (
        f"{spread(daemon, '.0f', 1000)} ms; a hook that clones, without verifying: {spread(hook, '.0f', 1000)} ms; "
        f"ratio {spread(ratios(daemon, hook), '.2f')}"
    )
    what = f"push to `ansible-playbook` started, {files:,} files, {commits:,} commits, {where}"
    return Row(what, measured, f"{goal} ms", statistics.median(daemon) * 1000 <= goal)
