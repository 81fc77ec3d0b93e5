# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells driftless what Ansible does, through the channel that the launcher opened."""

from __future__ import annotations

import functools
import platform
import time
from collections.abc import Callable

from ansible import context
from ansible.playbook.handler import Handler
from ansible.plugins.callback import CallbackBase
from ansible.release import __version__

from driftless_inside import follow, patterns, results
from driftless_inside.channel import the_channel
from driftless_inside.identity import Tasks, raw_name, raw_pattern

DOCUMENTATION = """
name: events
type: aggregate
short_description: tells driftless what happens
description:
  - Writes one JSON line per event to the private channel of the driftless launcher.
  - Works only under that launcher.
author: the driftless project
"""

_VERSION = tuple(int(part) for part in __version__.split(".")[:2])
RECAP_LINE = 500  # Hosts in one line of the recap: a line must stay far below the reader's limit of a megabyte.
_MAKES_HOSTS = frozenset({"add_host", "group_by"})
_LOOKED_AT = frozenset({"failed", "ignored", "unreachable", "unreachable_ignored"})
_WELL = frozenset({"ok", "skipped", "ignored"})


def guarded(hook: Callable) -> Callable:
    """A hook whose failure is told. Ansible would print a warning, which nobody reads, and go on."""

    @functools.wraps(hook)
    def inner(self, *args, **kwargs):
        try:
            hook(self, *args, **kwargs)
        except Exception as error:
            self.channel.fault(hook.__name__, error)

    return inner


class CallbackModule(CallbackBase):
    """The callback. Every hook does little and waits for nothing but the pipe."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "driftless.core.events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.channel = the_channel()
        self.tell = self.channel.tell
        self.tasks = Tasks(self.channel)
        self.dynamic = False  # Whether a task of this run may have made hosts or groups.
        self.inventory = None
        self.checking = bool(context.CLIARGS.get("check"))
        # By host and task: when it began; of a loop, when its latest item ended, how many, any of them blind.
        self.started: dict[tuple[str, str], float] = {}
        self.items: dict[tuple[str, str], tuple[float, int, bool]] = {}
        self.notifications = self.debts = self.taint = self.hidden = None
        self.channel.callback = self

    def begin(self) -> None:
        """The launcher saw that we are registered."""
        self.tell("hello", ansible=__version__, python=platform.python_version())
        follow.begin(self)

    # Playbook and plays.

    @guarded
    def v2_playbook_on_start(self, playbook):
        self.tell("playbook_started", plays=len(playbook.get_plays()))
        self.channel.progress.playbook(playbook)
        if self.channel.gate is not None:
            self.channel.gate.start(playbook)  # Leaves if the answer is no.
        if self.debts is not None:
            self.debts.playbook(playbook)

    @guarded
    def v2_playbook_on_play_start(self, play):
        self.channel.phase = "plays"
        inventory = self.inventory = play.get_variable_manager()._inventory
        unknown = patterns.unknown_terms(inventory, play.hosts, excluded=False)
        unknown += [term for term in patterns.unknown_limit(inventory) if term not in unknown]
        templated = "{" in raw_pattern(play) and self.tasks.any()
        self.tell(
            "play_started",
            name=raw_name(play) or raw_pattern(play),
            hosts=len(inventory.get_hosts(play.hosts)),
            unknown=unknown or None,
            dynamic=self.dynamic or templated or None,
        )

    @guarded
    def v2_playbook_on_no_hosts_matched(self):
        self.tell("no_hosts_matched")

    @guarded
    def v2_playbook_on_no_hosts_remaining(self):
        self.tell("no_hosts_remaining")

    def v2_playbook_on_vars_prompt(self, varname, *args, **kwargs):
        # Asked before the prompt. Without a terminal Ansible would go on with the text "None".
        self.tell("prompt_refused", variable=str(varname))
        raise SystemExit(78)

    # Tasks.

    @guarded
    def v2_playbook_on_task_start(self, task, is_conditional):
        self.tasks.number(task)

    @guarded
    def v2_playbook_on_handler_task_start(self, task):
        self.tasks.number(task, handler=True)

    @guarded
    def v2_playbook_on_include(self, included_file):
        path = self.channel.relative(included_file._filename)
        self.tell("included", path=path, hosts=len(included_file._hosts))

    @guarded
    def v2_runner_on_start(self, host, task):
        self.started[str(host.name), str(task._uuid)] = time.monotonic()

    # Results. The hook's name is the status: up to 2.20 `is_failed()` and `is_skipped()` are always false.

    @guarded
    def v2_runner_on_ok(self, result):
        self._ended("task_ended", result, "ok")

    @guarded
    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._ended("task_ended", result, "ignored" if ignore_errors else "failed")

    @guarded
    def v2_runner_on_skipped(self, result):
        self._ended("task_ended", result, "skipped")

    @guarded
    def v2_runner_on_unreachable(self, result):
        tolerated = bool(getattr(results.task_of(result), "ignore_unreachable", False))
        self._ended("task_ended", result, "unreachable_ignored" if tolerated else "unreachable")

    @guarded
    def v2_runner_item_on_ok(self, result):
        self._ended("item_ended", result, "ok")

    @guarded
    def v2_runner_item_on_failed(self, result):
        self._ended("item_ended", result, "failed")

    @guarded
    def v2_runner_item_on_skipped(self, result):
        self._ended("item_ended", result, "skipped")

    @guarded
    def v2_runner_retry(self, result):
        task = results.task_of(result)
        attempt, retries = results.attempt_of(results.data_of(result), _VERSION)
        number = self.tasks.number(task)
        self.tell("retried", host=results.host_of(result), task=number, attempt=attempt, retries=retries)

    def _ended(self, event: str, result: object, status: str) -> None:
        task, data, host = results.task_of(result), results.data_of(result), results.host_of(result)
        key = (host, str(task._uuid))
        now = time.monotonic()
        censored = results.is_censored(task, data)
        why = self.hidden.reasons() if censored and self.hidden is not None else data
        blind = self.checking and results.is_blind(task, why, status)
        fields = {
            "host": host,
            "task": self.tasks.number(task),
            "status": status,
            "changed": bool(data.get("changed")) or None,
            "module": str(getattr(task, "resolved_action", None) or task.action),
        }
        if event == "item_ended":
            began, index, any_blind = self.items.get(key) or (self.started.get(key, now), 0, False)
            self.items[key] = (now, index + 1, any_blind or blind)
            digest = "" if censored else results.digest(self.channel, data)
            fields["item"] = {"index": index, "digest": digest}
        else:
            began = self.started.pop(key, now)
            items = self.items.pop(key, None)
            if items is not None:
                # The result of a loop itself never has a `skip_reason`: what its items said counts.
                fields["items"], blind = items[1], items[2]
            self._notice(task)
        tainted = self.taint is not None and self.taint.of(host, task)
        fields["tainted"] = tainted or None
        fields["blind"] = blind or None
        fields["for_real"] = (self.checking and results.is_for_real(task, why)) or None
        fields["satisfied"] = (status == "skipped" and results.is_satisfied(why)) or None
        if censored:
            fields["no_log"] = True
        else:
            fields["duration_ms"] = round((now - began) * 1000)
            fields["delegated_to"] = results.delegated_to(task, data)
            if fields["changed"] or fields["for_real"] or status in _LOOKED_AT:
                self._describe(fields, task, data)
            if event == "task_ended" and fields["changed"] and "items" not in fields:
                self._tell_parts(fields, task, data)
        self.tell(event, **fields)
        if event == "task_ended":
            self._follow(host, task, data, status, blind or tainted)

    def _tell_parts(self, fields: dict, task: object, data: object) -> None:
        """What one task did to many things is told one by one, as a loop is."""
        from driftless_inside import parts

        found = parts.of(fields["module"], data)
        for index, (name, part) in enumerate(found):
            item = {"index": index, "digest": results.text_digest(self.channel, name)}
            told = {key: value for key, value in fields.items() if key not in ("detail", "diff_digest")}
            self._describe(told, task, part)
            self.tell("item_ended", **told, item=item)
        if found:
            fields["items"] = len(found)
            fields.pop("detail", None)
            fields.pop("diff_digest", None)

    def _describe(self, fields: dict, task: object, data: object) -> None:
        """What it said and what it changes. If that cannot be told, the result still is."""
        try:
            from driftless_inside import details

            if fields["changed"] and data.get("diff"):
                fields["diff_digest"] = details.diff_digest(self.channel, data)
            if self.channel.details:
                fields["detail"] = details.detail(task, data)
        except Exception as error:
            self.channel.fault("details", error)

    def _follow(self, host: str, task: object, data: object, status: str, doubtful: bool) -> None:
        """What the end of a task means for handlers and for the tasks that come."""
        if self.taint is not None:
            self.taint.ended(host, task, data, status, doubtful)
        if self.notifications is None:
            return
        handler = isinstance(task, Handler)
        if status in _WELL:
            self.notifications.ended_well(host, task, handler, doubtful)
            if self.debts is not None and not handler:
                self.debts.ended_well(host, task)
        elif handler:
            self.notifications.handler_failed(host, task)

    def _notice(self, task: object) -> None:
        """From here on a host pattern may name what only this run made."""
        if not self.dynamic and str(task.action).rpartition(".")[2] in _MAKES_HOSTS:
            self.dynamic = True

    # The end.

    @guarded
    def v2_playbook_on_stats(self, stats):
        hosts, unfinished = self.channel.progress.ends(self.inventory)
        told = []
        for host in sorted({*hosts, *map(str, stats.processed)}):
            counts = stats.summarize(host)
            counts["failed"] = counts.pop("failures")
            counts["unfinished"] = host in unfinished
            told.append([host, {what: count for what, count in counts.items() if count}])
            if len(told) == RECAP_LINE:
                self.tell("stats_part", hosts=told)
                told = []
        self.tell("stats", hosts=told)
