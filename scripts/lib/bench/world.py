"""A directory with Git repositories, a configuration and the real daemon."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

from measure import wait_for

GIT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C.UTF-8",
}

LOCAL = "local ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}\n"

# A playbook that is over as soon as Ansible has started.
SMALL = """\
- hosts: all
  gather_facts: false
  tasks:
    - debug: { msg: hello }
"""


def stacks(apply: str = "on_commit") -> str:
    """A `driftless.yml` with one stack."""
    stack = f"{{ playbook: site.yml, inventory: inventory.ini, apply: {apply} }}"
    return f"version: 1\nstacks:\n  all: {stack}\n"


class Repository:
    """A bare Git repository that is filled without a work tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = str(path)
        self.keys = ""  # What else is configured of it.
        self.made = 0
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], env=GIT, check=True)

    def git(self, *args: str, stdin: bytes = b"") -> str:
        """What git says."""
        done = subprocess.run(
            ["git", *args], cwd=self.path, env=GIT, input=stdin, stdout=subprocess.PIPE, check=True
        )
        return done.stdout.decode().strip()

    def fill(self, files: dict[str, str], commits: int = 1) -> None:
        """Commits the files to `main`, then changes one of them in each further commit."""
        stream = [self._commit("refs/heads/main", files, "")]
        names = sorted(files)
        for number in range(1, commits):
            changed = {f"history/{number % 100}.txt": f"{names[number % len(names)]} {number}\n"}
            stream.append(self._commit("refs/heads/main", changed, ""))
        self.git("fast-import", "--quiet", stdin="".join(stream).encode())

    def prepare(self) -> str:
        """Makes a commit on top of `main` that no branch names yet, and gives its hash."""
        content = f"{self.made}\n"
        stream = self._commit("refs/bench/next", {"changing.txt": content}, "from refs/heads/main^0\n")
        self.git("fast-import", "--quiet", "--force", stdin=stream.encode())
        return self.git("rev-parse", "refs/bench/next")

    def publish(self, commit: str) -> float:
        """Lets `main` name the commit; gives the time just before."""
        begun = time.time()
        self.git("update-ref", "refs/heads/main", commit)
        return begun

    def _commit(self, reference: str, files: dict[str, str], parent: str) -> str:
        self.made += 1
        parts = [f"commit {reference}\ncommitter Bench <bench@example.org> {1700000000 + self.made} +0000\n"]
        parts.append(f"data 1\nx\n{parent}")
        for path, content in files.items():
            parts.append(f"M 644 inline {path}\ndata {len(content)}\n{content}\n")
        return "".join(parts) + "\n"


def many_files(count: int) -> dict[str, str]:
    """A repository as large as that, of which the playbook uses three files."""
    files = {"driftless.yml": stacks(), "site.yml": SMALL, "inventory.ini": LOCAL, "changing.txt": "0\n"}
    for number in range(count - len(files)):
        content = f"# file {number}\n" + f"option_{number}: value of number {number}\n" * 20
        files[f"roles/role_{number // 100}/files/file_{number}.yml"] = content
    return files


class Daemon:
    """The daemon, in directories of its own."""

    def __init__(self, program: Path, ansible: Path, place: Path) -> None:
        self.program = program
        self.ansible = ansible
        self.place = place
        self.log = place / "log"
        self.child: subprocess.Popen[bytes] | None = None
        place.mkdir()

    def start(self, sources: dict[str, Repository], poll: str, more: str = "") -> None:
        """Starts it, and waits until it is ready."""
        lines = [f"  {name}: {{ url: {it.url}, poll: {poll}{it.keys} }}\n" for name, it in sources.items()]
        config = self.place / "config.yml"
        config.write_text(
            f"state_dir: {self.place}/state\ncache_dir: {self.place}/cache\nrun_dir: {self.place}/run\n"
            f"listen: 127.0.0.1:0\nsystem_ansible: {self.ansible}/bin/ansible-playbook\n{more}"
            f"sources:\n{''.join(lines)}"
        )
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(
                [self.program, "--config", config, "serve"],
                env={"PATH": GIT["PATH"], "HOME": str(self.place)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        wait_for("the daemon is ready", lambda: " ready" in self.logged() or self._ended())

    @property
    def pid(self) -> int:
        """Its number."""
        return self.child.pid

    def _ended(self) -> bool:
        if self.child.poll() is None:
            return False
        raise RuntimeError(f"the daemon ended with {self.child.returncode}:\n{self.logged()[-2000:]}")

    def stop(self) -> None:
        """Ends it."""
        if self.child is not None:
            self.child.terminate()
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()

    def logged(self) -> str:
        """What it said so far. Reading this asks nothing of it."""
        text = self.log.read_text(errors="replace")
        return re.sub(r"\x1b\[[0-9;]*m", "", text)

    def ended_runs(self) -> int:
        """How many runs are over."""
        return len(re.findall(r"ended (?:in_sync|changed|failed|errored|unreachable)\b", self.logged()))

    def ask(self, *words: str) -> dict:
        """What the command line tells."""
        args = [self.program, "--socket", self.place / "run/driftless.sock", "--output", "json", *words]
        return json.loads(subprocess.run(args, check=True, stdout=subprocess.PIPE, env={}).stdout)

    def run_of(self, commit: str) -> dict:
        """The apply of a commit, once its end is recorded, which is after it was logged. It must have succeeded."""

        def ended() -> dict | None:
            runs = (it for it in self.ask("runs")["runs"] if it["revision"].endswith(commit))
            return next((it for it in runs if it["mode"] == "apply" and it["ending"]), None)

        run = wait_for(f"the end of the run of {commit}", ended)
        if run["ending"]["outcome"] not in ("in_sync", "changed"):
            raise RuntimeError(f"run of {commit}: {run['ending']}")
        return run
