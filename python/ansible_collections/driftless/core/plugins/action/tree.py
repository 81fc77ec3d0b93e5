# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module `driftless.core.tree`.

The host is first asked what is different, as in check mode, with a manifest of the source. If something is, the
contents that it needs are sent with the order to do it. When nothing is, the first question was all.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.validation import check_type_list, check_type_str

from ansible_collections.driftless.core.plugins.plugin_utils import patterns, rendering, source_tree, tree_diff
from ansible_collections.driftless.core.plugins.plugin_utils.delivery import DeliveredAction

MOST_INLINE_BYTES = 4 << 20  # Of compressed contents within the arguments. More goes as a file.
_OURS = ("manifest", "pack", "pack_file", "pack_index")


class ActionModule(DeliveredAction):
    MODULE = "driftless.core.tree"

    def run_module(self, arguments: dict, task_vars: dict) -> dict:
        if unknown := [it for it in _OURS if it in arguments]:
            raise AnsibleActionFail(f"{unknown[0]} is set by this action itself. Remove it from the task.")
        source = source_tree.read(self._directory(arguments), self._rules(arguments, task_vars))
        asked = {
            **arguments,
            "manifest": json.dumps(source.lines, separators=(",", ":")),
            # On old versions of Ansible the module would send all of its arguments back.
            "_ansible_inject_invocation": False,
        }
        if self._task.async_val:
            return self._run_at_once(asked, source, task_vars)
        predicted = self._predict(asked, task_vars)
        needed, before = predicted.pop("needed", []), predicted.pop("texts", {})
        if predicted.get("failed") or not predicted.get("changed"):
            return predicted
        diff = []
        if self._task.diff:
            most = C.MAX_FILE_SIZE_FOR_DIFF
            diff = tree_diff.diffs(predicted["dest"], predicted["changes"], before, source, most)
        result = predicted if self._task.check_mode else self._send(asked, source, needed, task_vars)
        if diff and not result.get("failed"):
            result["diff"] = diff
        return result

    # --- The source -------------------------------------------------------------------------------------------------

    def _directory(self, arguments: dict) -> str:
        if not arguments.get("src"):
            raise AnsibleActionFail("missing required arguments: src")
        try:
            found = self._find_needle("files", check_type_str(arguments["src"]))
        except AnsibleError as error:
            raise AnsibleActionFail(str(error)) from error
        if not os.path.isdir(found):
            raise AnsibleActionFail(f"{found} is not a directory. For one file use ansible.builtin.copy.")
        return found

    def _rules(self, arguments: dict, task_vars: dict) -> source_tree.Rules:
        directory_mode = arguments.get("directory_mode")
        file_mode = arguments.get("mode")
        return source_tree.Rules(
            excluded=patterns.matcher(_texts(arguments, "exclude")),
            is_template=patterns.matcher(_texts(arguments, "templates")),
            file_mode=_mode("mode", "git" if file_mode is None else file_mode, ("git", "preserve")),
            directory_mode=None if directory_mode is None else _mode("directory_mode", directory_mode, ("preserve",)),
            render=lambda path: self._render(path, str(arguments.get("dest")), task_vars),
            decrypt=self._decrypt,
        )

    def _render(self, path: str, dest: str, task_vars: dict) -> bytes:
        plain = self._loader.get_real_file(path)
        try:
            return rendering.render(plain, path, self._templar, task_vars, dest)
        except AnsibleError as error:
            raise AnsibleActionFail(f"The template {path} cannot be rendered: {error}") from error
        finally:
            self._loader.cleanup_tmp_file(plain)

    def _decrypt(self, path: str) -> bytes:
        plain = self._loader.get_real_file(path)
        try:
            with open(plain, "rb") as file:
                return file.read()
        finally:
            self._loader.cleanup_tmp_file(plain)

    # --- The host ---------------------------------------------------------------------------------------------------

    def _predict(self, arguments: dict, task_vars: dict) -> dict:
        check_mode = self._task.check_mode
        self._task.check_mode = True
        try:
            return super().run_module(arguments, task_vars)
        finally:
            self._task.check_mode = check_mode

    def _send(self, arguments: dict, source: source_tree.SourceTree, needed: list[str], task_vars: dict) -> dict:
        if not needed:
            return super().run_module(arguments, task_vars)
        with tempfile.NamedTemporaryFile(dir=C.DEFAULT_LOCAL_TMP) as pack:
            index = source.pack(needed, pack)
            size = pack.tell()
            pack.flush()
            arguments = {**arguments, "pack_index": json.dumps(index)}
            if size <= MOST_INLINE_BYTES:
                return super().run_module({**arguments, "pack": _inline(pack)}, task_vars)
            return self._send_file(arguments, pack.name, task_vars)

    def _send_file(self, arguments: dict, pack: str, task_vars: dict) -> dict:
        shell = self._connection._shell
        tmpdir = shell.tmpdir
        directory = self._make_tmp_path()
        try:
            remote = self._transfer_file(pack, shell.join_path(directory, "pack"))
            self._fixup_perms2((directory, remote))
            shell.tmpdir = tmpdir
            result = super().run_module({**arguments, "pack_file": remote}, task_vars)
            tmpdir = shell.tmpdir
            return result
        finally:
            self._remove_tmp_path(directory, force=True)  # It forgets the other one.
            shell.tmpdir = tmpdir

    def _run_at_once(self, arguments: dict, source: source_tree.SourceTree, task_vars: dict) -> dict:
        """With `async` there is one command, and nobody who could ask what is needed: everything is sent."""
        with tempfile.NamedTemporaryFile(dir=C.DEFAULT_LOCAL_TMP) as pack:
            index = source.pack(source.paths(), pack)
            if pack.tell() > MOST_INLINE_BYTES:
                raise AnsibleActionFail(
                    f"With async all of the directory is sent, and it has more than {MOST_INLINE_BYTES >> 20} MiB. "
                    "Remove async from this task."
                )
            return super().run_module({**arguments, "pack_index": json.dumps(index), "pack": _inline(pack)}, task_vars)


def _inline(pack) -> str:
    pack.seek(0)
    return base64.b64encode(pack.read()).decode()


def _texts(arguments: dict, name: str) -> list[str]:
    value = arguments.get(name)
    try:
        return [] if value is None else [check_type_str(it) for it in check_type_list(value)]
    except TypeError as error:
        raise AnsibleActionFail(f"{name} must be a list of patterns: {error}") from error


def _mode(name: str, value, words: tuple[str, ...]) -> str | int:
    if value in words:
        return str(value)
    try:
        mode = int(value, 8) if isinstance(value, str) else int(value)
    except (TypeError, ValueError):
        mode = -1
    if isinstance(value, bool) or not 0 <= mode <= 0o7777:
        allowed = ", ".join((*words, 'or an octal number such as "0640"'))
        raise AnsibleActionFail(f"{name} is {value!r}, and must be {allowed}.")
    return mode
