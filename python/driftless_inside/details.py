# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result said and what it changes: texts, cut to a limit, and a digest of the wanted content.

Nothing here is for tasks with `no_log`. Texts are told only if the order asks for them: then the daemon takes
known secrets out before it keeps any of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping

from driftless_inside.channel import Channel, Whole, clean, plain

MAX_BYTES = 64 << 10  # Of one text, as UTF-8: its beginning and its end.
HEAD, TAIL = 48 << 10, 16 << 10
MARK = 64  # What says how much is missing.
EDGE = 4 << 10  # How far back a cut may go to find the end of a line.
MAX_LINE = 800 << 10  # Of what is told of one result, as JSON. Other fields need the rest of 900 KiB.
MAX_DIFFS = 100

_TEMPORARY = re.compile(r"/(?:ansible-(?:local|tmp|moduletmp)-|\.ansible/tmp/)")
_TOKENS = re.compile(r"([\s\"']+)")
# What ansible-core adds to the message of a failed task: lines of the file that it is in, neighbours included.
_EXCERPT = re.compile(r"\n(?:The error appears to be in '[^\n]*': line \d+|Origin: [^\n]+:\d+(?::\d+)?\n)")
_SUFFIX = re.compile(r" \((?:content|file attributes)\)$")
_TIMES = ("atime", "mtime")
_UNCHANGED = ("---", "+++", "@@", "-")
_NOT_SHOWN = {
    "src_binary": "the wanted content is binary",
    "dst_binary": "the present content is binary",
    "src_larger": "the wanted content is too large to compare",
    "dst_larger": "the present content is too large to compare",
}


def diff_digest(channel: Channel, data: Mapping) -> str | None:
    """A keyed digest of the content that a change wants; the same in check mode and when it is applied."""
    wanted = [content for content in map(_wanted, _diffs(data)) if content]
    if not wanted:
        return None
    text = json.dumps(wanted, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.blake2b(text.encode("ascii"), key=channel.item_key, digest_size=16).hexdigest()


def detail(task: object, data: Mapping) -> dict | None:
    """What a result said, as it is told; `None` if it said nothing."""
    cut = Cut()
    told: dict = {}
    for name in ("msg", "stdout", "stderr"):
        text = _text(data.get(name))
        excerpt = _EXCERPT.search(text) if name == "msg" else None
        text = text[: excerpt.start()].rstrip("\n") if excerpt else text
        if text:
            told[name] = cut.text(text)
    code = data.get("rc")
    if isinstance(code, int) and not isinstance(code, bool) and -(2**31) <= code < 2**31:
        told["rc"] = int(code)
    told = _fit(told, cut)
    diffs = _fitting(task, data, cut, MAX_LINE - len(json.dumps(told)))
    if diffs:
        told["diff"] = diffs
    return {**told, "cut": True} if cut.was else told or None


class Cut:
    """Cuts texts, and remembers whether it had to."""

    def __init__(self) -> None:
        self.was = False

    def text(self, text: str, limit: int = MAX_BYTES) -> Whole:
        """The text, without its middle if it is too long."""
        if len(text) * 4 <= limit:
            return Whole(clean(text))
        # A character is at least one byte, so what is further in would be left out anyway.
        pieces = [text] if len(text) <= limit else [text[:limit], text[-limit:]]
        data = [clean(piece).encode("utf-8") for piece in pieces]
        if len(data) == 1 and len(data[0]) <= limit:
            return Whole(clean(text))
        self.was = True
        room = limit - MARK
        head, tail = data[0][: room * HEAD // MAX_BYTES], data[-1][-(room * TAIL // MAX_BYTES) :]
        # At the end of a line where there is one: half a secret is found by nobody.
        line = head.rfind(b"\n", -min(EDGE, len(head) // 2))
        head = head[: line + 1] if 0 <= line else head
        line = tail.find(b"\n", 0, min(EDGE, len(tail) // 2))
        tail = tail[line + 1 :] if 0 <= line else tail
        kept = [piece.decode("utf-8", "ignore") for piece in (head, tail)]
        left_out = len(text) - sum(map(len, kept))
        return Whole(f"{kept[0]}\n[{left_out} characters left out]\n{kept[1]}")


def _fit(told: dict, cut: Cut) -> dict:
    """Texts that are small enough for a line also if each of their bytes becomes six."""
    if len(json.dumps(told)) <= MAX_LINE:
        return told
    return {key: cut.text(text, MAX_BYTES // 2) if isinstance(text, str) else text for key, text in told.items()}


def _fitting(task: object, data: Mapping, cut: Cut, room: int) -> list[dict]:
    """The differences for which there is room in the line, from the first one on."""
    told = []
    for diff in _diffs(data):
        shown = _told(task, data, diff, cut)
        if len(shown) <= ("path" in shown):
            continue
        room -= len(json.dumps(shown)) + 2
        if room < 0:
            cut.was = True
            break
        told.append(shown)
    return told


def _text(value: object) -> str:
    """A text as it is; anything else as JSON."""
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or isinstance(value, bool):
        return ""
    return json.dumps(value, default=str, ensure_ascii=False)


def _diffs(data: Mapping) -> Iterator[Mapping]:
    found = data.get("diff")
    found = [found] if isinstance(found, Mapping) else found
    for diff in found[:MAX_DIFFS] if isinstance(found, list) else ():
        if isinstance(diff, Mapping) and diff:
            yield diff


def _after(diff: Mapping) -> object:
    """The wanted side. Of what is to be made only that: attributes are told when it exists, so not in check mode."""
    before, after = diff.get("before"), diff.get("after")
    if not isinstance(after, Mapping):
        return after
    made = isinstance(before, Mapping) and before.get("state") == "absent"
    return {key: value for key, value in after.items() if (key in ("path", "state") if made else key not in _TIMES)}


def _content(value: object) -> str:
    """One side of a difference: a text, or the attributes of something."""
    if isinstance(value, str):
        return str.__str__(value)
    if not isinstance(value, (Mapping, list)):
        return ""
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False, indent=1) + "\n"


def _wanted(diff: Mapping) -> list[str]:
    """What a difference wants, without what is another one each time."""
    texts = [_content(_after(diff))]
    prepared = diff.get("prepared")
    if isinstance(prepared, str):
        texts += [line for line in prepared.splitlines() if not line.startswith(_UNCHANGED)]
    texts += [key for key in _NOT_SHOWN if diff.get(key)]
    if _content(diff.get("before")) and "after" in diff and not any(texts):
        texts = ["\0"]  # That nothing is wanted is wanted, too.
    return [_lasting(text) for text in texts if text]


def _lasting(text: str) -> str:
    """A text without paths of temporary files."""
    if not _TEMPORARY.search(text):
        return text
    return "".join(token for token in _TOKENS.split(text) if not _TEMPORARY.search(token))


def _told(task: object, data: Mapping, diff: Mapping, cut: Cut) -> dict:
    told: dict = {}
    path = _path(task, data, diff)
    if path:
        told["path"] = plain(path)
    before, after = _content(diff.get("before")), _content(diff.get("after"))
    if before != after:
        told |= {key: cut.text(text) for key, text in (("before", before), ("after", after)) if text}
    prepared = _text(diff.get("prepared"))
    prepared += "".join(f"{why}\n" for key, why in _NOT_SHOWN.items() if diff.get(key))
    if prepared:
        told["prepared"] = cut.text(prepared)
    return told


def _path(task: object, data: Mapping, diff: Mapping) -> str | None:
    """What a difference is about: the first of these that is a path on the host."""
    arguments = getattr(task, "args", None)
    arguments = arguments if isinstance(arguments, Mapping) else {}
    places = [diff.get("before_header"), diff.get("after_header")]
    places += [source.get(key) for source in (data, arguments) for key in ("dest", "path")]
    for place in places:
        if isinstance(place, str) and place.startswith("/") and not _TEMPORARY.search(place):
            return _SUFFIX.sub("", str.__str__(place))
    return None
