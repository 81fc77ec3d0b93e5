# SPDX-License-Identifier: GPL-3.0-or-later
"""Pays handlers that earlier runs owe: their notifications are given to Ansible again.

Not when the play begins: the first flush would then restart a service with the old file, before the task that
brings the new one. A debt is paid when the task that once notified has ended well on that host. If that task
is gone, or does not come, it is paid after the last task of its section, before the flush that ends it.
"""

from __future__ import annotations

from dataclasses import dataclass

from driftless_inside.channel import Channel
from driftless_inside.identity import Tasks
from driftless_inside.notifications import Notifications


@dataclass(eq=False)
class Debt:
    """One handler that is owed to one host."""

    index: int
    host: str
    handler: str
    play: int
    section: int
    dynamic: bool
    key: tuple  # What identifies the task that notified.
    occurrence: int


def read(orders: list) -> list[Debt]:
    """The debts of an order. One that cannot be read stays owed."""
    debts = []
    for index, order in enumerate(orders):
        try:
            task = order["task"]
            role = task.get("role")
            key = (str(task["path"]), None if role is None else str(role), str(task["action"]), str(task["name"]))
            where = int(order["play"]), min(int(order["section"]), 2), bool(order.get("dynamic"))
            who = str(order["host"]), str(order["handler"])
            debts.append(Debt(index, *who, *where, key, int(task.get("occurrence") or 0)))
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
    return debts


class Debts:
    """Pays, and tells what was paid."""

    def __init__(self, channel: Channel, tasks: Tasks, notifications: Notifications, debts: list[Debt]) -> None:
        self._channel = channel
        self._tasks = tasks
        self._notifications = notifications
        self._debts = debts
        self._iterator: object | None = None
        self._here: dict[str, list[Debt]] = {}  # By host: what is to be paid in this batch.
        self._keys: dict[tuple, list[str]] = {}  # The tasks of this play that stand in it: their uuids.
        self._given: dict[tuple[str, str], list[Debt]] = {}  # By host and notification: what Ansible was given.

    def playbook(self, playbook: object) -> None:
        """Finds the play of each debt: plays may have moved since. Where its task is nowhere, the number counts."""
        plays = [
            {self._tasks.key(task) for block in play.compile() for task in block.get_tasks()}
            for play in playbook.get_plays()  # type: ignore[attr-defined]
        ]
        for debt in self._debts:
            homes = [number for number, keys in enumerate(plays) if debt.key in keys]
            if homes and debt.play not in homes:
                debt.play = min(homes, key=lambda home: abs(home - debt.play))

    def batch(self, iterator: object, play: int) -> None:
        """A play or a batch of it begins."""
        self._iterator = iterator
        self._given = {}
        self._keys = {}
        self._here = {}
        for debt in self._debts:
            if debt.play == play and debt.host in iterator._host_states:  # type: ignore[attr-defined]
                self._here.setdefault(debt.host, []).append(debt)
        if not self._here:
            return
        for block in iterator._blocks:  # type: ignore[attr-defined]
            for task in block.get_tasks():
                self._keys.setdefault(self._tasks.key(task), []).append(str(task._uuid))
        for host in list(self._here):
            if self._next_section(host) is None:  # Nothing runs on it, so no result will say that it is time.
                self._pay(host, self._here[host], {"section": 0})

    def ended_well(self, host: str, task: object) -> None:
        """A task that is no handler ended well."""
        if not self._here:
            return
        for name in list(self._here) if getattr(task, "run_once", False) is True else [host]:
            due = self._due(name, task) if name in self._here else []
            if due:
                self._pay(name, due, {"task": self._tasks.number(task)})

    def done(self, host: str, handler: str) -> None:
        """All handlers of a notification ran."""
        for debt in self._given.pop((host, handler), []):
            self._channel.tell("debt_paid", debt=debt.index)

    def orphan(self, host: str, handler: str) -> None:
        """A notification named nothing that exists."""
        for debt in self._given.pop((host, handler), []):
            self._channel.tell("debt_orphan", debt=debt.index)

    def _due(self, host: str, task: object) -> list[Debt]:
        if self._iterator.is_failed(Named(host)):  # type: ignore[attr-defined,union-attr]
            return []
        key, occurrence = self._tasks.begun(task)
        section, _ = self._notifications.sections.of(task, host)
        due, coming = [], -1  # Which section comes next on this host is looked up at most once.
        for debt in self._here[host]:
            alone = len(self._keys.get(key, ())) == 1
            if debt.key == key and (debt.occurrence == occurrence or alone):
                due.append(debt)
                continue
            coming = self._next_section(host) if coming == -1 else coming
            if coming is None or max(section, self._section(debt)) < coming:
                due.append(debt)
        return due

    def _section(self, debt: Debt) -> int:
        """The section in which a debt is to be paid: that of its task, which may have moved."""
        static = self._notifications.sections.static()
        return max((static.get(uuid, 0) for uuid in self._keys.get(debt.key, ())), default=debt.section)

    def _next_section(self, host: str) -> int | None:
        """The section of the next task that will give a result on this host; `None` if there is none."""
        iterator, named = self._iterator, Named(host)
        state, task = iterator.get_next_task_for_host(named, peek=True)  # type: ignore[union-attr,attr-defined]
        while task is not None and str(task.action).rpartition(".")[2] == "meta":
            state, task = iterator._get_next_task_from_state(state, host=named)  # type: ignore[union-attr,attr-defined]
        return None if task is None else self._notifications.sections.find(task, host)

    def _pay(self, host: str, due: list[Debt], at: dict) -> None:
        left = [debt for debt in self._here[host] if debt not in due]
        if left:
            self._here[host] = left
        else:
            del self._here[host]
        for debt in due:
            origin = {"section": debt.section, "dynamic": debt.dynamic or None, **at}
            self._given.setdefault((host, debt.handler), []).append(debt)
            self._notifications.give(self._iterator, host, debt.handler, origin)


class Named:
    """All that an iterator wants of a host."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_name(self) -> str:
        """As Ansible's hosts have it."""
        return self.name
