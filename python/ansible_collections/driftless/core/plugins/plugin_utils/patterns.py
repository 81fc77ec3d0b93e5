# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of paths, with the same rules as on the host: `modules/tree/patterns.json` is a test of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Tells of a path relative to the tree whether it or a directory above it matches one of the patterns.

    One without a slash is compared with each name, one with a slash with the path from the root on. `*` and `?` stand
    for anything but a slash, `**` for anything, `[a-z]` and `[!a-z]` for one of some characters.
    """
    names, paths = [], []
    for pattern in patterns:
        text = pattern.rstrip("/")
        body = text.lstrip("/")
        if body:
            (paths if "/" in text else names).append(_expression(body.encode()))
    for_names, for_paths = _any(names), _any(paths)

    def matches(path: str) -> bool:
        encoded = path.encode(errors="surrogateescape")
        parts = encoded.split(b"/")
        if for_names and any(map(for_names.fullmatch, parts)):
            return True
        return bool(for_paths) and any(for_paths.fullmatch(b"/".join(parts[: it + 1])) for it in range(len(parts)))

    return matches


def _any(expressions: Sequence[bytes]) -> re.Pattern[bytes] | None:
    return re.compile(b"|".join(b"(?:%s)" % it for it in expressions), re.DOTALL) if expressions else None


_PIECE = re.compile(rb"\*\*|\*|\?|\[(?:!.|[^!])[^]]*\]|.", re.DOTALL)


def _expression(pattern: bytes) -> bytes:
    return b"".join(_piece(it.group()) for it in _PIECE.finditer(pattern))


def _piece(piece: bytes) -> bytes:
    if piece in _STARS:
        return _STARS[piece]
    if len(piece) == 1:
        return re.escape(piece)
    inverted = piece.startswith(b"[!")
    members = piece[2 if inverted else 1 : -1]
    ranges = re.findall(rb"(.)-(.)|(.)", members, re.DOTALL)
    parts = [b"%b-%b" % (re.escape(a), re.escape(b)) for a, b, _ in ranges if a and a <= b]
    parts += [re.escape(one) for _, _, one in ranges if one]
    inside = b"".join(parts)
    if inverted:
        return b"[^/%b]" % inside
    return b"(?!/)[%b]" % inside if inside else b"(?!)"


_STARS = {b"**": b".*", b"*": b"[^/]*", b"?": b"[^/]"}
