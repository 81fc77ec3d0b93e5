"""Pages and API of a large estate, while a run writes; and what the daemon adds to that run."""

from __future__ import annotations

import http.client
import queue
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import TICKS, Row, memory_of, run_measured, spread, wait_for
from overhead import playbook
from world import GIT, Daemon, Repository, stacks

# Requests a second, as from 25 people who look, or a wall of screens.
RATE = 25

# How many wait for an answer at the same time at most.
CONNECTIONS = 8

HOSTS = 20


def measure(room: Path, program: Path, ansible: Path, bench: Callable[..., dict], pairs: int) -> list[Row]:
    """A daemon on the estate that the bench program left, and a source beside it of which runs are made."""
    place = room / "daemon"
    daemon = Daemon(program, ansible, place)
    estate = bench("pages", "--keep", str(place))
    files = {"driftless.yml": stacks("manual"), "site.yml": playbook(), "inventory.ini": inventory()}
    live = Repository(room / "live.git")
    live.fill(files)
    project = room / "project"
    project.mkdir()
    for name, content in files.items():
        (project / name).write_text(content)
    environment = {**GIT, "PATH": f"{ansible}/bin:{GIT['PATH']}", "HOME": str(room)}
    bare, unwatched, watched, spent = [], [], [], []
    answers: dict[str, list[float]] = defaultdict(list)
    try:
        daemon.start({"estate": Existing(place / "repository"), "live": live}, "1d", RETRY)
        wait_for("the sources are fetched", lambda: all(it["head"] for it in daemon.ask("status")["sources"]))
        paths = list(wanted(daemon, estate))
        reader = Reader(daemon)
        alone = {path: [reader.get(path) for _ in range(15)] for _, path in paths}
        through(daemon)
        for _ in range(pairs):
            words = [f"{ansible}/bin/ansible-playbook", "-i", "inventory.ini", "site.yml"]
            bare.append(run_measured(words, project, environment))
            own, children = through(daemon)
            unwatched.append(own + children)
            with reader.reading(paths, answers) as count:
                own_watched, children = through(daemon)
            watched.append(children)
            spent.append((own_watched - own) / max(count(), 1))
        memory = memory_of(daemon.pid, "VmRSS"), memory_of(daemon.pid, "VmHWM")
    finally:
        daemon.stop()
    return [*told(estate, paths, alone, answers), *costs(bare, unwatched, watched, spent, memory)]


# What failed on the estate is not tried again.
RETRY = "limits: { retry: { base: 1d, max: 7d } }\n"


class Existing:
    """A repository that is there."""

    def __init__(self, path: Path) -> None:
        self.url = str(path)
        self.keys = ""


def inventory() -> str:
    """Local hosts."""
    connection = "ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}"
    return "".join(f"host-{number:03} {connection}\n" for number in range(HOSTS))


def wanted(daemon: Daemon, estate: dict) -> Iterator[tuple[str, str]]:
    """What is looked at: kind and path."""
    stack, largest, host = f"estate/{estate['stack']}", f"estate/{estate['largest']}", estate["host"]
    runs = daemon.ask("runs", "--count", "1000")["runs"]
    of = {name: next(it for it in runs if it["stack"] == name) for name in (stack, largest)}
    commit = of[stack]["revision"].rpartition(":")[2]
    for path in (
        "/",
        f"/stacks/{stack}",
        f"/stacks/{largest}",
        f"/hosts/{host}",
        "/hosts",
        "/runs",
        f"/runs/{of[stack]['run']}",
        f"/runs/{of[largest]['run']}",
        f"/sources/estate/commits/{commit}",
        "/merge-requests",
        "/audit",
        "/system",
    ):
        yield "page", path
    for path in (
        "/status",
        "/stacks",
        f"/stacks/{stack}",
        f"/stacks/{stack}/explain",
        f"/stacks/{largest}/drift",
        "/runs",
        f"/runs?stack={stack}",
        f"/runs/{of[largest]['run']}",
        "/audit",
        "/hosts",
        f"/hosts/{host}",
        "/system",
    ):
        yield "API", f"/api/v1{path}"


def through(daemon: Daemon) -> tuple[float, float]:
    """An apply as a person asks for it: seconds of processor of the daemon, and of what it started."""
    before, ended = cpu_of_both(daemon.pid), daemon.ended_runs()
    daemon.ask("apply", "live/all", "--no-wait")
    wait_for("the run", lambda: daemon.ended_runs() > ended)
    after = cpu_of_both(daemon.pid)
    return after[0] - before[0], after[1] - before[1]


def cpu_of_both(pid: int) -> tuple[float, float]:
    """Seconds of processor that a process had, and those of its children that it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, children = (sum(int(it) for it in fields[start : start + 2]) for start in (11, 13))
    return own / TICKS, children / TICKS


class Reader:
    """Somebody with a token who looks at pages, or a program that uses the API."""

    def __init__(self, daemon: Daemon) -> None:
        self.address = daemon.ask("status")["url"].removeprefix("http://")
        made = daemon.ask("tokens", "create", "bench", "--role", "viewer", "--expires", "1d")
        self.headers = {"Authorization": f"Bearer {made['text']}", "Accept-Encoding": "identity"}
        self.connection = http.client.HTTPConnection(self.address)

    def get(self, path: str, connection: http.client.HTTPConnection | None = None) -> float:
        """Seconds until the whole answer is there."""
        connection = connection or self.connection
        begun = time.monotonic()
        connection.request("GET", path, headers=self.headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered with {answer.status}")
        return time.monotonic() - begun

    @contextmanager
    def reading(
        self, paths: list[tuple[str, str]], answers: dict[str, list[float]]
    ) -> Iterator[Callable[[], int]]:
        """Asks for one after the other, at a steady rate. Seconds count from when a request was to be sent."""
        due: queue.Queue[tuple[float, str] | None] = queue.Queue()
        before = sum(len(it) for it in answers.values())
        failures: list[BaseException] = []
        over = threading.Event()

        def work() -> None:
            connection = http.client.HTTPConnection(self.address)
            while (asked := due.get()) is not None:
                try:
                    self.get(asked[1], connection)
                except (OSError, http.client.HTTPException, RuntimeError) as failure:
                    failures.append(failure)
                    connection.close()
                answers[asked[1]].append(time.monotonic() - asked[0])

        def pace() -> None:
            number, begun = 0, time.monotonic()
            while not over.wait(max(0.0, begun + number / RATE - time.monotonic())):
                due.put((begun + number / RATE, paths[number % len(paths)][1]))
                number += 1

        threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
        pacer = threading.Thread(target=pace)
        for thread in (*threads, pacer):
            thread.start()
        try:
            yield lambda: sum(len(it) for it in answers.values()) - before
        finally:
            over.set()
            pacer.join()
            for _ in threads:
                due.put(None)
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]


def told(
    estate: dict,
    paths: list[tuple[str, str]],
    alone: dict[str, list[float]],
    answers: dict[str, list[float]],
) -> list[Row]:
    """How soon pages and API answer."""
    what = f"{estate['stacks']:,} stacks, {estate['hosts']:,} hosts, {estate['runs']:,} runs"
    fleet = alone["/"]
    met = statistics.median(fleet) <= 0.1
    rows = [Row(f"{what}: the fleet's page, alone", f"{spread(fleet, '.0f', 1000)} ms", "100 ms", met)]
    for kind in ("page", "API"):
        mine = [path for of, path in paths if of == kind]
        times = sorted(it for path in mine for it in answers[path])
        middle, late = statistics.median(times), percentile(times, 99)
        slowest = max(mine, key=lambda path: percentile(sorted(answers[path]), 99))
        measured = (
            f"p50 {middle * 1e3:.0f} ms, p99 {late * 1e3:.0f} ms of {len(times):,} answers; slowest "
            f"`{slowest}`: p50 {statistics.median(answers[slowest]) * 1e3:.0f} ms, "
            f"p99 {percentile(sorted(answers[slowest]), 99) * 1e3:.0f} ms"
        )
        name = "pages" if kind == "page" else kind
        rows.append(
            Row(f"{name}, {RATE} requests a second while a run writes", measured, "p99 200 ms", late <= 0.2)
        )
    return rows


def costs(
    bare: list[float],
    unwatched: list[float],
    watched: list[float],
    spent: list[float],
    memory: tuple[float, float],
) -> list[Row]:
    """What it takes of processor and memory."""
    added = [(with_us / alone - 1) * 100 for with_us, alone in zip(unwatched, bare, strict=True)]
    measured = f"{spread(added, '+.1f')} % of {spread(bare, '.2f')} CPU seconds bare"
    met = statistics.median(added) <= 3
    rows = [Row(f"20 tasks on {HOSTS} hosts beside that estate: CPU added", measured, "3 %", met)]
    own = [(with_readers / alone - 1) * 100 for with_readers, alone in zip(watched, bare, strict=True)]
    measured = (
        f"{spread(own, '+.1f')} % for the run and its guardian; "
        f"the daemon {spread(spent, '.1f', 1000)} ms for each answer"
    )
    rows.append(Row(f"the same while {RATE} requests a second are answered", measured))
    rows.append(Row("memory of that daemon", f"{memory[0]:.0f} MiB, at most {memory[1]:.0f} MiB"))
    return rows


def percentile(ordered: list[float], percent: int) -> float:
    """The least value that so many percent are not above of."""
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]

