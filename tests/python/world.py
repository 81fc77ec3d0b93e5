"""A run of the launcher as driftless starts it: a checkout, an order on descriptor 3, events from stdout."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NONCE = "0f"
TIMEOUT_SECONDS = 540

Answer = Callable[[dict], "bytes | None"]  # What is answered to a question; `None` closes the pipe.


def go(question: dict) -> bytes:
    """Yes."""
    return json.dumps({"question": question["question"], "go": True}).encode() + b"\n"


class Done:
    """What came of a run."""

    def __init__(self, code: int, events: list[dict], log: str, plaintexts: list[bytes]) -> None:
        self.code, self.events, self.log, self.plaintexts = code, events, log, plaintexts
        self.tasks = {event["task"]: event for event in events if event["event"] == "task_started"}

    def of(self, *kinds: str) -> list[dict]:
        """The events of these kinds."""
        return [event for event in self.events if event["event"] in kinds]

    def results(self, name: str, host: str | None = None, kind: str = "task_ended") -> list[dict]:
        """The results of the task with this name."""
        found = [event for event in self.of(kind) if self.tasks[event["task"]]["name"] == name]
        return [event for event in found if host in (None, event["host"])]

    def result(self, name: str, host: str | None = None) -> dict:
        """The only result of the task with this name."""
        (found,) = self.results(name, host)
        return found

    def notifications(self, *kinds: str) -> list[tuple]:
        """Events about handlers, without their times."""
        kinds = kinds or ("notified", "handler_done", "handler_orphan", "debt_paid", "debt_orphan")
        return [
            (event["event"], event.get("host"), event.get("handler", event.get("debt"))) for event in self.of(*kinds)
        ]

    def faults(self) -> list[dict]:
        """What went wrong in our own code."""
        return [event for event in self.of("error") if event["class"] == "DriftlessCallbackError"]


class World:
    """A checkout in a directory of its own."""

    def __init__(self, files: dict[str, str]) -> None:
        self._room = tempfile.TemporaryDirectory()
        self.room = Path(self._room.name)
        self.checkout = self.room / "checkout"
        self.state = self.room / "state"
        for directory in (self.checkout, self.state):
            directory.mkdir()
        local = "ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}"
        self.write({"hosts.ini": "".join(f"h{number} {local}\n" for number in (1, 2, 3)), **files})

    def close(self) -> None:
        """Removes it."""
        self._room.cleanup()

    def write(self, files: dict[str, str | bytes]) -> None:
        """Writes files into the checkout."""
        for name, text in files.items():
            path = self.checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def run(
        self,
        *args: str,
        answer: Answer | None = None,
        seen: Callable[[dict], None] | None = None,
        announce: bool = False,
        announce_to: str | None = None,
        **order: object,
    ) -> Done:
        """Runs the launcher. `answer` makes it ask; `order` is what the order says beside what it must."""
        argv = ["-i", "hosts.ini", "-e", f"state={self.state}", *args, "site.yml"]
        full = {"nonce": NONCE, "argv": argv, "checkout": str(self.checkout), "item_key": "00" * 16, **order}
        if answer is not None:
            full["gate"] = True
        plaintexts = self.plaintexts = Plaintexts(self.room / "announce") if announce else None
        full["announce"] = str(plaintexts.path) if plaintexts else announce_to
        reader, writer = os.pipe()
        os.write(writer, json.dumps(full).encode() + b"\n")
        process = self.process = _start(reader, self.checkout, self.room)
        os.close(reader)
        events: list[dict] = []
        log: list[bytes] = []
        listening = threading.Thread(target=lambda: log.append(process.stderr.read()))
        listening.start()
        stop = threading.Timer(TIMEOUT_SECONDS, process.kill)
        stop.start()
        for line in process.stdout:
            assert line.startswith(NONCE.encode() + b" "), line
            events.append(json.loads(line[len(NONCE) + 1 :]))
            if seen is not None:
                seen(events[-1])
            if events[-1]["event"] == "hosts_asked" and answer is not None and writer != -1:
                said = answer(events[-1])
                if said is None:
                    os.close(writer)
                    writer = -1
                else:
                    os.write(writer, said)
        code = process.wait()
        stop.cancel()
        listening.join()
        if writer != -1:
            os.close(writer)
        process.stdout.close()
        process.stderr.close()
        return Done(code, events, b"".join(log).decode(), plaintexts.all() if plaintexts else [])


def _start(reader: int, checkout: Path, room: Path) -> subprocess.Popen:
    """The launcher, with the reading end of the pipe as descriptor 3 and nothing else of ours."""
    binaries = os.path.dirname(os.path.abspath(sys.executable))
    environment = {
        "PATH": f"{binaries}:/usr/bin:/bin",
        "HOME": str(room),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
    }
    start = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", start, str(reader), sys.executable, "-I", "-B", ROOT / "python/launcher.py"],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(reader,),
    )


class Plaintexts:
    """The other end of the announcements."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(self._reader, True)
        # So that the end of the file comes when we say so, and not between two writers.
        self._writer = os.open(path, os.O_WRONLY)
        self._data = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while data := os.read(self._reader, 65536):
            self._data += data

    def all(self) -> list[bytes]:
        """Every plaintext that was announced, at the end."""
        os.close(self._writer)
        self._thread.join()
        os.close(self._reader)
        self.path.unlink()
        return self.so_far()

    def so_far(self) -> list[bytes]:
        """Every plaintext that was announced, put together."""
        pieces: dict[bytes, dict[int, bytes]] = {}
        parts: dict[bytes, int] = {}
        for line in self._data.split(b"\n")[:-1]:
            assert len(line) < 4096, len(line)
            identity, number, count, piece = line.split(b" ")
            assert len(identity) == 8
            pieces.setdefault(identity, {})[int(number)] = base64.b64decode(piece, validate=True)
            parts[identity] = int(count)
        assert all(len(pieces[it]) == count for it, count in parts.items())
        return [b"".join(it[number] for number in sorted(it)) for it in pieces.values()]
