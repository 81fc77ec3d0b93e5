"""Stands for any module that supports check mode, and starts no process on the host: most cases need no more.

It reports what `changed` says and takes whatever else it is given.
"""
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        result["changed"] = bool(self._task.args.get("changed", False))
        return result
