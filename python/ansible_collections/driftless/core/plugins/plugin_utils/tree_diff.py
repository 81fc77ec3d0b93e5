# SPDX-License-Identifier: GPL-3.0-or-later
"""What `--diff` shows of a tree."""

from __future__ import annotations

from ansible_collections.driftless.core.plugins.plugin_utils.source_tree import SourceTree

MOST_TOGETHER_BYTES = 1 << 20


def diffs(dest: str, changes: list[dict], before: dict, source: SourceTree, most: int) -> list[dict]:
    """In Ansible's shape, one for each path that differs.

    :param changes: as the module told them
    :param before: of files on the host, their text or why it is not shown
    :param most: bytes of one file that are shown
    """
    by_path: dict[str, list[dict]] = {}
    for change in changes:
        by_path.setdefault(change["path"], []).append(change)
    left = MOST_TOGETHER_BYTES
    shown = []
    for path, differences in by_path.items():
        header = dest if path == "." else f"{dest.rstrip('/')}/{path}"
        told = [it for it in differences if it["kind"] != "content"]
        diff = {"before_header": header, "after_header": header}
        diff.update({side: "".join(map(_told(side), told)) for side in ("before", "after")})
        if path in before:
            _add_before(diff, before[path], most)
        if path in source.files and any(it["kind"] in ("content", "created", "type") for it in differences):
            left -= _add_after(diff, source.files[path].text(min(most, left)), most)
        shown.append(diff)
    return shown


def _told(side: str):
    def line(difference: dict) -> str:
        value = difference[side]
        return "" if value is None else f"{difference['kind']}: {value}\n"

    return line


def _add_before(diff: dict, text, most: int) -> None:
    if isinstance(text, dict):
        diff["before"] += text["text"]
    elif text == "binary":
        diff["dst_binary"] = 1
    else:
        diff["dst_larger"] = most


def _add_after(diff: dict, text: bytes | None, most: int) -> int:
    """Gives how many bytes are shown."""
    if text is None:
        diff["src_larger"] = most
        return 0
    try:
        if b"\0" not in text:
            diff["after"] += text.decode()
            return len(text)
    except UnicodeDecodeError:
        pass  # Then it is no text either.
    diff["src_binary"] = 1
    return 0
