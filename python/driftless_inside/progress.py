# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts were to be worked on, and which of them did not get to the end.

Ansible's own recap cannot say that: a host that was left out because others failed looks like one that is
done.
"""

from __future__ import annotations

from driftless_inside.channel import Channel


class Progress:
    """Follows the iterators that Ansible makes, one for each play or serial batch."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._iterator: object | None = None
        self._waiting: set[str] = set()  # Hosts of the current play whose batch did not begin yet.
        self._begun = 0  # Plays that began.
        self._plays: list = []
        self._hosts: set[str] = set()
        self._unfinished: set[str] = set()
        self._lost = False  # Something that is needed here is not as it was: nobody is called finished.

    @property
    def number(self) -> int:
        """Which play of the playbook is under way, from 0."""
        return max(self._begun - 1, 0)

    def playbook(self, playbook: object) -> None:
        """A playbook begins."""
        self._plays = list(playbook.get_plays())  # type: ignore[attr-defined]

    def play(self, batches: list) -> None:
        """A play begins, in these batches of hosts."""
        self._begun += 1
        self._settle()
        self._unfinished |= self._waiting
        self._waiting = {host.name for batch in batches for host in batch}
        self._hosts |= self._waiting

    def batch(self, iterator: object) -> None:
        """A batch begins."""
        self._settle()
        self._iterator = iterator
        names = set(iterator._host_states)  # type: ignore[attr-defined]
        self._hosts |= names
        self._waiting -= names

    def lost(self, where: str, error: BaseException) -> None:
        """One of these could not be followed."""
        self._lost = True
        self._channel.fault(where, error)

    def _settle(self) -> None:
        """The batch before is over: who did not get to its end?"""
        iterator, self._iterator = self._iterator, None
        if iterator is None:
            return
        for host in list(iterator._host_states):  # type: ignore[attr-defined]
            # The last state is not stored by every strategy, but peeking at what comes next tells it.
            state, task = iterator.get_next_task_for_host(_Named(host), peek=True)  # type: ignore[attr-defined]
            if task is not None or int(state.fail_state) != 0:
                self._unfinished.add(host)
        if getattr(iterator, "end_play", False):
            self._waiting = set()  # `meta: end_play` ends the batches to come as well: it is meant so.

    def ends(self, inventory: object) -> tuple[set[str], set[str]]:
        """All hosts of the run, and those that did not get to the end of each play they were part of."""
        try:
            self._settle()
            self._unfinished |= self._waiting
            for play in self._plays[self._begun :]:
                names = _hosts_of(inventory, play)
                self._hosts |= names
                self._unfinished |= names
        except LookupError:
            self._lost = True  # A later play whose hosts the run would have found out.
        except Exception as error:
            self.lost("ends", error)
        return self._hosts, set(self._hosts) if self._lost else self._unfinished


class _Named:
    """All that an iterator wants of a host."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_name(self) -> str:
        """As Ansible's hosts have it."""
        return self.name


def _hosts_of(inventory: object, play: object) -> set[str]:
    """The hosts of a play that never began. Raises where they depend on what the run would have found out."""
    pattern = play.hosts  # type: ignore[attr-defined]
    terms = pattern if isinstance(pattern, list) else [pattern]
    if any("{{" in str(term) or "{%" in str(term) for term in terms):
        raise LookupError("the hosts of a later play are not known")
    saved = inventory._restriction  # type: ignore[attr-defined]
    inventory.remove_restriction()  # type: ignore[attr-defined]
    try:
        return {host.name for host in inventory.get_hosts(pattern)}  # type: ignore[attr-defined]
    finally:
        inventory._restriction = saved  # type: ignore[attr-defined]
