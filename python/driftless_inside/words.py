# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names a task uses, read off its text as the repository has it: before templating, and without it.

More words than are names are found (`default` is one of them). That does no harm: they are only compared with
the names of variables that cannot be believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# Says that a name is made while templating: it could be any.
ANY = "?"
# What a word that stands for a template file begins with.
FILE = "\0"

# Evaluated without braces.
_EXPRESSIONS = ("when", "until", "changed_when", "failed_when", "loop", "break_when")
_EXPRESSION_ARGUMENTS = ("that", "var")  # Of `assert` and `debug`.
# Of no consequence for a result; `vars` are variables, which are looked at where they are used.
_IGNORED = frozenset({"name", "vars", "tags", "register", "action", "collections", "notify", "listen", "debugger"})

_NAME = re.compile(r"[A-Za-z_]\w*")
_OPENS = re.compile(r"\{[{%]")
_CLOSES = re.compile(r"[}%]\}")
_LOOKUP = r"\b(?:lookup|query|q)\(\s*(['\"])(?:ansible\.builtin\.)?"
_MADE = r"(?!\s*(?:'[^']*'|\"[^\"]*\")\s*[],)])"  # What comes is not one text as it stands.
_OWN = re.compile(r"\bhostvars\[\s*inventory_hostname\s*\]")  # The host's own variables, asked for in a long way.
_MADE_NAME = re.compile(_LOOKUP + r"(?:vars|varnames)\1\s*," + _MADE + r"|\b(?:vars|hostvars\[[^]]*\])\[" + _MADE)
_TEMPLATE = re.compile(_LOOKUP + r"template\1\s*,(?:(?P<made>" + _MADE + r")|\s*['\"](?P<file>[^'\"]*))")
_INCLUDE = re.compile(r"\{%[-+]?\s*(?:include|import|extends|from)\s+(?:(['\"])(?P<file>.+?)\1|(?P<made>))")
_OWN_MARKS = re.compile(r"\A\s*#\s*jinja2:.*_string", re.IGNORECASE)


def of_expression(text: str) -> set[str]:
    """The names in an expression."""
    text = _OWN.sub("vars", text)
    found = set(_NAME.findall(text))
    if _MADE_NAME.search(text):
        found.add(ANY)
    for match in _TEMPLATE.finditer(text):
        found.add(FILE + match["file"] if match["file"] and "{" not in match["file"] else ANY)
    return found


def of_text(text: str) -> set[str]:
    """The names between braces."""
    found: set[str] = set()
    for piece in _OPENS.split(text)[1:]:
        closings = list(_CLOSES.finditer(piece))
        found |= of_expression(piece[: closings[-1].start()] if closings else piece)
    return found


def of_template(text: str) -> set[str]:
    """The names in a template file, and the files that it includes."""
    if text.startswith("$ANSIBLE_VAULT"):
        return {ANY}
    if _OWN_MARKS.match(text):
        return {*of_expression(text), ANY}
    found = of_text(text)
    for match in _INCLUDE.finditer(text):
        found.add(FILE + match["file"] if match["file"] else ANY)
    return found


def of_value(value: object, read: object = of_text, depth: int = 0) -> set[str]:
    """The names in all texts of a value. `read` says how a text is read."""
    if isinstance(value, str):
        return read(str.__str__(value)) if not hasattr(value, "_ciphertext") else set()  # type: ignore[operator]
    if depth == 20:
        return {ANY}
    if isinstance(value, Mapping):
        pieces: Iterable = (piece for pair in value.items() for piece in pair)
    elif isinstance(value, (list, tuple, set)):
        pieces = value
    else:
        return set()
    found: set[str] = set()
    for piece in pieces:
        found |= of_value(piece, read, depth + 1)
    return found


def of_task(task: object) -> frozenset[str]:
    """The names that a task uses: its own, those it inherits, and those of the includes that brought it."""
    found: set[str] = set()
    at: object | None = task
    while at is not None:
        found |= _of_one(at)
        at = include_around(at)
    return frozenset(found)


def _of_one(task: object) -> set[str]:
    found: set[str] = set()
    for name in task.fattributes:  # type: ignore[attr-defined]
        if name in _IGNORED:
            continue
        value = getattr(task, name, None)
        if name == "args" and isinstance(value, Mapping):
            for argument in _EXPRESSION_ARGUMENTS:
                found |= of_value(value.get(argument), of_expression)
        elif name == "loop_control" and value is not None:
            found |= of_value(getattr(value, "break_when", None), of_expression)
            value = [getattr(value, part, None) for part in ("label", "pause", "index_var")]
        found |= of_value(value, of_expression if name in _EXPRESSIONS else of_text)
    return found


def include_around(task: object) -> object | None:
    """The include that brought a task while the play ran. What it inherits is not inherited by the task."""
    at = getattr(task, "_parent", None)
    while at is not None:
        if getattr(at, "action", None) and not getattr(at, "statically_loaded", True):
            return at
        at = getattr(at, "_parent", None)
    return None
