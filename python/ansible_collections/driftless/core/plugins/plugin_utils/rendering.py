# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a file as `ansible.builtin.template` would, on each version of Ansible."""

from __future__ import annotations

import os

from ansible import template
from ansible.errors import AnsibleActionFail

try:
    from ansible.template import trust_as_template
except ImportError:  # Before 2.19 every text could be a template.
    trust_as_template = None


def render(plain: str, path: str, templar, task_vars: dict, dest: str) -> bytes:
    """The rendered contents.

    :param plain: the file, or a decrypted copy of it
    :param path: where it is in the source, an absolute path
    """
    with open(plain, "rb") as file:
        try:
            text = file.read().decode()
        except UnicodeDecodeError as error:
            raise AnsibleActionFail(f"The template {path} is not UTF-8.") from error
    above = os.path.dirname(path)
    places = task_vars.get("ansible_search_path", [])
    search = [above, *(os.path.join(it, sub) for it in places for sub in ("templates", ""))]
    variables = {**task_vars, **_about(path, dest, task_vars)}
    if trust_as_template:
        inner = templar.copy_with_new_env(searchpath=search, available_variables=variables)
        rendered = inner.template(trust_as_template(text), escape_backslashes=False)
    else:
        inner = templar.copy_with_new_env(
            environment_class=template.AnsibleEnvironment, searchpath=search, available_variables=variables
        )
        rendered = inner.do_template(text, preserve_trailing_newlines=True, escape_backslashes=False)
    return b"" if rendered is None else str(rendered).encode()


def _about(path: str, dest: str, task_vars: dict) -> dict:
    """`template_path`, `ansible_managed` and their like."""
    known = template.generate_ansible_template_vars(path, fullpath=path, dest_path=dest)
    return {name: value for name, value in known.items() if name != "ansible_managed" or name not in task_vars}
