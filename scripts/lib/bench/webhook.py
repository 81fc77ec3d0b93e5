"""From the delivery of a webhook to the start of `ansible-playbook`."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from measure import Row, spread, wait_for
from world import GIT, Daemon, Repository, many_files

SIZES = {"small": (200, 200), "large": (10_000, 10_000)}  # files, commits
GOAL = 500  # milliseconds, for 95 of 100
SECRET = "It's a Secret to Everybody"


def measure(room: Path, program: Path, ansible: Path, pairs: int, where: str) -> list[Row]:
    """Both sizes take turns. The repositories are reached over https: nothing is watched, and nothing polled."""
    (room / "secret").write_text(SECRET)
    (room / "secret").chmod(0o600)
    repositories = {}
    for name, (files, commits) in SIZES.items():
        repositories[name] = Repository(room / f"{name}.git")
        repositories[name].fill(many_files(files), commits)
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in SIZES}
    with server(room) as url:
        for name, repository in repositories.items():
            repository.url = f"{url}/{name}.git"
            repository.keys = (
                f", credentials: {{ ca_bundle: {room}/cert.pem }}"
                f", webhook: {{ provider: github, secret: {{ file: {room}/secret }} }}"
            )
        daemon = Daemon(program, ansible, room / "daemon")
        try:
            daemon.start(repositories, "1d")
            wait_for("the first runs", lambda: daemon.ended_runs() == len(SIZES))
            for number in range(pairs * 3):
                for name in SIZES:
                    started, answered = deliver(daemon, repositories[name], name, f"{name}-{number}")
                    times[name][0].append(started)
                    times[name][1].append(answered)
        finally:
            daemon.stop()
    return [row(name, where, *times[name]) for name in SIZES]


@contextlib.contextmanager
def server(room: Path) -> Iterator[str]:
    """A Git server with a certificate of its own; gives its address."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=room,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    program = Path(__file__).with_name("https.py")
    args = [sys.executable, "-B", str(program), str(room), str(room / "cert.pem"), str(room / "key.pem")]
    child = subprocess.Popen(args, env=GIT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        yield f"https://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.terminate()
        child.wait()


def deliver(daemon: Daemon, repository: Repository, source: str, number: str) -> tuple[float, float]:
    """Pushes, then tells it as GitHub does: seconds from then to the start that the record tells, and to the answer."""
    before = daemon.ended_runs()
    commit = repository.prepare()
    repository.publish(commit)
    body = json.dumps({"ref": "refs/heads/main", "after": commit, "repository": {"full_name": "acme/infra"}}).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": number,
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }
    address = daemon.ask("status")["url"].removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=30)
    sent, begun = time.time(), time.monotonic()
    connection.request("POST", f"/webhooks/{source}", body, headers)
    status = connection.getresponse().status
    answered = time.monotonic() - begun
    connection.close()
    if status != 202:
        raise RuntimeError(f"a delivery was answered with {status}:\n{daemon.logged()[-2000:]}")
    wait_for("a run", lambda: daemon.ended_runs() > before)
    started = daemon.run_of(commit)["started_at"]
    seconds, _, fraction = started.rstrip("Z").partition(".")
    at = datetime.fromisoformat(seconds + "+00:00").timestamp() + float(f"0.{fraction or 0}")
    return at - sent, answered


def most(values: list[float], share: float) -> float:
    """The least value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def row(name: str, where: str, started: list[float], answered: list[float]) -> Row:
    """The goal is for 95 of 100."""
    files, commits = SIZES[name]
    late = most(started, 0.95) * 1000
    measured = (
        f"{spread(started, '.0f', 1000)} ms, 95 of 100 within {late:.0f} ms; "
        f"answered in {spread(answered, '.1f', 1000)} ms"
    )
    what = f"webhook to `ansible-playbook` started, {files:,} files, {commits:,} commits, over https, {where}"
    return Row(what, measured, f"95 of 100 within {GOAL} ms", late <= GOAL)
