# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory on the control node, as it shall be on hosts."""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ansible.errors import AnsibleActionFail

BLOCK_BYTES = 1 << 20
_VAULT = b"$ANSIBLE_VAULT;"


@dataclass
class Rules:
    """How a source becomes what is wanted."""

    excluded: Callable[[str], bool]
    is_template: Callable[[str], bool]
    file_mode: str | int  # `git`, `preserve`, or the number
    directory_mode: str | int | None  # none: as new, and what is there keeps its own
    render: Callable[[str], bytes]
    decrypt: Callable[[str], bytes]


@dataclass
class SourceFile:
    """The contents of one file: in a file of the source, or made from it."""

    path: str
    made: bytes | None = None
    size: int = 0
    digest: str = ""

    def blocks(self) -> Iterator[bytes]:
        if self.made is not None:
            yield self.made
            return
        with open(self.path, "rb") as file:
            while block := file.read(BLOCK_BYTES):
                yield block

    def measure(self) -> None:
        """Takes its size and digest."""
        hashed, size = hashlib.sha256(), 0
        for block in self.blocks():
            hashed.update(block)
            size += len(block)
        self.size, self.digest = size, hashed.hexdigest()

    def text(self, most: int) -> bytes | None:
        """All of it, unless it is longer than that."""
        return None if self.size > most else b"".join(self.blocks())


@dataclass
class SourceTree:
    """What a directory on the host shall be like."""

    lines: list[dict] = field(default_factory=list)  # The manifest.
    files: dict[str, SourceFile] = field(default_factory=dict)

    def pack(self, paths: Iterable[str], into: BinaryIO) -> list[tuple[str, int]]:
        """Writes the contents of some files, one after the other and compressed together. Gives their sizes."""
        compressor = zlib.compressobj(3)
        index = []
        for path in paths:
            file = self.files[path]
            index.append((path, file.size))
            for block in file.blocks():
                into.write(compressor.compress(block))
        into.write(compressor.flush())
        return index

    def paths(self) -> list[str]:
        """Of all files, in the order in which the host works: by the names from the left."""
        return sorted(self.files, key=lambda it: it.split("/"))


def read(root: str, rules: Rules) -> SourceTree:
    """Reads a directory."""
    tree = SourceTree()
    taken: dict[str, str] = {}
    for source, entry in _walk(root, rules):
        about = entry.stat(follow_symlinks=False) if entry else os.stat(root)
        path = _path_on_host(source, about, rules)
        if rules.excluded(path):
            continue
        if path in taken:
            raise AnsibleActionFail(f"{taken[path]} and {source} would both become {path} on the host.")
        taken[path] = source
        tree.lines.append({"path": path, **_line(tree, path, os.path.join(root, source), about, source, rules)})
    return tree


def _walk(root: str, rules: Rules) -> Iterator[tuple[str, os.DirEntry | None]]:
    """All paths below the root that are not excluded. Links are not followed. The root comes first, as empty text."""
    yield "", None
    waiting = [""]
    while waiting:
        above = waiting.pop()
        with os.scandir(os.path.join(root, above)) as entries:
            for entry in sorted(entries, key=lambda it: it.name):
                path = f"{above}/{entry.name}" if above else entry.name
                if rules.excluded(path):
                    continue
                if not _is_text(path):
                    shown = os.fsencode(path).decode(errors="backslashreplace")
                    raise AnsibleActionFail(f"The name {shown} is not UTF-8. Rename it, or exclude it with a pattern.")
                yield path, entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _path_on_host(source: str, about: os.stat_result, rules: Rules) -> str:
    if source and stat.S_ISREG(about.st_mode) and rules.is_template(source):
        return source.removesuffix(".j2")
    return source


def _line(tree: SourceTree, path: str, full: str, about: os.stat_result, source: str, rules: Rules) -> dict:
    mode = stat.S_IMODE(about.st_mode)
    if stat.S_ISDIR(about.st_mode):
        wanted = {"preserve": mode, None: 0o755}.get(rules.directory_mode, rules.directory_mode)
        return {"kind": "directory", "mode": wanted, "keep": rules.directory_mode is None}
    if stat.S_ISLNK(about.st_mode):
        target = os.readlink(full)
        if not _is_text(target):
            raise AnsibleActionFail(f"The target of the symbolic link {source} is not UTF-8.")
        return {"kind": "link", "target": target}
    if not stat.S_ISREG(about.st_mode):
        raise AnsibleActionFail(f"{source} is no file, directory or symbolic link. Remove or exclude it.")
    file = SourceFile(full, _made(full, source, rules))
    file.measure()
    tree.files[path] = file
    as_git = 0o755 if mode & stat.S_IXUSR else 0o644
    wanted = {"git": as_git, "preserve": mode}.get(rules.file_mode, rules.file_mode)
    return {"kind": "file", "mode": wanted, "size": file.size, "digest": file.digest}


def _made(full: str, source: str, rules: Rules) -> bytes | None:
    """The contents, where they are not those of the source."""
    if rules.is_template(source):
        return rules.render(full)
    with open(full, "rb") as file:
        encrypted = file.read(len(_VAULT)) == _VAULT
    return rules.decrypt(full) if encrypted else None
