# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts a play is for, and how each of them is reached, as far as that is known before tasks run."""

from __future__ import annotations

from driftless_inside.channel import plain

# What is told, and the variables that say it: the first that is set counts.
_SAID_BY = {
    "address": ("ansible_host", "ansible_ssh_host"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "connection": ("ansible_connection",),
    "user": ("ansible_user", "ansible_ssh_user"),
}
_NAMES = tuple(name for names in _SAID_BY.values() for name in names)
_KEYWORDS = {"port": "port", "connection": "connection", "user": "remote_user"}  # Of plays, weaker than variables.
_LOCAL = frozenset({"local", "ansible.builtin.local", "ansible.legacy.local"})
_LOOKUPS = ("lookup(", "query(", "q(")  # Execute something: what is not needed by a task is not started here.
_MAX_PORT = 65535
_MAX_TEXT = 255  # Of a name in the network. Five hundred hosts have to fit into one line.


def hosts_of(play: object) -> list | None:
    """The hosts of a play that has not begun; `None` if they depend on what the run finds out."""
    pattern = play.hosts  # type: ignore[attr-defined]
    manager = play.get_variable_manager()  # type: ignore[attr-defined]
    try:
        if any(_is_template(term) for term in (pattern if isinstance(pattern, list) else [pattern])):
            pattern = _Templating(manager, manager.get_vars(play=play)).of(pattern)
        return None if pattern is None else list(manager._inventory.get_hosts(pattern))
    except Exception:
        return None


class Addresses:
    """How hosts are reached. What was found out once is kept, as long as it cannot have changed."""

    def __init__(self) -> None:
        self._known: dict[tuple, dict] = {}
        self._plays: dict[int, tuple[object, tuple | None]] = {}  # With the play, so that its number is of no other.

    def of(self, host: object, plays: list) -> dict:
        """One host as it is told, for these plays. If they reach it in several ways, not the local one."""
        told: dict = {}
        for play in plays:
            key = self._key(host, play)
            told = self._known.get(key) if key else None
            if told is None:
                told, lasting = _reached(host, play)
                if key and lasting:
                    self._known[key] = told
            if told.get("connection") != "local":
                break
        return told

    def _key(self, host: object, play: object) -> tuple | None:
        """The same for plays that say the same of connections; `None` where nothing can be kept."""
        manager = play.get_variable_manager()  # type: ignore[attr-defined]
        name = host.name  # type: ignore[attr-defined]
        for found in (manager._nonpersistent_fact_cache.get(name), manager._vars_cache.get(name)):
            if found and any(variable in found for variable in _NAMES):
                return None
        if id(play) not in self._plays:
            self._plays[id(play)] = (play, _says(play))
        says = self._plays[id(play)][1]
        return None if says is None else (name, *says)


def _says(play: object) -> tuple | None:
    """What the keywords of a play say of connections; `None` if its variables may say something, too."""
    roles = [it for role in getattr(play, "roles", None) or [] for it in (role, *role.get_all_dependencies())]
    variables = [play.vars, *(values for role in roles for values in (role._default_vars, role._role_vars))]  # type: ignore[attr-defined]
    if getattr(play, "vars_files", None) or any(name in values for values in variables for name in _NAMES):
        return None
    return tuple(repr(getattr(play, keyword, None)) for keyword in _KEYWORDS.values())


def _reached(host: object, play: object) -> tuple[dict, bool]:
    """One host as it is told, and whether no variable of a play can make it another."""
    name = host.name  # type: ignore[attr-defined]
    told: dict = {"name": name}
    lasting = False
    try:
        manager = play.get_variable_manager()  # type: ignore[attr-defined]
        variables = manager.get_vars(play=play, host=host, include_hostvars=False)
        templating = _Templating(manager, variables)
        for what, names in _SAID_BY.items():
            value = next((variables[it] for it in names if variables.get(it) is not None), None)
            if value is None and what in _KEYWORDS:
                value = getattr(play, _KEYWORDS[what], None)
            told[what] = _as_told(what, templating.of(value))
        lasting = not templating.was_used
    except Exception:
        told = {"name": name}  # How it is reached is not known; that it is meant is.
    # ssh to a `localhost` that nothing sends elsewhere ends on the control node as well.
    if told.get("connection") in _LOCAL or (name == "localhost" and told.get("address") in (None, name)):
        told["connection"] = "local"
    return {what: value for what, value in told.items() if value is not None}, lasting


def _as_told(what: str, value: object) -> object:
    if value is None or isinstance(value, bool):
        return None
    text = str(plain(value)).strip()
    if what == "port":
        return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= _MAX_PORT else None
    return text if 0 < len(text) <= _MAX_TEXT else None


class _Templating:
    """Templates values with variables. Made only if there is something to template."""

    def __init__(self, manager: object, variables: dict) -> None:
        self._manager = manager
        self._variables = variables
        self._templar: object | None = None
        self.was_used = False

    def of(self, value: object) -> object:
        """The value, templated; `None` if it cannot be known, or if it is encrypted."""
        if isinstance(value, (list, tuple)):
            values = [self.of(item) for item in value]
            return None if None in values else values
        if isinstance(value, int):
            return value
        if not isinstance(value, str) or hasattr(value, "_ciphertext"):
            return None
        if not _is_template(value):
            return value
        self.was_used = True
        if any(call in value for call in _LOOKUPS):
            return None
        if self._templar is None:
            from ansible.template import Templar

            self._templar = Templar(loader=self._manager._loader, variables=self._variables)  # type: ignore[attr-defined]
        try:
            found = self._templar.template(value)  # type: ignore[attr-defined]
        except Exception:
            return None
        return None if isinstance(found, str) and _is_template(found) else found


def _is_template(value: object) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)
