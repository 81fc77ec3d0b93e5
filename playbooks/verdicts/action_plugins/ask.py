"""A question to the host. In check mode nobody asks it, and what comes is what `command` gives then."""
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        answer = str(self._task.args.get("answer", ""))
        result.update(rc=0, stdout=answer, stdout_lines=answer.splitlines(), stderr="", stderr_lines=[], changed=True)
        if self._task.check_mode:
            message = "Command would have run if not in check mode"
            result.update(skipped=True, changed=False, msg=message, stdout="", stdout_lines=[])
        return result
