# SPDX-License-Identifier: GPL-3.0-or-later
"""Which handlers were notified, by which task, and whether they ran.

A notification is saved when the result of the task is processed, just before that result reaches callbacks. At
a flush Ansible finds out which handlers it stands for; it is done when all of them ended well on that host. If
a handler notifies another one, that is put down to the task that notified the first: it is the one that a
later run will see again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from driftless_inside.channel import Channel
from driftless_inside.identity import Tasks

LAST_SECTION = 2
# Of the `meta` tasks those that are done for each host; the others are done once for all.
_PER_HOST = frozenset({"noop", "reset_connection", "end_host", "end_role"})


class Notifications:
    """Tells `notified`, `handler_done` and `handler_orphan`."""

    def __init__(self, channel: Channel, tasks: Tasks) -> None:
        self._channel = channel
        self._tasks = tasks
        self._play = 0
        self.debts: object | None = None  # Who pays what earlier runs owe, if there is any.
        self.taint: object | None = None  # Who wants to know what a check run only believes to be notified.
        self.sections = Sections(None)
        self._searched = ""  # The notification that Ansible looks up handlers for.
        self._giving = False  # What is saved now is not of a task.
        self._clear()

    def _clear(self) -> None:
        # All by host, then by notification. Saved by the task whose result is being processed; handlers that
        # one stands for, as they are found; handlers that still have to end; where each came from.
        self._saved: dict[str, list[str]] = {}
        self._found: dict[str, dict[str, list]] = {}
        self._waiting: dict[str, dict[str, set[str]]] = {}
        self._origins: dict[tuple[str, str], dict] = {}
        self._told: set[tuple[str, str]] = set()
        self._doubtful: set[tuple[str, str]] = set()  # Notified, by tainted tasks alone.
        # By host and handler: where its notification came from, and of an include what it settled.
        self._causes: dict[tuple[str, str], dict] = {}
        self._settled: dict[tuple[str, str], list[str]] = {}

    def batch(self, iterator: object, play: int) -> None:
        """A play or a serial batch of it begins."""
        self._play = play
        self.sections = Sections(iterator)
        self._clear()

    # What Ansible does, as the hooks see it.

    def searched(self, notification: object) -> None:
        """Ansible looks up the handlers of a notification."""
        self._searched = str(notification)

    def saved(self, host: str, notification: object) -> None:
        """A task notified."""
        if not self._giving:
            self._saved.setdefault(host, []).append(str(notification))

    def found(self, host: str, handler: object) -> None:
        """The notification that was looked up last stands for this handler."""
        self._found.setdefault(host, {}).setdefault(self._searched, []).append(handler)

    def flushed(self, host: str, notification: object) -> None:
        """At a flush all handlers of a notification were found."""
        name = str(notification)
        handlers = (self._found.pop(host, None) or {}).get(name, [])
        if handlers:
            self._wait(host, name, handlers)
            return
        if (host, name) in self._told:
            self._told.discard((host, name))
            self._channel.tell("handler_orphan", host=host, handler=name)
        if self.debts is not None:
            self.debts.orphan(host, name)  # type: ignore[attr-defined]

    # Results.

    def ended_well(self, host: str, task: object, handler: bool, doubtful: bool) -> None:
        """A task or handler ended ok, skipped, or with an error that does not matter."""
        if handler:
            self._handler_ended(host, task, getattr(task, "run_once", False) is True)
        elif host in self._saved:
            section, dynamic = self.sections.of(task, host)
            origin = {"task": self._tasks.number(task), "section": section, "dynamic": dynamic or None}
            for name in self._saved.pop(host):
                if not doubtful:
                    self._doubtful.discard((host, name))
                elif (host, name) not in self._told:
                    self._doubtful.add((host, name))
                self._tell(host, name, origin)

    def meta_ended(self, host: str, task: object) -> None:
        """A handler that is a `meta` task ended. No result tells of it."""
        self._handler_ended(host, task, task.args.get("_raw_params") not in _PER_HOST)  # type: ignore[attr-defined]

    def handler_failed(self, host: str, task: object) -> None:
        """A handler failed. If an include brought it, the include is not done after all."""
        for uuid in _ancestors(task):
            for name in self._settled.pop((host, uuid), []):
                self._tell(host, name, self._causes.get((host, uuid)) or {})

    def give(self, iterator: object, host: str, name: str, origin: dict) -> None:
        """Gives a notification of an earlier run to Ansible again."""
        self._origins[host, name] = origin
        self._giving = True
        try:
            iterator.add_notification(host, name)  # type: ignore[attr-defined]
        finally:
            self._giving = False

    def _handler_ended(self, host: str, task: object, everywhere: bool) -> None:
        uuid = str(task._uuid)  # type: ignore[attr-defined]
        for name in list(self._waiting) if everywhere else [host]:
            self._settle(name, uuid)
        found = self._found.pop(host, None)
        if found:
            cause = next((self._causes[host, it] for it in (uuid, *_ancestors(task)) if (host, it) in self._causes), {})
            for name, handlers in found.items():
                self._tell(host, name, cause)
                self._wait(host, name, handlers)

    def _settle(self, host: str, uuid: str) -> None:
        waiting = self._waiting.get(host) or {}
        for name in [name for name, handlers in waiting.items() if uuid in handlers]:
            waiting[name].discard(uuid)
            if waiting[name]:
                continue
            del waiting[name]
            self._settled.setdefault((host, uuid), []).append(name)
            if (host, name) in self._told:
                self._told.discard((host, name))
                self._channel.tell("handler_done", host=host, handler=name)
            if self.debts is not None:
                self.debts.done(host, name)  # type: ignore[attr-defined]

    def _wait(self, host: str, name: str, handlers: list) -> None:
        uuids = {str(handler._uuid) for handler in handlers}
        self._waiting.setdefault(host, {}).setdefault(name, set()).update(uuids)
        for uuid in uuids:
            self._causes[host, uuid] = self._origins.get((host, name)) or {}
            if self.taint is not None:
                self.taint.notified(host, uuid, (host, name) in self._doubtful)  # type: ignore[attr-defined]

    def _tell(self, host: str, name: str, origin: dict) -> None:
        self._origins[host, name] = origin
        self._told.add((host, name))
        self._channel.tell("notified", host=host, handler=name, play=self._play, **origin)


class Sections:
    """The parts of a play, each of which ends with a flush: 0 `pre_tasks`, 1 roles and tasks, 2 `post_tasks`."""

    def __init__(self, iterator: object | None) -> None:
        self._iterator = iterator
        self._static: dict[str, int] | None = None
        self._latest: dict[str, int] = {}  # By host.

    def static(self) -> dict[str, int]:
        """The section of each task that stands in the play itself, by uuid."""
        if self._static is None:
            section, self._static = 0, {}
            for block in getattr(self._iterator, "_blocks", []):
                for task in block.get_tasks():
                    self._static[str(task._uuid)] = min(section, LAST_SECTION)
                    if task.implicit and task.args.get("_raw_params") == "flush_handlers":
                        section += 1
        return self._static

    def of(self, task: object, host: str) -> tuple[int, bool]:
        """The section of a task that ended, and whether an include brought it while the play ran."""
        section = self._latest[host] = self.find(task, host)
        return section, str(task._uuid) not in self.static()  # type: ignore[attr-defined]

    def find(self, task: object, host: str) -> int:
        """The section of a task: its own, else that of the include around it, else where the host is."""
        static = self.static()
        around = (str(task._uuid), *_ancestors(task))  # type: ignore[attr-defined]
        return next((static[it] for it in around if it in static), self._latest.get(host, 1))


def _ancestors(task: object) -> list[str]:
    """The uuids of the blocks and includes around a task, the nearest first."""
    found = []
    at = getattr(task, "_parent", None)
    while at is not None:
        found.append(str(at._uuid))
        at = getattr(at, "_parent", None)
    return found


def install(channel: Channel, notifications: Notifications) -> None:
    """Hooks what is needed. A fault in one of these is told; Ansible's own work is done in any case."""
    from ansible.executor.play_iterator import PlayIterator
    from ansible.playbook.handler import Handler
    from ansible.plugins.strategy import StrategyBase

    def before(owner: type, name: str, see: Callable) -> None:
        _hook(channel, owner, name, see, None)

    def after(owner: type, name: str, see: Callable) -> None:
        _hook(channel, owner, name, None, see)

    def meta_ended(_, task: object, __, ___, host: object) -> None:
        if isinstance(task, Handler):
            notifications.meta_ended(str(host.name), task)  # type: ignore[attr-defined]

    before(StrategyBase, "search_handlers_by_notification", lambda _, what, *__: notifications.searched(what))
    before(Handler, "notify_host", lambda handler, host: notifications.found(str(host.name), handler))
    after(PlayIterator, "add_notification", lambda _, host, what: notifications.saved(str(host), what))
    after(PlayIterator, "clear_notification", lambda _, host, what: notifications.flushed(str(host), what))
    after(StrategyBase, "_execute_meta", meta_ended)


def _hook(channel: Channel, owner: type, name: str, before: Callable | None, after: Callable | None) -> None:
    original = getattr(owner, name)

    def see(look: Callable | None, args: tuple) -> None:
        try:
            if look is not None:
                look(*args)
        except Exception as error:
            channel.fault(name, error)

    @functools.wraps(original)
    def told(self, *args, **kwargs):
        see(before, (self, *args, *kwargs.values()))
        result = original(self, *args, **kwargs)
        see(after, (self, *args, *kwargs.values()))
        return result

    setattr(owner, name, told)
