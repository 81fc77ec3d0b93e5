"""Rows that are measured by programs in `benches/`."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable

from measure import Row, spread


def events(bench: Callable[[str], dict]) -> list[Row]:
    """Rates by time on the cores, so that what else runs on the machine matters less; the clock's beside it."""
    told = bench("events")
    rows = []
    for name, what, goal in (
        ("recorded", "decoded and recorded", 150_000),
        ("decoded", "decoded alone", 500_000),
    ):
        on_core = [it[f"{name}_per_cpu_second"] for it in told["slices"]]
        by_clock = [it[f"{name}_per_second"] for it in told["slices"]]
        measured = (
            f"{spread(on_core, ',.0f')} for each second on a core; by the clock {spread(by_clock, ',.0f')}"
        )
        what = f"{told['events']:,} events of {told['line_bytes'] / 1000:.1f} KB, {what}"
        rows.append(Row(what, measured, f"{goal:,} a second", statistics.median(on_core) >= goal))
    curve = ", ".join(f"{it['events']:,}: {it['kib'] / 1024:.1f}" for it in told["memory"])
    peak = told["peak_kib"] / 1024
    memory = [it["kib"] for it in told["memory"][1:]]
    flat = max(memory) - min(memory) <= 0.1 * memory[0]
    measured = f"peak {peak:.1f} MiB; after events, MiB: {curve}; {'flat' if flat else 'growing'}"
    rows.append(Row("the same: resident memory", measured, "flat, 64 MiB", flat and peak <= 64))
    return rows


def steps(bench: Callable[[str], dict]) -> list[Row]:
    """The slowest kind of step decides; ticks, in which nothing happens, are by far the most."""
    told = bench("step")
    rows = []
    for size in told["sizes"]:
        kinds = size["kinds"]
        medians = {kind: statistics.median(it["medians"]) for kind, it in kinds.items()}
        slowest = max(medians, key=medians.__getitem__)
        parts = [f"{kind} {spread(it['medians'], '.0f')}" for kind, it in sorted(kinds.items())]
        wakeups = [value for it in kinds.values() for value in it["wakeups"]]
        longest = max(value for it in kinds.values() for value in it["longest"])
        measured = (
            f"µs: {', '.join(parts)}; longest step {longest:,.0f}; next wake-up {spread(wakeups, '.0f')}; "
            f"all stacks shown {spread(size['shown'], ',.0f')}"
        )
        goal, met = "", None
        if size["stacks"] == 1000:
            goal, met = "1,000 µs", medians[slowest] < 1000
        rows.append(Row(f"`step` with {size['stacks']:,} stacks", measured, goal, met))
    return rows


def runner(top: str, quick: bool) -> Callable[..., dict]:
    """Runs a bench of the crate and reads its last line."""

    def bench(name: str, *more: str) -> dict:
        words = ["cargo", "bench", "--quiet", "--locked", "--bench", name, "--", *more]
        if quick:
            words.append("--quick")
        done = subprocess.run(words, cwd=top, stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    return bench
