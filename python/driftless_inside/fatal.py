# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the errors that stop Ansible itself: class, place, and the text only where it comes from parsing."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from driftless_inside.channel import Channel

MAX_MESSAGE = 300

# By how far Ansible got: the classes whose first line is told. Text of any other error could hold the value
# of a variable, so of that only fragments are told that cannot. Nothing of the text is told once a play began:
# results exist from then on.
_PARSING = frozenset({"AnsibleParserError", "AnsibleYAMLParserError", "AnsibleJSONParserError"})
_VAULT = frozenset({"AnsibleVaultError", "AnsibleVaultFormatError", "AnsibleVaultPasswordError"})
_STARTING = _PARSING | _VAULT | {"AnsibleError", "AnsibleOptionsError", "AnsibleFileNotFound"}
_TOLD = {
    "import": None,  # Nothing was read yet: any text.
    "options": _STARTING,
    "inventory": _PARSING | _VAULT,
    "playbook": _STARTING,
    "start": frozenset(),
    "plays": frozenset(),
}
_FRAGMENTS = re.compile(
    r"'[A-Za-z_]\w*' is undefined"
    r"|Attempting to decrypt but no vault secrets found"
    r"|Decryption failed \(no vault secrets were found that could decrypt\)"
)


@contextlib.contextmanager
def telling(channel: Channel) -> Iterator[None]:
    """Tells whatever error leaves this block, and lets it go on."""
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except SystemExit as leaving:
        # An import that gives up, or the option parser. Later it is a refusal, which was told already.
        if leaving.code not in (0, None) and channel.phase in ("import", "options"):
            text = leaving.code if isinstance(leaving.code, str) else None
            channel.tell("error", **{"class": "AnsibleStartError", "message": first_line(channel, text)})
        raise
    except BaseException as error:
        with contextlib.suppress(Exception):
            tell_error(channel, error)
        raise


def tell_error(channel: Channel, error: BaseException) -> None:
    """Tells one error."""
    told = _TOLD[channel.phase]
    name = type(error).__name__
    message = None
    if (told is None or name in told) and getattr(error, "_show_content", True):
        message = first_line(channel, _text(error))
    elif channel.phase != "plays":
        found = _FRAGMENTS.search(str(error))
        message = found.group() if found else None
    channel.tell("error", **{"class": name, "place": place(channel, error), "message": message})


def _text(error: BaseException) -> str:
    """What the error says, without the lines of source that Ansible adds."""
    text = getattr(error, "_message", None)
    text = text if isinstance(text, str) and text.strip() else str(error)
    # Up to 2.18 the first line of a YAML error says only that neither JSON nor YAML could be read.
    problem = getattr(getattr(error, "orig_exc", None), "problem", None)
    if isinstance(problem, str) and "\n" in text:
        return f"YAML does not parse: {problem}"
    return text


def first_line(channel: Channel, text: str | None) -> str | None:
    """The first line, without control characters and without the path of the checkout."""
    lines = (text or "").strip().splitlines()
    if not lines:
        return None
    line = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", lines[0])
    for root in channel.roots:
        line = line.replace(root, "").replace(root.rstrip("/"), ".")
    return line[:MAX_MESSAGE]


def place(channel: Channel, error: BaseException) -> str | None:
    """Where in the repository, as `file:line`, if the error or one that caused it knows."""
    seen = 0
    at: BaseException | None = error
    while at is not None and seen < 10:
        found = _position(getattr(at, "obj", None))
        if found is not None:
            return f"{channel.relative(found[0])}:{found[1]}"
        at = at.__cause__ or getattr(at, "orig_exc", None)
        seen += 1
    return None


def _position(value: object) -> tuple[str, int] | None:
    """File and line of a piece of YAML: an attribute up to ansible-core 2.18, a tag since."""
    if value is None:
        return None
    position = getattr(value, "ansible_pos", None)
    if isinstance(position, tuple) and len(position) == 3 and isinstance(position[0], str):
        return position[0], int(position[1])
    try:
        from ansible._internal._datatag._tags import Origin
    except ImportError:
        return None
    origin = value if isinstance(value, Origin) else Origin.get_tag(value)
    if origin is None or not origin.path:
        return None
    return origin.path, int(origin.line_num or 1)
