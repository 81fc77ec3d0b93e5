"""A callback that writes what tasks gave, one JSON object a line."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: said
type: aggregate
short_description: writes results
description: Writes one JSON object for each result.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "said"

    def _write(self, status: str, result) -> None:
        task = result._task.get_name().strip()
        said = {"task": task, "host": result._host.get_name(), "status": status, "result": result._result}
        with open(os.environ["SAID"], "a", encoding="utf-8") as file:
            file.write(json.dumps(said, default=str) + "\n")

    def v2_runner_on_ok(self, result) -> None:
        self._write("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False) -> None:
        self._write("failed", result)

    def v2_runner_on_skipped(self, result) -> None:
        self._write("skipped", result)

    def v2_runner_on_unreachable(self, result) -> None:
        self._write("unreachable", result)
