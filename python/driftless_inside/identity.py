# SPDX-License-Identifier: GPL-3.0-or-later
"""What identifies a task: where it stands in the repository and how it is written there."""

from __future__ import annotations

from driftless_inside.channel import Channel, plain


class Tasks:
    """Numbers the tasks of a run in the order in which they begin."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numbers: dict[str, int] = {}
        self._occurrences: dict[tuple, int] = {}
        self._begun: dict[str, tuple[tuple, int]] = {}  # By uuid: what identifies a task, and its occurrence.

    def any(self) -> bool:
        """Whether a task began."""
        return bool(self._numbers)

    def number(self, task: object, handler: bool = False) -> int:
        """The task's number; tells that it begins where it has none yet.

        In a later `serial` batch, or a later flush, a task keeps its number.
        """
        uuid = str(task._uuid)  # type: ignore[attr-defined]
        known = self._numbers.get(uuid)
        if known is None:
            known = self._numbers[uuid] = len(self._numbers)
            self._channel.tell("task_started", task=known, handler=handler or None, **self._identity(task))
        return known

    def begun(self, task: object) -> tuple[tuple, int]:
        """What identifies a task that began (see `key`), and which of several such it is."""
        self.number(task)
        return self._begun[str(task._uuid)]  # type: ignore[attr-defined]

    def key(self, task: object) -> tuple:
        """Path, role, action and name of a task, whether it began or not."""
        return tuple(self._place(task)[0].values())

    def _place(self, task: object) -> tuple[dict, str]:
        path, _, line = str(task.get_path() or "").rpartition(":")  # type: ignore[attr-defined]
        role = getattr(task, "_role", None)
        place = {
            "path": self._channel.relative(path),
            "role": str(role.get_name()) if role else None,
            "action": str(task.action),  # type: ignore[attr-defined]
            "name": plain(raw_name(task)),  # As it is told, so that it is found again by what was told.
        }
        return place, line

    def _identity(self, task: object) -> dict:
        place, line = self._place(task)
        key = tuple(place.values())
        occurrence = self._occurrences.get(key, 0)
        self._occurrences[key] = occurrence + 1
        self._begun[str(task._uuid)] = (key, occurrence)  # type: ignore[attr-defined]
        return {**place, "line": int(line) if line.isdigit() else 0, "occurrence": occurrence}


def raw_name(thing: object) -> str:
    """The name of a play, task or handler as the file has it.

    Ansible's own `get_name()` is templated with the variables of the first host, and so can hold a secret.
    """
    written = getattr(thing, "_ds", None)
    if isinstance(written, dict):
        name = written.get("name") or written.get("listen")  # A handler may have no name of its own.
    else:
        name = getattr(thing, "name", None)  # Made by Ansible itself: "Gathering Facts".
    # An encrypted name is of another class, which would decrypt itself here.
    return str.__str__(name) if isinstance(name, str) else ""


def raw_pattern(play: object) -> str:
    """The host pattern of a play as the file has it."""
    written = getattr(play, "_ds", None)
    hosts = written.get("hosts") if isinstance(written, dict) else None
    terms = hosts if isinstance(hosts, list) else [hosts]
    return ",".join(str.__str__(term) for term in terms if isinstance(term, str))
