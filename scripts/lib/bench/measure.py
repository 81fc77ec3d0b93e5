"""Clocks, processors and spreads."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
TICKS = os.sysconf("SC_CLK_TCK")


class Row:
    """One line of the table."""

    def __init__(self, what: str, measured: str, goal: str = "", met: bool | None = None) -> None:
        self.what = what
        self.measured = measured
        self.goal = goal
        self.met = met


def spread(values: Sequence[float], form: str, scale: float = 1) -> str:
    """Median, least and most: `12 (10 to 15)`."""
    scaled = [value * scale for value in values]
    middle, least, most = statistics.median(scaled), min(scaled), max(scaled)
    return f"{format(middle, form)} ({format(least, form)} to {format(most, form)})"


def ratios(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """Pair by pair."""
    return [a / b for a, b in zip(one, other, strict=True)]


def cpu_of(pid: int) -> float:
    """Seconds of processor that a process had, and with it those of its children that it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def memory_of(pid: int, name: str) -> float:
    """A line of `/proc/PID/status` in MiB: `VmRSS` or `VmHWM`."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def run_measured(args: Sequence[str], cwd: Path, environment: dict[str, str]) -> float:
    """Runs a program that must succeed; seconds of processor that it and its children had."""
    with (cwd / "output").open("w+b") as output:
        child = subprocess.Popen(  # noqa: S603
            args, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"{args[0]} ended with {child.returncode}: {output.read().decode()[-2000:]}")
    return usage.ru_utime + usage.ru_stime


def wait_for(what: str, condition: Callable[[], T], seconds: float = 300) -> T:
    """Until it holds; gives what it then says."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.02)
    return found
