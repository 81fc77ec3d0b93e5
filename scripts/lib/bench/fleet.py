"""A fleet of 5,000 hosts: what its results cost, what is kept of them, and how soon its drift is told."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from measure import Row, spread
from world import Daemon, Repository


def measure(room: Path, program: Path, ansible: Path, bench: Callable[..., dict], pairs: int) -> list[Row]:
    """First the bench program, then a daemon on the state that it left."""
    place = room / "daemon"
    daemon = Daemon(program, ansible, place)
    told = bench("fleet", "--keep", str(place / "state"))
    check, calm = told["check"], told["unchanged"]
    what = f"{check['results']:,} results of {told['hosts']:,} hosts"
    peak = told["peak_kib"] / 1024
    measured = (
        f"peak {peak:.0f} MiB; {check['changes']:,} differences classified in {check['classified_ms']:.0f} ms, "
        f"all in {check['seconds']:.1f} s; none lost"
    )
    rows = [Row(f"{what}, recorded and classified: memory", measured, "200 MiB", peak < 200)]
    database, events = calm["database_bytes"] / 1024, calm["events_bytes"] / 1024
    rows.append(
        Row(
            f"kept of a run of {calm['results']:,} results that changed nothing",
            f"{database:,.0f} KiB in the database, {events:,.0f} KiB of compressed events",
        )
    )
    times = asked(daemon, room, max(pairs, 7))
    met = statistics.median(times) <= 0.2
    what = f"`driftless drift` with {told['hosts']:,} hosts"
    rows.append(Row(what, f"{spread(times, '.0f', 1000)} ms", "200 ms", met))
    return rows


def asked(daemon: Daemon, room: Path, times: int) -> list[float]:
    """Seconds that the command line takes, from its start to its end."""
    nobody = Repository(room / "bench.git")
    socket = daemon.place / "run/driftless.sock"
    words = [daemon.program, "--socket", socket, "drift"]
    taken = []
    try:
        daemon.start({"bench": nobody}, "1d")
        for _ in range(times):
            begun = time.monotonic()
            done = subprocess.run(words, check=False, stdout=subprocess.PIPE, env={})
            taken.append(time.monotonic() - begun)
            if b"Write the configuration 3" not in done.stdout:
                raise RuntimeError(f"no drift is told: {done.stdout[:2000]!r}")
    finally:
        daemon.stop()
    return taken
