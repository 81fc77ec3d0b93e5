# SPDX-License-Identifier: GPL-3.0-or-later
"""The event channel: one line per event, `<nonce> <json>`, written by the main process only."""

from __future__ import annotations

import json
import os
import threading
import time
import traceback

MAX_TEXT = 1000  # Characters of any text that is told.
MAX_FAULTS = 20  # A hook that fails on each result must not flood the record.

_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, default=str, separators=(",", ":")).encode


class Whole(str):
    """A text that whoever tells it has cut and made clean: it is told as it is, however long."""

    __slots__ = ()


class Channel:
    """Tells events, and knows what every teller needs to know of this run."""

    def __init__(self, fd: int, nonce: str, checkout: str, item_key: str) -> None:
        self._fd = fd
        self._prefix = nonce.encode("ascii") + b" "
        self._pid = os.getpid()  # Workers are forks of us: they hold the descriptor and must not write to it.
        self._lock = threading.Lock()  # Results of loop items arrive on a thread of Ansible's.
        self._faults = 0
        self.roots = _roots(checkout)
        self.item_key = bytes.fromhex(item_key)[:64]
        self.details = False  # Whether results say what they said.
        self.debts: list = []  # Handlers that earlier runs owe, as the order has them.
        self.phase = "import"  # How far Ansible got: import, options, inventory, playbook, start, plays.
        self.callback: object | None = None  # Our callback, once Ansible has made one.
        self.progress: object | None = None  # What follows how far hosts get.
        self.gate: object | None = None  # What asks before hosts are touched, if this run has to.

    def tell(self, event: str, **fields: object) -> None:
        """Writes one event. Does nothing in a worker, and once nobody listens any more."""
        if os.getpid() != self._pid or self._fd < 0:
            return
        data = self._prefix + encode({"at": time.time_ns() // 1_000_000, "event": event, **fields}) + b"\n"
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                self._fd = -1  # The reader is gone. Ending the run is its guardian's business.

    def fault(self, where: str, error: BaseException) -> None:
        """Tells that a hook of ours failed. Its text is not told: it could hold a value."""
        self._faults += 1
        if self._faults > MAX_FAULTS:
            return
        frame = (traceback.extract_tb(error.__traceback__) or [None])[-1]
        place = f"{os.path.basename(frame.filename)}:{frame.lineno}" if frame else None
        message = f"{type(error).__name__} in {where}"
        self.tell("error", **{"class": "DriftlessCallbackError", "place": place, "message": message})

    def relative(self, path: object) -> str:
        """A path as it is told: relative to the checkout; of a file elsewhere only its last parts."""
        text = os.path.normpath(str(path)) if path else ""
        for root in self.roots:
            if text.startswith(root):
                return text[len(root) :]
        if "/ansible_collections/" in text:
            return "ansible_collections/" + text.rsplit("/ansible_collections/", 1)[1]
        parts = text.split("/")
        return text if len(parts) <= 4 else "…/" + "/".join(parts[-4:])


def _roots(checkout: str) -> list[str]:
    """The checkout as it was named and as it really is: Ansible tells paths either way."""
    names = [os.path.normpath(checkout), os.path.realpath(checkout)]
    return [name.rstrip("/") + "/" for name in dict.fromkeys(names)]


def encode(fields: dict) -> bytes:
    """One event as JSON that every parser accepts: no NaN, huge number, lone surrogate or long text."""
    return _encode(plain({key: value for key, value in fields.items() if value is not None})).encode("ascii")


def plain(value: object) -> object:
    """`value` made of nothing but plain dicts, lists, texts, small integers and booleans."""
    kind = type(value)
    if kind is bool or value is None or kind is Whole:
        return value
    if isinstance(value, int):
        return int(value) if -(2**53) < value < 2**53 else str(int(value))
    if isinstance(value, str):
        return clean(str.__str__(value)[:MAX_TEXT])
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)[:MAX_TEXT]


def clean(text: str) -> str:
    """A text without lone surrogates, which no parser of JSON accepts."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_channel: Channel | None = None


def open_channel(fd: int, nonce: str, checkout: str, item_key: str) -> Channel:
    """Makes the channel of this process. Called once, by the launcher."""
    global _channel
    _channel = Channel(fd, nonce, checkout, item_key)
    return _channel


def the_channel() -> Channel:
    """The channel that the launcher made. Without one the callback has nothing to do here."""
    if _channel is None:
        raise RuntimeError("driftless.core.events works only under driftless")
    return _channel
