# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a check run rests on results that check mode could not have.

A task that could not be simulated registers something empty. Whatever uses that on the same host says
nothing: it is tainted, and what it registers or sets is, too. In doubt a result is tainted. As long as
nothing on any host is, nothing is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from driftless_inside import words
from driftless_inside.channel import Channel
from driftless_inside.results import delegated_to

MAX_TEMPLATE = 1 << 20
_FLOW = frozenset({"end_host", "end_play", "end_batch", "end_role", "clear_host_errors"})
_EVERYBODY = frozenset({"end_play", "end_batch", "clear_host_errors"})
# Which file they bring can rest on a variable, and is known only once they are templated.
_INCLUDES = frozenset({"include_tasks", "include_role"})
# Of Ansible's own, with no text of the repository in it.
_NO_TEXT = frozenset({"hostvars", "groups", "group_names", "vars", "omit", "ansible_facts", "environment"})


class Taint:
    """Follows, host by host, which variables cannot be believed."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._names: dict[str, set[str]] = {}  # By host: variables that cannot be believed. Never an empty set.
        self._lost: set[str] = set()  # Hosts on which a tainted condition decided what runs: nothing can be.
        self._broken: set[str] = set()  # Hosts on which a tainted task failed: what rescues it can not.
        self._tainted: set[tuple[str, str]] = set()  # Tasks under way, by host and uuid.
        self._included: set[tuple[str, str]] = set()  # Includes that rest on what cannot be believed, by host and uuid.
        self._notified: dict[tuple[str, str], bool] = {}  # Handlers by host and uuid: by tainted tasks alone?
        self._hosts: list[str] = []  # Of the current batch.
        self._words: dict[str, frozenset[str]] = {}  # By the uuid of the task.
        self._files: dict[str, set[str]] = {}
        self._values: dict[int, tuple[object, set[str]]] = {}  # With the value, so that its number is of no other.

    def batch(self, iterator: object) -> None:
        """A play or a batch of it begins."""
        self._hosts = list(iterator._host_states)  # type: ignore[attr-defined]
        self._broken.clear()

    def queued(self, strategy: object, host: object, task: object, variables: Mapping) -> None:
        """A task is about to be executed, with these variables. They are not templated yet."""
        name = str(host.name)  # type: ignore[attr-defined]
        if not (self._names or self._lost or self._broken or self._included):
            return
        included = words.include_around(task)
        doubtful = name in self._lost or (name in self._broken and _rescues(task))
        doubtful = doubtful or (included is not None and (name, str(included._uuid)) in self._included)  # type: ignore[attr-defined]
        if doubtful or self._rests(name, task, variables, _results(strategy, name)):
            self._tainted.add((name, str(task._uuid)))  # type: ignore[attr-defined]

    def directed(self, strategy: object, iterator: object, host: object, task: object) -> None:
        """A `meta` task is about to decide who goes on."""
        what = task.args.get("_raw_params")  # type: ignore[attr-defined]
        if not self._names or what not in _FLOW or not task.when:  # type: ignore[attr-defined]
            return
        name = str(host.name)  # type: ignore[attr-defined]
        manager = strategy._variable_manager  # type: ignore[attr-defined]
        variables = manager.get_vars(play=iterator._play, host=host, task=task)  # type: ignore[attr-defined]
        if self._rests(name, task, variables, _results(strategy, name)):
            self._lost.update(self._hosts if what in _EVERYBODY else [name])

    def lose(self, host: object) -> None:
        """From here on nothing on this host can be believed."""
        self._lost.add(str(host.name))  # type: ignore[attr-defined]

    def of(self, host: str, task: object) -> bool:
        """Whether a result, or that of an item, is tainted."""
        key = (host, str(task._uuid))  # type: ignore[attr-defined]
        if key in self._tainted or self._notified.get(key):
            return True
        if not self._names or not str(task.action).endswith("template"):  # type: ignore[attr-defined]
            return False
        source = task.args.get("src")  # type: ignore[attr-defined]
        try:
            rests = isinstance(source, str) and self._template_rests(host, task, source)
        except Exception as error:
            self._channel.fault("taint", error)
            rests = True
        if rests:
            self._tainted.add(key)  # And so is the loop that the item is of.
        return rests

    def notified(self, host: str, uuid: str, doubtful: bool) -> None:
        """A handler is to run. `doubtful`: perhaps it is not, if what notified it is not as it seems."""
        self._notified[host, uuid] = self._notified.get((host, uuid), True) and doubtful

    def ended(self, host: str, task: object, data: Mapping, status: str, doubtful: bool) -> None:
        """A task ended. `doubtful`: it is blind or tainted, so what it leaves behind cannot be believed."""
        self._tainted.discard((host, str(task._uuid)))  # type: ignore[attr-defined]
        self._notified.pop((host, str(task._uuid)), None)  # type: ignore[attr-defined]
        if not doubtful and not self._names:
            return
        if doubtful and any(_is(task, it) for it in _INCLUDES):
            self._included.add((host, str(task._uuid)))  # type: ignore[attr-defined]
        if doubtful and status == "failed":
            self._broken.add(host)
        everybody = getattr(task, "run_once", False) is True and bool(self._hosts)
        hosts = self._hosts if everybody else [host]
        self._mark(hosts, _registered(task), doubtful)
        facts = _facts(task, data, doubtful or status == "ok")
        if doubtful and not facts and _is(task, "include_vars"):
            self._lost.update(hosts)  # Variables of any name.
        if getattr(task, "delegate_facts", False) is True:
            other = delegated_to(task, data)
            hosts = [other] if other else self._hosts  # In doubt it could be any of them.
        self._mark(hosts, facts, doubtful)

    def _mark(self, hosts: Iterable[str], names: set[str], doubtful: bool) -> None:
        for host in hosts if names else ():
            known = self._names.get(host)
            if doubtful:
                self._names.setdefault(host, set()).update(names)
            elif known:
                known -= names
                if not known:
                    del self._names[host]

    def _rests(self, host: str, task: object, variables: Mapping, results: set[str]) -> bool:
        """Whether a task uses a variable that cannot be believed, itself or through others."""
        uuid = str(task._uuid)  # type: ignore[attr-defined]
        used = self._words.get(uuid)
        if used is None:
            used = self._words[uuid] = words.of_task(task)
        return self._reaches(used, host, task, variables, results)

    def _template_rests(self, host: str, task: object, source: str) -> bool:
        manager = task.get_variable_manager()  # type: ignore[attr-defined]
        of_host = manager._inventory.get_host(host)
        variables = manager.get_vars(play=task.get_play(), host=of_host, task=task)  # type: ignore[attr-defined]
        results = set(manager._nonpersistent_fact_cache.get(host) or ())
        return self._reaches({words.FILE + source}, host, task, variables, results)

    def _reaches(self, used: Iterable[str], host: str, task: object, variables: Mapping, results: set[str]) -> bool:
        """Whether one of these names, or one that is reached from them, cannot be believed or could be any."""
        tainted = self._names.get(host, set())
        seen = set(used)
        todo = list(seen)
        while todo:
            name = todo.pop()
            if name in tainted or (name == words.ANY and tainted):
                return True
            if name.startswith(words.FILE):
                found = self._of_file(task, name[len(words.FILE) :])
            elif name in results or name in _NO_TEXT or name not in variables:
                continue
            else:
                found = self._of_variable(name, variables[name])
            found = found - seen
            seen |= found
            todo.extend(found)
        return "hostvars" in seen and any(not names.isdisjoint(seen) for names in self._names.values())

    def _of_variable(self, name: str, value: object) -> set[str]:
        """The names in the text of a variable. Those of a list or a dictionary are kept: hosts have it in common."""
        # What begins with `ansible_` is a fact or a setting: no condition, if it is text.
        read = words.of_text if name.startswith("ansible_") else _of_text
        if isinstance(value, str):
            return words.of_value(value, read)
        known = self._values.get(id(value))
        if known is None:
            known = self._values[id(value)] = (value, words.of_value(value, read))
        return known[1]

    def _of_file(self, task: object, source: str) -> set[str]:
        """The names in a template that this task would find; any, if it cannot be read."""
        try:
            path = task._loader.path_dwim_relative_stack(  # type: ignore[attr-defined]
                task.get_search_path(),
                "templates",
                source,  # type: ignore[attr-defined]
            )
            if path not in self._files:
                with open(path, encoding="utf-8", errors="replace") as stream:
                    text = stream.read(MAX_TEMPLATE + 1)
                self._files[path] = words.of_template(text) if len(text) <= MAX_TEMPLATE else {words.ANY}
            return self._files[path]
        except Exception:
            return {words.ANY}


def _of_text(text: str) -> set[str]:
    """Texts of variables can be conditions, and names of other variables: every word in them counts."""
    return words.of_text(text) if "{{" in text or "{%" in text else words.of_expression(text)


def _results(strategy: object, host: str) -> set[str]:
    """The variables of a host that tasks made: values, with no text of the repository in them."""
    return set(strategy._variable_manager._nonpersistent_fact_cache.get(host) or ())  # type: ignore[attr-defined]


def _registered(task: object) -> set[str]:
    """The variables that a task registers: one up to ansible-core 2.20, any number since."""
    register = getattr(task, "register", None)
    if isinstance(register, str):
        return {str(register)}
    return {str(name) for name in register} if isinstance(register, (Mapping, list)) else set()


def _is(task: object, action: str) -> bool:
    return str(task.action).rpartition(".")[2] == action  # type: ignore[attr-defined]


def _facts(task: object, data: Mapping, sets: bool) -> set[str]:
    """The variables that a task sets otherwise; with `sets` those that it was to set, whatever it says."""
    found: set[str] = set()
    items = data.get("results")
    for result in (data, *(items if isinstance(items, list) else ())):
        facts = result.get("ansible_facts") if isinstance(result, Mapping) else None
        if isinstance(facts, Mapping):
            found.update(map(str, facts))
    if sets and _is(task, "set_fact"):
        names = (str(name) for name in task.args if name != "cacheable")  # type: ignore[attr-defined]
        found.update(name for name in names if not name.startswith(("_ansible_", "_raw_", "_variable_")))
    return found


def _rescues(task: object) -> bool:
    """Whether a task stands in the `rescue` part of a block."""
    at, around = task, getattr(task, "_parent", None)
    while around is not None:
        if any(part._uuid == at._uuid for part in getattr(around, "rescue", None) or ()):  # type: ignore[attr-defined]
            return True
        at, around = around, getattr(around, "_parent", None)
    return False


def install(channel: Channel, taint: Taint) -> None:
    """Looks at tasks before they are executed. Only for check runs."""
    from ansible.plugins.strategy import StrategyBase

    queue, execute_meta = StrategyBase._queue_task, StrategyBase._execute_meta

    def queued(self, host, task, task_vars, play_context):
        try:
            taint.queued(self, host, task, task_vars)
        except Exception as error:
            channel.fault("taint", error)
            taint.lose(host)
        return queue(self, host, task, task_vars, play_context)

    def directed(self, task, play_context, iterator, target_host):
        try:
            taint.directed(self, iterator, target_host, task)
        except Exception as error:
            channel.fault("taint", error)
            taint.lose(target_host)
        return execute_meta(self, task, play_context, iterator, target_host)

    StrategyBase._queue_task, StrategyBase._execute_meta = queued, directed
