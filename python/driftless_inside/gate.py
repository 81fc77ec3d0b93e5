# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks before hosts are touched: when the playbook starts, and before each play and each serial batch.

Everything here fails closed. Whatever is not a clear yes to the question that was asked ends the process with
status 78 before a task of that play runs, and so does any fault of ours. `SystemExit` is the only way to say
so: Ansible swallows every other exception of a callback and goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import BinaryIO, NoReturn

from driftless_inside.addresses import Addresses, hosts_of
from driftless_inside.channel import Channel
from driftless_inside.identity import raw_pattern

REFUSED = 78
PART = 500  # Hosts in one line: a line must stay far below the reader's limit of a megabyte.
MAX_ANSWER = 65536
MAX_WHY = 500


class Refused(Exception):
    """The answer was no, or no answer."""


class Gate:
    """Asks, and waits for the answer."""

    def __init__(self, channel: Channel, answers: BinaryIO) -> None:
        self._channel = channel
        self._answers = answers
        self._addresses = Addresses()
        self._question = 0
        self._plays: list = []
        self._begun = False  # The question at the start was answered with yes.
        # A worker is a fork of us and runs what the repository brought: it must not find the answers.
        os.register_at_fork(after_in_child=answers.close)

    def start(self, playbook: object) -> None:
        """Asks for the hosts of all plays, as far as they are known now."""
        self._closed(self._ask_at_start, playbook)

    def play(self, iterator: object, index: int) -> None:
        """Asks for the hosts that Ansible is about to work on: those of a play, or of a batch of it."""
        self._closed(self._ask_for_play, iterator, index)

    def _closed(self, ask: Callable, *about: object) -> None:
        try:
            ask(*about)
        except Refused as refusal:
            self._refuse(str(refusal))
        except Exception as error:
            self._channel.fault("gate", error)
            self._refuse(f"the hosts could not be told ({type(error).__name__})")

    def _ask_at_start(self, playbook: object) -> None:
        self._plays = list(playbook.get_plays())  # type: ignore[attr-defined]
        asked, named = [], {}
        for play in self._plays:
            inventory = play.get_variable_manager()._inventory
            hosts = hosts_of(play)
            asked.append(_about(play, hosts or [], inventory, unknown=hosts is None))
            for host in hosts or []:
                named.setdefault(host.name, (host, []))[1].append(play)
        told = [self._addresses.of(host, plays) for host, plays in named.values()]
        self._ask(asked, None, told, _count(self._plays))
        self._begun = True

    def _ask_for_play(self, iterator: object, index: int) -> None:
        if not self._begun:
            raise Refused("the start of the playbook was not asked for")
        play = iterator._play  # type: ignore[attr-defined]
        inventory = play.get_variable_manager()._inventory
        hosts = [inventory.get_host(name) for name in iterator._host_states]  # type: ignore[attr-defined]
        told = [self._addresses.of(host, [play]) for host in hosts]
        self._ask([_about(play, hosts, inventory)], index, told, len(inventory.hosts))

    def _ask(self, plays: list[dict], play: int | None, hosts: list[dict], inventory: int) -> None:
        self._question += 1
        number, tell = self._question, self._channel.tell
        while PART < len(hosts):
            tell("hosts_part", question=number, hosts=hosts[:PART])
            hosts = hosts[PART:]
        tell("hosts_asked", question=number, plays=plays, inventory=inventory, play=play, hosts=hosts)
        line = self._answers.readline(MAX_ANSWER)
        if not line.endswith(b"\n"):
            raise Refused("driftless does not answer")
        try:
            answer = json.loads(line)
        except ValueError:
            raise Refused("the answer of driftless cannot be read") from None
        if not isinstance(answer, dict) or type(answer.get("question")) is not int or answer["question"] != number:
            raise Refused("driftless answered another question")
        if answer.get("go") is not True:
            why = answer.get("why")
            raise Refused(why if isinstance(why, str) and why else "driftless said no")

    def _refuse(self, why: str) -> NoReturn:
        why = why[:MAX_WHY]
        try:
            self._channel.tell("refused", question=self._question, why=why)
            sys.stderr.write(f"driftless: run refused: {why}\n")
            sys.stderr.flush()
        finally:
            raise SystemExit(REFUSED)


def _about(play: object, hosts: list, inventory: object, unknown: bool = False) -> dict:
    """One play as it is told. `unknown`: its hosts depend on what the run finds out."""
    names = {host.name for host in hosts}
    known = inventory.hosts  # type: ignore[attr-defined]
    everything = 1 < len(known) <= len(names) and names.issuperset(known)
    about = {"pattern": raw_pattern(play), "hosts": len(names), "everything": everything}
    return {**about, "unknown": True} if unknown else about


def _count(plays: list) -> int:
    """How many hosts the inventory has."""
    return len(plays[0].get_variable_manager()._inventory.hosts) if plays else 0
