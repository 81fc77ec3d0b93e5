# SPDX-License-Identifier: GPL-3.0-or-later
"""How the Rust modules get to hosts and are executed there.

The binary is kept on the host under its digest. A task is one command: it verifies the binary and runs it, with the
arguments on its input. Only if it is not there does the host answer so, and gets it.

Everything else is done by Ansible's own `_execute_module`, which believes that it runs a binary module: it makes the
arguments, and reads the result. What differs between versions of Ansible is in there. Its steps that talk to the host
are the methods replaced below.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from types import SimpleNamespace

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.driftless.core.plugins.plugin_utils import binaries, scripts

_COULD_NOT_EXECUTE = frozenset({126, 127})  # What a shell says. The binary never ends so.
_NOWHERE = "/nonexistent"

display = Display()


class NotDelivered(Exception):
    """The module has not run: the binary cannot be kept on the host."""

    def __init__(self, reason: str, architecture: str | None = None) -> None:
        super().__init__(reason)
        self.architecture = architecture


@dataclass
class Delivery:
    """One execution of the binary that is kept on the host."""

    places: list[str]
    over_stdin: bool  # Else what the host reads is put into a file first.
    environment: dict[str, str] = field(default_factory=dict)
    arguments: bytes = b""
    file: str | None = None
    is_next: bool = False  # The next command is the module.


class DeliveredAction(ActionBase):
    """An action that runs a module of our binary. Subclasses say which, by its full name."""

    MODULE: str

    _supports_check_mode = True
    _supports_async = True
    _delivery: Delivery | None = None

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        result.update(self.run_module(dict(self._task.args), task_vars or {}))
        return result

    def run_module(self, arguments: dict, task_vars: dict) -> dict:
        """Runs the module on the host of the task, and gives its result."""
        if getattr(self._connection._shell, "_IS_WINDOWS", False):
            raise AnsibleActionFail(f"{self.MODULE} runs on Linux, and this host has Windows.")
        if not binaries.digests():
            raise AnsibleActionFail(
                f"The binary of {self.MODULE} is not installed: there is nothing in {binaries.DIRECTORY}. "
                "Install the modules of driftless, or a packed driftless.core, on the control node."
            )
        architecture = None
        try:
            if self._task.async_val:
                raise NotDelivered("async is Ansible's own")
            return self._run_delivered(arguments, task_vars)
        except NotDelivered as why:
            display.v(f"{self.MODULE} runs Ansible's own way: {why}", host=self._host())
            architecture = why.architecture
        return self._run_copied(architecture or self._ask_architecture(), arguments, task_vars)

    # --- Ansible's own way: the binary is copied for the task -------------------------------------------------------

    def _run_copied(self, architecture: str, arguments: dict, task_vars: dict) -> dict:
        if architecture not in binaries.digests():
            raise AnsibleActionFail(self._no_binary(architecture))
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        return self._execute(architecture, arguments, task_vars, wrap_async=wrap_async)

    def _ask_architecture(self) -> str:
        said = self._low_level_execute_command("uname -sm", sudoable=False)["stdout"].split()
        if len(said) < 2 or said[-2] != "Linux":
            raise AnsibleActionFail(self._no_binary(" ".join(said)))
        return {"arm64": "aarch64"}.get(said[-1], said[-1])

    def _no_binary(self, machine: str) -> str:
        there = ", ".join(binaries.digests())
        return f"There is no binary of {self.MODULE} for {machine or 'this host'}, only for {there} on Linux."

    def _execute(self, architecture: str, arguments: dict, task_vars: dict, **more) -> dict:
        loaders = self._shared_loader_obj
        self._shared_loader_obj = _Loaders(loaders, self.MODULE, str(binaries.path(architecture)))
        try:
            return self._execute_module(
                module_name=self.MODULE, module_args=dict(arguments), task_vars=task_vars, **more
            )
        finally:
            self._shared_loader_obj = loaders

    # --- Our way: the binary stays on the host ----------------------------------------------------------------------

    def _run_delivered(self, arguments: dict, task_vars: dict) -> dict:
        shell = self._connection._shell
        self._delivery = Delivery(self._places_on_host(task_vars), self._is_pipelining_enabled("new"))
        tmpdir = shell.tmpdir
        try:
            # Which binary it is only matters for a copy.
            return self._execute(next(iter(binaries.digests())), arguments, task_vars)
        finally:
            if self._delivery.over_stdin:
                shell.tmpdir = tmpdir
            self._delivery = None

    def _places_on_host(self, task_vars: dict) -> list[str]:
        if self._task.delegate_to:
            task_vars = task_vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to, {})
        user = self.get_become_option("become_user") if self._connection.become else None
        if "driftless_modules_dir" not in task_vars:
            return scripts.default_places(user)
        chosen = self._templar.template(task_vars["driftless_modules_dir"])
        if not chosen:
            raise NotDelivered("driftless_modules_dir is empty")
        if not isinstance(chosen, str) or not chosen.startswith(("/", "~/")) or not chosen.isprintable():
            raise AnsibleActionFail("driftless_modules_dir must be a path that begins with / or ~/.")
        return [scripts.place(chosen, user)]

    def _compute_environment_string(self, raw_environment_out=None):
        if self._delivery is None:
            return super()._compute_environment_string(raw_environment_out)
        environment: dict = {}
        super()._compute_environment_string(environment)
        self._delivery.environment = {str(name): str(value) for name, value in environment.items()}
        for name in self._delivery.environment:
            if not (name.isidentifier() and name.isascii()):
                raise AnsibleActionFail(f"{name!r} is not the name of an environment variable.")
        if isinstance(raw_environment_out, dict):
            raw_environment_out.update(environment)
        return ""

    def _make_tmp_path(self, remote_user=None):
        if self._delivery is None or not self._delivery.over_stdin:
            return super()._make_tmp_path(remote_user)
        self._connection._shell.tmpdir = _NOWHERE  # Nothing is put there.
        return _NOWHERE

    def _transfer_file(self, local_path, remote_path):
        # The binary is where it is kept.
        return remote_path if self._delivery else super()._transfer_file(local_path, remote_path)

    def _transfer_data(self, remote_path, data):
        if self._delivery is None:
            return super()._transfer_data(remote_path, data)
        if not self._is_binary(remote_path):  # Some versions of Ansible copy it by this method.
            self._delivery.arguments = data if isinstance(data, bytes) else data.encode(errors="surrogateescape")
            if not self._delivery.over_stdin:
                self._delivery.file = remote_path
                self._put(self._script() + self._delivery.arguments, remote_path)
        return remote_path

    def _fixup_perms2(self, remote_paths, *args, **kwargs):
        if self._delivery is None:
            return super()._fixup_perms2(remote_paths, *args, **kwargs)
        if not self._delivery.over_stdin:
            super()._fixup_perms2([it for it in remote_paths if not self._is_binary(it)], *args, **kwargs)
        self._delivery.is_next = True
        return remote_paths

    def _low_level_execute_command(self, cmd, *args, **kwargs):
        if self._delivery is None or not self._delivery.is_next:
            return super()._low_level_execute_command(cmd, *args, **kwargs)
        self._delivery.is_next = False
        return self._run_or_install(self._delivery)

    def _is_binary(self, remote_path: str) -> bool:
        return remote_path.rsplit("/", 1)[-1] == f"AnsiballZ_{scripts.NAME}"

    def _script(self) -> bytes:
        return scripts.run(self._delivery.places, binaries.digests(), self._delivery.environment)

    def _run_or_install(self, delivery: Delivery) -> dict:
        installed = False
        while True:
            ran = self._start(self._script() + delivery.arguments, delivery.file)
            for note in scripts.read_notes(ran["stdout"] + "\n" + ran["stderr"]):
                display.warning(f"{self._host()}: {note}")
            answer = scripts.read_answer(ran["stdout"])
            if answer is None:
                if ran["rc"] not in _COULD_NOT_EXECUTE or "{" in ran["stdout"]:
                    return ran
                raise NotDelivered(f"the host cannot execute the binary: {ran['stderr'].strip()}")
            if answer.state in ("other", "absent"):
                raise AnsibleActionFail(self._no_binary(answer.reason or answer.architecture))
            if answer.state != "missing":
                raise NotDelivered(answer.reason, answer.architecture)
            if installed:
                raise NotDelivered(f"the binary does not stay in {answer.directory}", answer.architecture)
            self._install(delivery, answer)
            installed = True

    def _install(self, delivery: Delivery, missing: scripts.Answer) -> None:
        digest = binaries.digests()[missing.architecture]
        binary = binaries.path(missing.architecture).read_bytes()
        given = scripts.install(missing.directory, digest, secrets.token_hex(8)) + binary
        file = None
        if not delivery.over_stdin:
            file = f"{delivery.file}-binary"
            self._put(given, file)
            super()._fixup_perms2([file], self._get_remote_user())
        done = self._start(given, file)
        answer = scripts.read_answer(done["stdout"])
        if answer is None or answer.state != "installed":
            reason = answer.reason if answer else done["stderr"].strip()
            raise NotDelivered(f"the binary cannot be put into {missing.directory}: {reason}", missing.architecture)
        display.vv(f"the binary of driftless {digest[:12]} is now in {missing.directory}", host=self._host())

    def _start(self, given: bytes, file: str | None) -> dict:
        command = scripts.command(self.MODULE, file)
        return super()._low_level_execute_command(command, in_data=given if file is None else None)

    def _put(self, data: bytes, remote_path: str) -> None:
        delivery, self._delivery = self._delivery, None
        try:
            super()._transfer_data(remote_path, data)
        finally:
            self._delivery = delivery

    def _host(self) -> str:
        return self._task.delegate_to or self._play_context.remote_addr


class _Loaders:
    """Plugin loaders that know one more module."""

    def __init__(self, loaders, name: str, path: str) -> None:
        self._loaders = loaders
        self._name = name
        self._found = SimpleNamespace(resolved=True, redirect_list=[], plugin_resolved_path=path)
        self.module_loader = self

    def find_plugin_with_context(self, name, *args, **kwargs):
        if name == self._name:
            return self._found
        return self._loaders.module_loader.find_plugin_with_context(name, *args, **kwargs)

    def __getattr__(self, name):
        return getattr(self._loaders, name)
