# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook in this process and tells driftless what happens, as lines on a private descriptor.

Started as `<python of the runtime> -I launcher.py`, with stdin from /dev/null, stdout the event pipe,
stderr the log, and on descriptor 3 one JSON object: nonce, argv, checkout, item_key, playbook_program. It
is read to its end before anything else is done: whoever started this process sends it only once the process
sits where it belongs.
"""

from __future__ import annotations

import json
import os
import sys

SPEC_FD = 3
REFUSED = 78  # EX_CONFIG: the run was refused, no task of it was executed.


def read_spec() -> dict:
    """The order for this run. Blocks until the other end closes it."""
    with os.fdopen(SPEC_FD, "rb") as pipe:
        spec = json.loads(pipe.read())
    if not isinstance(spec, dict):
        raise ValueError("the order is no object")
    for key, kind in (("nonce", str), ("argv", list), ("checkout", str), ("item_key", str)):
        if not isinstance(spec.get(key), kind):
            raise ValueError(f"the order has no usable {key!r}")
    return spec


def take_stdout() -> int:
    """Keeps a private duplicate of stdout that no child inherits, and points descriptor 1 at the log.

    From here on nothing that prints can reach the events: not Ansible, not plugins, not their children.
    """
    private = os.dup(1)  # Not inheritable (PEP 446).
    os.dup2(2, 1)
    return private


def main() -> None:
    """Never returns: leaves with Ansible's own exit code, or with REFUSED."""
    try:
        spec = read_spec()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"driftless: no order on descriptor {SPEC_FD}: {error}\n")
        raise SystemExit(REFUSED) from None
    events = take_stdout()

    # At the end, so that nothing of ours can shadow what the runtime or the repository imports. Ansible finds
    # our collection through the same path (and with `-I` no PYTHONPATH is needed or heeded).
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    os.environ["ANSIBLE_COLLECTIONS_SCAN_SYS_PATH"] = "1"
    sys.argv = [str(spec.get("playbook_program") or "ansible-playbook"), *map(str, spec["argv"])]

    from driftless_inside import channel, fatal

    told = channel.open_channel(events, spec["nonce"], spec["checkout"], spec["item_key"])
    try:
        with fatal.telling(told):
            # While it is imported Ansible checks locale, descriptors and configuration, and may leave.
            from ansible.cli.playbook import PlaybookCLI

            from driftless_inside import hooks

            hooks.install(told)
    except Exception as error:
        sys.stderr.write(f"driftless: cannot start ansible-playbook: {type(error).__name__}: {error}\n")
        raise SystemExit(REFUSED) from None
    PlaybookCLI.cli_executor(sys.argv)


if __name__ == "__main__":
    main()
