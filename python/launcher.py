# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook in this process and tells driftless what happens, as lines on a private descriptor.

Started as `<python of the runtime> -I launcher.py`, with stdin from /dev/null, stdout the event pipe,
stderr the log, and on descriptor 3 the order: one line, a JSON object. It is read before anything else is
done: whoever started this process sends it only once the process sits where it belongs. If the order says
that the run has to ask (`gate`), the answers follow on the same descriptor, a line each.
"""

from __future__ import annotations

import json
import os
import sys
from typing import BinaryIO

ORDER_FD = 3
REFUSED = 78  # EX_CONFIG: the run was refused, no task of it was executed.

_NEEDED = (("nonce", str), ("argv", list), ("checkout", str), ("item_key", str))
_POSSIBLE = (("details", bool), ("gate", bool), ("announce", str), ("debts", list))


def read_order() -> tuple[dict, BinaryIO]:
    """The order for this run, and where answers come from."""
    stream = os.fdopen(ORDER_FD, "rb")
    os.set_inheritable(ORDER_FD, False)  # No child may take an answer away.
    order = json.loads(stream.readline())
    if not isinstance(order, dict):
        raise ValueError("the order is no object")
    for key, kind in _NEEDED:
        if not isinstance(order.get(key), kind):
            raise ValueError(f"the order has no usable {key!r}")
    for key, kind in _POSSIBLE:
        if not isinstance(order.get(key), (kind, type(None))):
            raise ValueError(f"the order has no usable {key!r}")
    return order, stream


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
        order, answers = read_order()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"driftless: no order on descriptor {ORDER_FD}: {error}\n")
        raise SystemExit(REFUSED) from None
    events = take_stdout()

    # At the end, so that nothing of ours can shadow what the runtime or the repository imports. Ansible finds
    # our collection through the same path (and with `-I` no PYTHONPATH is needed or heeded).
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    os.environ["ANSIBLE_COLLECTIONS_SCAN_SYS_PATH"] = "1"
    sys.argv = [str(order.get("playbook_program") or "ansible-playbook"), *map(str, order["argv"])]

    from driftless_inside import channel, fatal

    told = channel.open_channel(events, order["nonce"], order["checkout"], order["item_key"])
    told.details = bool(order.get("details"))
    told.debts = order.get("debts") or []
    try:
        announcer = open_announcer(told, order.get("announce"))
        with fatal.telling(told):
            # While it is imported Ansible checks locale, descriptors and configuration, and may leave.
            from ansible.cli.playbook import PlaybookCLI

            from driftless_inside import hooks

            hooks.install(told, open_gate(told, order, answers))
        if announcer is not None:
            announcer.install()
    except Exception as error:
        sys.stderr.write(f"driftless: cannot start ansible-playbook: {type(error).__name__}: {error}\n")
        raise SystemExit(REFUSED) from None
    PlaybookCLI.cli_executor(sys.argv)


def open_announcer(told: object, path: str | None) -> object | None:
    """What announces plaintexts of vaults, if the order asks for it. It is there before Ansible is."""
    if not path:
        return None
    from driftless_inside import vault

    return vault.open_announcer(told, path)


def open_gate(told: object, order: dict, answers: BinaryIO) -> object | None:
    """What asks before hosts are touched, if the order asks for it. Else nobody needs the descriptor."""
    if not order.get("gate"):
        answers.close()
        return None
    from driftless_inside.gate import Gate

    return Gate(told, answers)


if __name__ == "__main__":
    main()
