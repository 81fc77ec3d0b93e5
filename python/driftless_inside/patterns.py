# SPDX-License-Identifier: GPL-3.0-or-later
"""Terms of host patterns and limits that name nothing in the inventory: a typo, most likely."""

from __future__ import annotations

import fnmatch
import re

MAX_TERMS = 100
_SUBSCRIPT = re.compile(r"^(.+)\[(?:-?\d+|\d*[:-]-?\d*)\]$")
_ALWAYS = frozenset({"all", "ungrouped", "*", "localhost", "127.0.0.1", "::1"})


def unknown_terms(inventory: object, pattern: object, excluded: bool = True) -> list[str]:
    """The terms of `pattern` that match no host and no group. An existing group without hosts is known.

    `excluded` says whether terms that take hosts away (`!old`) count. In a play they do not: a playbook for
    several inventories may well exclude a group that this one lacks. In a limit they do: a typo there lets
    hosts in.
    """
    from ansible.inventory.manager import split_host_pattern

    unknown = []
    for term in split_host_pattern(pattern) if pattern else []:
        if term.startswith("!") and not excluded:
            continue
        if not _is_known(inventory, term.lstrip("!&")):
            unknown.append(term)
    return list(dict.fromkeys(unknown))[:MAX_TERMS]


def unknown_limit(inventory: object) -> list[str]:
    """The same for `--limit`."""
    return unknown_terms(inventory, list(getattr(inventory, "_subset", None) or []))


def _is_known(inventory: object, term: str) -> bool:
    groups, hosts = inventory.groups, inventory.hosts  # type: ignore[attr-defined]
    if not term or term in _ALWAYS or term in groups or term in hosts:
        return True
    if term.startswith("~"):
        try:
            matches = re.compile(term[1:]).match
        except re.error:
            return False
        return any(matches(name) for name in groups) or any(matches(name) for name in hosts)
    subscript = _SUBSCRIPT.match(term)
    if subscript and _is_known(inventory, subscript.group(1)):
        return True
    if not any(special in term for special in "*?["):
        return False
    matches = re.compile(fnmatch.translate(term)).match
    return any(matches(name) for name in groups) or any(matches(name) for name in hosts)
