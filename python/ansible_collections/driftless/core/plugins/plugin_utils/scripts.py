# SPDX-License-Identifier: GPL-3.0-or-later
"""What is executed on hosts to keep a binary there and to run it: POSIX sh, no Python.

A script is one line, the first of the input, and what follows it is what it reads: neither is in a command line,
where others on the host and its logs would see it. Its names begin with `dl_`: assigning to a name that the
environment has would change it for the module.

A directory is opened once, and everything in it is named through `/proc/self/fd/4`. So what was verified is what
runs, even if somebody renames the directory or one above it meanwhile: only its owner can change what is in it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NAME = "driftless-modules"  # Of the binary: here, and on hosts with its digest behind.

_ANSWER = "driftless-delivery"
_NOTE = "driftless-delivery note: "

# Ends the script with an answer. Input that nobody reads would look like a broken connection.
_SAY = """
dl_say() { cat >/dev/null; printf '%s\\n' driftless-delivery "$@"; exit 93; };
"""

# The verifications. `dl_private`: the directory behind descriptor 4 is ours alone. `dl_whole`: the file in it is a
# regular one, ours alone, and has the digest; it follows `dl_private`, which asks `ls` for both.
_VERIFY = """
dl_at=/proc/self/fd/4; dl_file=$dl_at/driftless-modules-$dl_hash;
dl_sum=sha256sum; command -v sha256sum >/dev/null 2>&1 || dl_sum='busybox sha256sum';
dl_private() {
  dl_ls=$(LC_ALL=C ls -ld "$dl_at/." "$dl_file" 2>/dev/null);
  [ -O "$dl_at/." ] && case $dl_ls in drwx--[-S]---[.\\ ]*) ;; *) false ;; esac;
};
dl_whole() {
  case ${dl_ls#*"$dl_at/."} in ?-rwx------[.\\ ]*) [ -O "$dl_file" ] && dl_digest "$dl_file" ;; *) false ;; esac;
};
dl_digest() { case $($dl_sum <"$1" 2>/dev/null) in "$dl_hash "*) ;; *) false ;; esac; };
"""

_MACHINE = """
dl_machine=$(uname -sm);
case $dl_machine in
  Linux\\ x86_64) dl_arch=x86_64 dl_hash=$dl_x86_64 ;;
  Linux\\ aarch64|Linux\\ arm64) dl_arch=aarch64 dl_hash=$dl_aarch64 ;;
  *) dl_say other - - "$dl_machine" ;;
esac;
[ "$dl_hash" ] || dl_say absent "$dl_arch" - -;
[ -d /proc/self/fd ] || dl_say unusable "$dl_arch" - '/proc is not mounted';
"""

# Runs the binary if it is in this directory, and says what is wrong there. An executable file on a noexec mount is
# not executable for `[ -x` either, except in some shells.
#
# The environment of the task must not change what is executed: the name is put aside first.
_TRY = """
dl_note() { echo "driftless-delivery note: $1" >&2; };
dl_try() {
  [ -d "$1" ] || return;
  if [ -L "$1" ]; then dl_note "$1 is a symbolic link"; return; fi;
  {
    if dl_private; then
      if dl_whole; then
        if [ -x "$dl_file" ]; then set -- "$dl_file"; eval "$dl_environment"; "$1"; exit; fi;
      elif [ -e "$dl_file" ] || [ -L "$dl_file" ]; then
        dl_note "the binary in $1 is not the one that was put there";
      fi;
    else dl_note "$1 is not private: its user must own it, with mode 0700";
    fi;
  } 4<"$1";
};
"""

# Makes this directory ready for the binary, and says so. The digest of nothing shows that digests can be computed.
_READY = """
dl_why=;
dl_no() { dl_why="$dl_why$1; "; };
dl_ready() {
  case $1 in /*) ;; *) dl_no "the user has no home directory"; return ;; esac;
  (umask 077; mkdir -p "$1") 2>/dev/null;
  if [ -L "$1" ]; then dl_no "$1 is a symbolic link"; return; fi;
  if [ -d "$1" ] && [ -r "$1" ]; then :; else dl_no "$1 cannot be made"; return; fi;
  {
    dl_test=$dl_at/.try-$$;
    if dl_private; then
      if { printf '#!/bin/sh\\n' >"$dl_test" && chmod 700 "$dl_test"; } 2>/dev/null; then
        if "$dl_test" 2>/dev/null; then rm -f "$dl_test"; dl_say missing "$dl_arch" "$1" -; fi;
        dl_no "nothing can be executed in $1 (is it mounted noexec?)";
      else dl_no "nothing can be written in $1";
      fi;
      rm -f "$dl_test";
    else dl_no "$1 is not private: its user must own it, with mode 0700";
    fi;
  } 4<"$1";
};
case $($dl_sum </dev/null 2>/dev/null) in
  e3b0c44298fc1c149afbf4c8996fb924*) ;;
  *) dl_say unusable "$dl_arch" - 'there is neither sha256sum nor busybox' ;;
esac;
"""

# Puts the binary in its place and removes old versions, except the newest ones and those that are being executed:
# they cannot be opened for writing. Unfinished files of others are removed after an hour.
_INSTALL = """
dl_fail() { rm -f "$dl_new"; dl_say failed - - "$1"; };
dl_clean() {
  dl_count=1;
  for dl_old in $(ls -t "$dl_at/."); do
    case $dl_old in
      "driftless-modules-$dl_hash") ;;
      driftless-modules-*)
        dl_count=$((dl_count + 1));
        if [ $dl_count -gt 3 ]; then (: >>"$dl_at/$dl_old") && rm -f "$dl_at/$dl_old"; fi ;;
    esac;
  done;
  find "$dl_at/." -name '.new-*' -mmin +60 -exec rm -f {} +;
};
umask 077;
{
  dl_private || dl_say failed - - 'the directory was changed meanwhile';
  dl_error=$({ cat >"$dl_new"; } 2>&1) || dl_fail "$dl_error";
  chmod 700 "$dl_new" && dl_digest "$dl_new" || dl_fail 'the binary did not arrive whole';
  if [ -L "$dl_file" ]; then rm -f "$dl_file"; fi;
  if [ -d "$dl_file" ]; then dl_fail 'a directory is in its place'; fi;
  dl_error=$(mv -f "$dl_new" "$dl_file" 2>&1) || dl_fail "$dl_error";
  dl_clean >/dev/null 2>&1;
  dl_say installed - - -;
} 4<"$dl_directory";
dl_say failed - - 'the directory is gone';
"""


@dataclass(frozen=True)
class Answer:
    """What a script says that executed no module."""

    state: str  # missing, unusable, absent (no binary for the architecture), other (machine); installed, failed
    architecture: str
    directory: str
    reason: str


def read_answer(stdout: str) -> Answer | None:
    """The answer in what a script printed; none if a module ran."""
    lines = stdout.splitlines()
    if _ANSWER not in lines:
        return None
    parts = lines[lines.index(_ANSWER) + 1 :] + ["", "", "", ""]
    return Answer(parts[0], parts[1], parts[2], " ".join(parts[3:]).strip(" ;-"))


def read_notes(text: str) -> list[str]:
    """What a script found wrong on its way."""
    return [line[len(_NOTE) :].rstrip() for line in text.splitlines() if line.startswith(_NOTE)]


def command(title: str, file: str | None) -> str:
    """The command that executes a script.

    :param title: what is shown of it in lists of processes
    :param file: on the host, with its input; none if that comes over stdin
    """
    start = 'IFS= read -r dl_script && eval "$dl_script"'
    return f": {title}; {start if file is None else f'{{ {start}; }} <{shlex.quote(file)}'}"


def run(places: Sequence[str], digests: Mapping[str, str], environment: Mapping[str, str]) -> bytes:
    """Runs the binary if it is in one of the places. Else makes the first one ready that can be.

    :param places: words of sh
    :param digests: of the binary for each architecture there is
    :param environment: what the module finds in it beside what is there anyway
    """
    values = {f"dl_{architecture}": digests.get(architecture, "") for architecture in ("x86_64", "aarch64")}
    tried = "".join(f"dl_try {place};\n" for place in places)
    made_ready = "".join(f"dl_ready {place};\n" for place in places)
    last = 'dl_say unusable "$dl_arch" - "$dl_why"'
    return _script(
        {**values, "dl_environment": _exported(environment)},
        [_SAY, _MACHINE, _VERIFY, _TRY, tried, _READY, made_ready, last],
    )


def install(directory: str, digest: str, token: str) -> bytes:
    """Puts the binary, which is the rest of the input, into a directory that is ready, and removes old versions.

    :param directory: as the host named it
    :param token: makes the name of the unfinished file unique
    """
    values = {"dl_hash": digest, "dl_directory": directory, "dl_new": f"/proc/self/fd/4/.new-{token}"}
    return _script(values, [_SAY, _VERIFY, _INSTALL])


def default_places(user: str | None) -> list[str]:
    """Where binaries are kept unless a directory was chosen: the second place is for users without a home."""
    return [place("~/.cache/driftless", user), '"/var/tmp/driftless-$(id -u)"']


def place(directory: str, user: str | None) -> str:
    """A directory as a word of sh. `~` at its beginning is the home of the user.

    :param user: who the module runs as, if that is known: `HOME` may be that of somebody else
    """
    if directory == "~" or directory.startswith("~/"):
        known = user is not None and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", user)
        return f"~{user if known else ''}/{shlex.quote(directory[2:])}"
    return shlex.quote(directory)


def _exported(environment: Mapping[str, str]) -> str:
    words = "".join(f" {name}={shlex.quote(value)}" for name, value in environment.items())
    return f"export{words}" if words else ""


def _script(values: Mapping[str, str], parts: Sequence[str]) -> bytes:
    # A value can hold the end of a line. Where there is one it is written as a variable, since a script is one line.
    assigned = [f"{name}={shlex.quote(value)};".replace("\n", "'\"$dl_end\"'") for name, value in values.items()]
    lines = [line.strip() for part in parts for line in part.splitlines()]
    end = "dl_end=$(printf '\\nx'); dl_end=${dl_end%x};"
    return (" ".join([end, *assigned, *filter(None, lines)]) + "\n").encode(errors="surrogateescape")
