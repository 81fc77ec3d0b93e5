# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Ansible is listened to from outside the callback. Installed before its command line runs.

Each hook calls what it replaces exactly once and changes no result, but for one that keeps hidden text from being
printed. What a hook needs of Ansible and does not find makes `install` raise, and then there is no run: names and
signatures are the same from ansible-core 2.16 to 2.22.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable

from driftless_inside import fatal, follow, patterns
from driftless_inside.channel import Channel
from driftless_inside.progress import Progress

CALLBACK = "driftless.core.events"
REFUSED = 78


def install(channel: Channel, gate: object | None = None) -> None:
    """Hooks everything. Raises if this Ansible is not as we know it. `gate` asks before hosts are touched."""
    from ansible import constants
    from ansible.cli import CLI
    from ansible.cli.playbook import PlaybookCLI
    from ansible.executor.play_iterator import PlayIterator
    from ansible.executor.playbook_executor import PlaybookExecutor
    from ansible.executor.task_queue_manager import TaskQueueManager
    from ansible.inventory.manager import InventoryManager
    from ansible.plugins.callback import CallbackBase

    channel.progress = Progress(channel)
    channel.gate = gate
    channel.phase = "options"
    # What the repository enabled stays enabled; we are added. So nobody has to ask Ansible for its list.
    enabled = list(constants.CALLBACKS_ENABLED or [])
    constants.CALLBACKS_ENABLED = enabled if CALLBACK in enabled else [*enabled, CALLBACK]

    _command_line(channel, CLI, PlaybookCLI)
    _inventory(channel, InventoryManager)
    _executor(channel, PlaybookExecutor, TaskQueueManager)
    _iterator(channel, PlayIterator)
    _output(CallbackBase)


def wrap(owner: type, name: str, make: Callable[[Callable], Callable]) -> None:
    """Replaces a function of a class by `make` of it."""
    original = getattr(owner, name)
    replaced = functools.wraps(original)(make(original))
    # `_play_prereqs` is static up to 2.18 and a method since.
    static = isinstance(inspect.getattr_static(owner, name), staticmethod)
    setattr(owner, name, staticmethod(replaced) if static else replaced)


def refuse(channel: Channel, why: str) -> None:
    """Ends the process before a task runs. Ansible would swallow any other exception than this one."""
    channel.tell("error", **{"class": "DriftlessCallbackError", "message": why})
    sys.stderr.write(f"driftless: run refused: {why}\n")
    raise SystemExit(REFUSED)


def _command_line(channel: Channel, cli: type, playbook_cli: type) -> None:
    """Errors that end Ansible, and a limit that leaves no host, which ends it before any play."""

    def run(original: Callable) -> Callable:
        def told(self):
            with fatal.telling(channel):
                return original(self)

        return told

    def get_host_list(original: Callable) -> Callable:
        def told(inventory, *args, **kwargs):
            try:
                return original(inventory, *args, **kwargs)
            except Exception:
                if not inventory.list_hosts():
                    channel.tell("no_hosts_left", unknown=patterns.unknown_limit(inventory))
                raise

        return told

    def prereqs(original: Callable) -> Callable:
        def told(*args, **kwargs):
            channel.phase = "inventory"
            return original(*args, **kwargs)

        return told

    wrap(playbook_cli, "run", run)
    wrap(cli, "get_host_list", get_host_list)
    wrap(cli, "_play_prereqs", prereqs)


def _inventory(channel: Channel, manager: type) -> None:
    """Inventory sources that no plugin could read. A plugin that fails before another succeeds is no news."""
    told_within = [0]

    def parse_source(original: Callable) -> Callable:
        def told(self, source, *args, **kwargs):
            before = told_within[0]
            parsed = False
            try:
                parsed = original(self, source, *args, **kwargs)
                return parsed
            finally:
                # Of a directory that could not be read the file in it was told already.
                if not parsed and before == told_within[0]:
                    told_within[0] += 1
                    channel.tell("inventory_unparsed", source=channel.relative(source))

        return told

    wrap(manager, "parse_source", parse_source)


def _executor(channel: Channel, executor: type, manager: type) -> None:
    """No run without our callback; and the hosts that each play is to work on."""

    def run(original: Callable) -> Callable:
        def told(self):
            channel.phase = "playbook"
            return original(self)

        return told

    def load_callbacks(original: Callable) -> Callable:
        def told(self):
            original(self)
            ours = channel.callback
            if ours is None or not any(it is ours for it in self._callback_plugins) or ours.disabled:
                refuse(channel, "the callback driftless.core.events did not register")
            if channel.phase == "playbook":
                channel.phase = "start"
                ours.begin()

        return told

    def batches(original: Callable) -> Callable:
        def told(self, play):
            made = original(self, play)
            _quietly(channel, "play", channel.progress.play, made)
            return made

        return told

    wrap(executor, "run", run)
    wrap(executor, "_get_serialized_batches", batches)
    wrap(manager, "load_callbacks", load_callbacks)


def _iterator(channel: Channel, iterator: type) -> None:
    """Follows how far each host gets, and asks before any of them is touched."""

    def init(original: Callable) -> Callable:
        def told(self, *args, **kwargs):
            original(self, *args, **kwargs)
            _quietly(channel, "batch", channel.progress.batch, self)
            play = channel.progress.number
            follow.batch(channel, self, play)
            # No task runs without an iterator: this is the last place before the first of them, and the hosts
            # are those that Ansible will work on.
            if channel.gate is not None:
                channel.gate.play(self, play)

        return told

    wrap(iterator, "__init__", init)


def _output(callback: type) -> None:
    """Since 2.19 Ansible prints the message of a failed `no_log` task, whose result it hides."""

    def handle_exception(original: Callable) -> Callable:
        def told(self, result, *args, **kwargs):
            return None if "censored" in result else original(self, result, *args, **kwargs)

        return told

    wrap(callback, "_handle_exception", handle_exception)


def _quietly(channel: Channel, where: str, notice: Callable, what: object) -> None:
    """Calls `notice`. If it fails that is told, the run goes on, and nobody is called finished any more."""
    try:
        notice(what)
    except Exception as error:
        channel.progress.lost(where, error)
