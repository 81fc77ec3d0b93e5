# SPDX-License-Identifier: GPL-3.0-or-later
"""The binaries that this collection brings, one for each architecture: `bin/<architecture>/driftless-modules`."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from ansible_collections.driftless.core.plugins.plugin_utils.scripts import NAME

ARCHITECTURES = ("x86_64", "aarch64")
DIRECTORY = Path(__file__).parents[2] / "bin"


def path(architecture: str) -> Path:
    """Where the binary for an architecture is, if it is there."""
    return DIRECTORY / architecture / NAME


def digests() -> dict[str, str]:
    """SHA-256 of the binary for each architecture there is."""
    return {it: _digest(path(it), path(it).stat().st_mtime_ns) for it in ARCHITECTURES if path(it).is_file()}


@functools.cache
def _digest(file: Path, _changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
