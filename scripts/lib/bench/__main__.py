"""The measurements of driftless, as one table. `scripts/bench` calls this once everything is built."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import fleet
import modules
import overhead
import pages
import polling
import programs
import push
import webhook
from measure import Row

ROWS = ("push", "webhook", "overhead", "large", "events", "fleet", "pages", "polling", "steps", "modules")


def main() -> None:
    """Measures the rows that were asked for, one after the other."""
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--quick", action="store_true", help="three pairs and short periods, to try it out")
    parser.add_argument("--program", type=Path, required=True, help="the release build of driftless")
    parser.add_argument("--ansible", type=Path, required=True, help="an environment with ansible-core")
    parser.add_argument("--runner", type=Path, required=True, help="an environment with ansible-runner")
    parser.add_argument("--collection", type=Path, required=True, help="where scripts/modules put it together")
    parser.add_argument("--posix", type=Path, required=True, help="a directory of collections with ansible.posix")
    parser.add_argument("row", nargs="*", help=f"one of {', '.join(ROWS)}; all if none is given")
    options = parser.parse_args()
    if unknown := [name for name in options.row if name not in ROWS]:
        parser.error(f"no row {unknown[0]}; there are {', '.join(ROWS)}")
    pairs = 3 if options.quick else 7
    top = Path(__file__).resolve().parents[3]
    program, ansible = options.program.resolve(), options.ansible.resolve()
    bench = programs.runner(str(top), options.quick)
    ways = {
        "push": lambda room: both(push.measure, room, program, ansible, pairs),
        "webhook": lambda room: both(webhook.measure, room, program, ansible, pairs),
        "overhead": lambda room: overhead.measure(room, program, ansible, pairs, 20, options.runner.resolve()),
        "large": lambda room: overhead.measure(room, program, ansible, pairs, 200),
        "events": lambda _: programs.events(bench),
        "fleet": lambda room: fleet.measure(room, program, ansible, bench, pairs),
        "pages": lambda room: pages.measure(room, program, ansible, bench, pairs),
        "polling": lambda room: polling.measure(room, program, ansible, options.quick),
        "steps": lambda _: programs.steps(bench),
        "modules": lambda room: modules.measure(
            room, options.collection.resolve(), ansible, options.posix.resolve(), pairs
        ),
    }
    rows: list[Row] = []
    for name in options.row or ROWS:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bench-", dir=top / "target", ignore_cleanup_errors=True) as room:
            measured = ways[name](Path(room))
        rows += measured
        for row in measured:
            print(f"bench: {row.what}: {row.measured}", file=sys.stderr)
        print(f"bench: {name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print(table(rows))
    print(f"\n{surroundings(ansible)}{', short run: three pairs' if options.quick else ''}.")


def both(measure: Callable[..., list[Row]], room: Path, program: Path, ansible: Path, pairs: int) -> list[Row]:
    """On the disk, and in memory: what differs is the file system's, the rest is ours."""
    rows = measure(room, program, ansible, pairs, "on disk")
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=memory, ignore_cleanup_errors=True) as place:
            rows += measure(Path(place), program, ansible, pairs, "in memory")
    return rows


def table(rows: list[Row]) -> str:
    """As Markdown, which can be read as it is."""
    lines = ["| what | median (least to most) | goal | met |", "|---|---|---|---|"]
    for row in rows:
        met = {True: "yes", False: "**missed**", None: ""}[row.met]
        lines.append(f"| {row.what} | {row.measured} | {row.goal} | {met} |")
    return "\n".join(lines)


def surroundings(ansible: Path) -> str:
    """What the numbers depend on."""
    code = "import ansible.release as it, sys; print(it.__version__, '%d.%d' % sys.version_info[:2])"
    told = subprocess.run([ansible / "bin/python", "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    core, python = told.stdout.split()
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {load:.0f}, ansible-core {core}, Python {python}"


main()
