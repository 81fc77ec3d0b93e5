# SPDX-License-Identifier: GPL-3.0-or-later
"""Announces each plaintext of a vault before anything can use it, in whatever process it is decrypted.

Workers are forks of us and decrypt inline vaults themselves. Their announcements go through the same pipe: a
record is never longer than what a pipe takes in one piece (`PIPE_BUF`), so records of several processes do
not mix.
"""

from __future__ import annotations

import base64
import errno
import functools
import os
import re
import time
from collections.abc import Callable, Iterator

from driftless_inside.channel import Channel

MAX_RECORD = 4096
PIECE = 3000  # Bytes of plaintext in one record: 4000 as base64, and what stands before.
SHORTEST = 4  # Shorter values are in every text.
SHORTEST_LINE = 8  # Of a text of several lines; numbers as well.
MAX_VALUES = 100_000
PATIENCE_SECONDS = 5.0  # For the other end to be opened.

_ASSIGNED = re.compile(r"""[\w.-]\s*=\s*("[^"]*"|'[^']*'|[^\s"'=]\S*)""")
_ENCRYPTED = frozenset({"!vault", "!vault-encrypted"})  # Announced once it is decrypted.
_TEXT, _NUMBERS = "tag:yaml.org,2002:str", ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def open_announcer(channel: Channel, path: str) -> Announcer | None:
    """Opens the named pipe. If nobody reads it that is told, and nothing is announced."""
    try:
        return Announcer(channel, _open(path))
    except OSError as error:
        channel.tell("announcements_missing")
        channel.fault("announce", error)
        return None


def _open(path: str) -> int:
    """Opens for writing. Waits a moment for a reader, but not for ever."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            break
        except OSError as error:
            if error.errno != errno.ENXIO or deadline < time.monotonic():
                raise
            time.sleep(0.01)
    os.set_blocking(fd, True)
    return fd


class Announcer:
    """Writes plaintexts to the pipe, each once for a process and its forks."""

    def __init__(self, channel: Channel, fd: int) -> None:
        self._channel = channel
        self._fd = fd
        self._missing = False
        self._announced: set[int] = set()

    def install(self) -> None:
        """Hooks where Ansible decrypts: files and, since all versions end up here, inline vaults."""
        try:
            from ansible.parsing.vault import VaultLib

            VaultLib.decrypt_and_get_vault_id = self._announcing(VaultLib.decrypt_and_get_vault_id, _first)
            VaultLib.decrypt = self._announcing(VaultLib.decrypt, _itself)
        except Exception as error:
            self._fail(error)

    def announce(self, plaintext: object) -> None:
        """Announces one plaintext, and the values in it."""
        try:
            data = (
                plaintext if isinstance(plaintext, bytes) else str.__str__(plaintext).encode("utf-8", "surrogatepass")
            )
            if hash(data) in self._announced:
                return
            for value in values_of(data):
                self._write(value)
            self._announced.add(hash(data))
        except Exception as error:
            self._fail(error)

    def _announcing(self, decrypt: Callable, plaintext_of: Callable) -> Callable:
        @functools.wraps(decrypt)
        def announced(*args, **kwargs):
            decrypted = decrypt(*args, **kwargs)
            self.announce(plaintext_of(decrypted))
            return decrypted

        return announced

    def _write(self, value: bytes) -> None:
        identity = os.urandom(4).hex()
        pieces = [value[start : start + PIECE] for start in range(0, len(value), PIECE)]
        for number, piece in enumerate(pieces, start=1):
            head = f"{identity} {number} {len(pieces)} ".encode("ascii")
            record = head + base64.b64encode(piece) + b"\n"
            if os.write(self._fd, record) != len(record):
                raise OSError("a record was written in part")

    def _fail(self, error: BaseException) -> None:
        """From here on driftless must not trust that it knows all secrets."""
        if not self._missing:
            self._missing = True
            self._channel.tell("announcements_missing")
        self._channel.fault("announce", error)


def _first(decrypted: tuple) -> object:
    return decrypted[0]


def _itself(decrypted: object) -> object:
    return decrypted


def values_of(data: bytes) -> Iterator[bytes]:
    """What is announced of a plaintext: all of it, and each value in it that can turn up on its own."""
    seen = {b""}

    def new(value: bytes, shortest: int) -> bool:
        if len(value) < shortest or value in seen:
            return False
        seen.add(value)
        if MAX_VALUES < len(seen):
            raise ValueError("too many values")
        return True

    for whole in (data, data.strip()):
        if new(whole, SHORTEST):
            yield whole
    text = data.decode("utf-8", "ignore")
    values = _scalars(text)
    for value, shortest in values if values is not None else _assigned(text):
        for part, least in (
            (value, shortest),
            (value.strip(), shortest),
            *((it, SHORTEST_LINE) for it in _lines(value)),
        ):
            found = part.encode("utf-8", "surrogatepass")
            if new(found, least):
                yield found


def _lines(value: str) -> list[str]:
    """The lines of a text of several: they are shown one by one, behind a `+` for instance."""
    lines = value.splitlines()
    return [line.strip() for line in lines] if 1 < len(lines) else []


def _assigned(text: str) -> Iterator[tuple[str, int]]:
    """The values in a text that is no YAML: an inventory, a key, a certificate. Its lines, too."""
    yield text, SHORTEST
    for match in _ASSIGNED.finditer(text):
        yield match[1].strip("\"'"), SHORTEST


def _scalars(text: str) -> list[tuple[str, int]] | None:
    """The values in a text that is YAML with several of them; `None` if it is none.

    Only its nodes are read: nothing is constructed and no merge key is followed, so a bomb is no larger here
    than its file.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        roots = list(yaml.compose_all(text, Loader=loader))
    except (yaml.YAMLError, RecursionError, ValueError):
        return None
    if not any(isinstance(root, yaml.CollectionNode) for root in roots):
        return None
    found, seen, todo = [], set(), [root for root in roots if root is not None]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            todo += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif node.tag in _NUMBERS:
            found.append((node.value, SHORTEST_LINE))
        elif node.tag == _TEXT or (node.tag.startswith("!") and node.tag not in _ENCRYPTED):
            found.append((node.value, SHORTEST))
    return found
