# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of each result. Never arguments, messages, output or items: those can hold secrets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from driftless_inside.channel import Channel, plain

# A skipped task without `skip_reason` could not be simulated, except for these: the action itself saw that
# there was nothing to do (`creates`, `removes`). So say `command` and `unarchive`; so says `script`.
_NOTHING_TO_DO = ("skipped, since ", "did not run command since ", "would not run command since ")
_MATCHING = (" exists, matching creates option", " does not exist, matching removes option")


def data_of(result: object) -> Mapping:
    """The result's own fields: `result` since ansible-core 2.19, `_result` before."""
    data = getattr(result, "result", None)
    return data if isinstance(data, Mapping) else result._result  # type: ignore[attr-defined]


def task_of(result: object) -> object:
    """The task of a result, with its fields as they were after templating."""
    return getattr(result, "task", None) or result._task  # type: ignore[attr-defined]


def host_of(result: object) -> str:
    """The inventory's name of the result's host."""
    host = getattr(result, "host", None) or result._host  # type: ignore[attr-defined]
    return str(host.name)


def is_censored(task: object, data: Mapping) -> bool:
    """Whether its content is hidden: then nothing but status and `changed` is told."""
    return bool(data.get("_ansible_no_log") or "censored" in data or getattr(task, "no_log", False))


def is_blind(task: object, data: Mapping, status: str) -> bool:
    """Whether check mode could not simulate it. In doubt it is: what saw nothing must not pass for a look.

    That something began which nobody waits for says nothing of how it ends.
    """
    if getattr(task, "check_mode", None) is not True:
        return False
    if status == "skipped":
        return not is_unwanted(data) and not is_satisfied(data)
    return status == "ok" and bool(getattr(task, "async_val", 0)) and not getattr(task, "poll", 1)


def is_for_real(task: object, data: Mapping) -> bool:
    """Whether it was executed although the run only looks."""
    return getattr(task, "check_mode", None) is False and not is_unwanted(data)


def is_unwanted(data: Mapping) -> bool:
    """Whether a condition kept it from running."""
    return "skip_reason" in data or "skipped_reason" in data


def is_satisfied(data: Mapping) -> bool:
    """Whether something skipped looked, and found that there was nothing to do."""
    if "skip_reason" in data:
        return False
    message = data.get("msg")
    return isinstance(message, str) and (message.lower().startswith(_NOTHING_TO_DO) or message.endswith(_MATCHING))


def delegated_to(task: object, data: Mapping) -> str | None:
    """The host that executed it in the place of its own."""
    about = data.get("_ansible_delegated_vars")
    if not isinstance(about, Mapping):
        return None
    name = about.get("ansible_delegated_host") or getattr(task, "delegate_to", None)
    return str(name) if isinstance(name, str) and name and "{{" not in name else None


def digest(channel: Channel, data: Mapping) -> str:
    """A keyed digest of the item: tells items apart and cannot be turned back."""
    name = data.get("ansible_loop_var") or "item"
    if name not in data:
        return ""
    return text_digest(channel, json.dumps(_whole(data[name]), sort_keys=True, default=str, ensure_ascii=True))


def text_digest(channel: Channel, text: str) -> str:
    """A keyed digest of a text in ASCII, or of another one as JSON has it."""
    text = text if text.isascii() else json.dumps(text)
    return hashlib.blake2b(text.encode("ascii"), key=channel.item_key, digest_size=16).hexdigest()


def _whole(value: object) -> object:
    """The item as plain data, the same on each version of Ansible whatever classes it uses inside."""
    if isinstance(value, Mapping):
        return {str(key): _whole(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    return plain(value)


def attempt_of(data: Mapping, version: tuple[int, int]) -> tuple[int, int]:
    """Which attempt failed, from 1, and how many are allowed. Since 2.21 Ansible counts one too many here."""
    attempts = _number(data.get("attempts"))
    return max(attempts - (version >= (2, 21)), 1), _number(data.get("retries"))


def _number(value: object) -> int:
    return int(value) if isinstance(value, int) and 0 <= value < 2**31 else 0
