# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a hidden result was skipped. Only for check runs, which have to tell "could not be seen" from "not wanted".

What a callback gets of a `no_log` task says nothing but its status and `changed`. While Ansible hands it out, the
result itself is kept at hand here, and asked for its reason alone. Nothing of it is told.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

_REASONS = ("skip_reason", "skipped_reason", "msg")


class Hidden:
    """The result that Ansible hands to callbacks just now."""

    def __init__(self) -> None:
        self._result: object | None = None

    def reasons(self) -> Mapping:
        """Why it was skipped; empty without a result."""
        unified = getattr(self._result, "utr", None)  # Since ansible-core 2.21.
        if unified is not None:
            found = {name: getattr(unified, name, None) for name in _REASONS}
        else:
            data = getattr(self._result, "_return_data", None) or getattr(self._result, "_result", None) or {}
            found = {name: data.get(name) for name in _REASONS}
        return {name: value for name, value in found.items() if value is not None}

    def install(self) -> None:
        """Watches results being handed out."""
        from ansible.executor.task_queue_manager import TaskQueueManager

        hand_out = TaskQueueManager.send_callback

        @functools.wraps(hand_out)
        def told(manager, method_name, *args, **kwargs):
            self._result = args[0] if args else None
            try:
                return hand_out(manager, method_name, *args, **kwargs)
            finally:
                self._result = None

        TaskQueueManager.send_callback = told
