# SPDX-License-Identifier: GPL-3.0-or-later
"""What one result of a module of ours changes, one by one.

`driftless.core.tree` makes a whole directory so in one task. What differs there are its files: each is found, shown,
corrected and counted as a change of its own, by its path.
"""

from __future__ import annotations

from collections.abc import Mapping

TREE = "driftless.core.tree"
MOST = 200  # On one host. What is beyond is one more, together.


def of(module: str, data: Mapping) -> list[tuple[str, dict]]:
    """Names of the parts, and for each what a result of it alone would say. Empty if there are none."""
    changes = data.get("changes")
    if module != TREE or not isinstance(changes, list):
        return []
    kinds: dict[str, list[str]] = {}
    for change in changes:
        if not isinstance(change, Mapping) or not isinstance(change.get("path"), str):
            return []
        kinds.setdefault(str(change["path"]), []).append(str(change.get("kind")))
    left_out = data.get("changes_omitted")
    left_out = left_out if isinstance(left_out, int) else 0
    names = list(kinds)
    shown, rest = names[:MOST], names[MOST:]
    parts = [(name, _part(name, kinds[name], data)) for name in shown]
    more = left_out + sum(len(kinds[name]) for name in rest)
    if more:
        parts.append(("", {"changed": True, "msg": f"and {more} more differences"}))
    return parts


def _part(path: str, kinds: list[str], data: Mapping) -> dict:
    dest = str(data.get("dest") or "")
    place = dest if path in ("", ".") else f"{dest.rstrip('/')}/{path}"
    diffs = data.get("diff")
    own = [it for it in diffs if _is_of(it, place)] if isinstance(diffs, list) else []
    part = {"changed": True, "msg": f"{place}: {', '.join(kinds)}", "dest": place}
    return {**part, "diff": own} if own else part


def _is_of(diff: object, place: str) -> bool:
    return isinstance(diff, Mapping) and place in (diff.get("before_header"), diff.get("after_header"))
