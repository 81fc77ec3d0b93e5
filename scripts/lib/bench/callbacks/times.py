# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes how long each task took on the controller's clock, as a JSON line."""

from __future__ import annotations

import json
import os
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: times
type: aggregate
short_description: writes how long each task took
description: One JSON line a task, to the file that TIMES names.
author: the driftless project
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "times"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._name, self._begun = task.get_name(), time.monotonic()

    def v2_runner_on_ok(self, result):
        seconds = time.monotonic() - self._begun
        told = getattr(result, "result", None) or result._result
        line = {"task": self._name, "seconds": seconds, "changed": bool(told.get("changed"))}
        with open(os.environ["TIMES"], "a") as file:
            file.write(json.dumps(line) + "\n")
