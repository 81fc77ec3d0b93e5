#!/usr/bin/env python3
"""The modules that only look, `probe` and `facts`, against a real sshd: with become, and on a host without any Python.

Run by the Python of an environment that has ansible-core; `DOUBLE` is the program with the modules.
"""

from __future__ import annotations

import hashlib
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "delivery"))

from host import Host

PLAYBOOK = """
- hosts: all
  gather_facts: false
  become: "{{{{ inventory_hostname == 'alice' }}}}"
  vars:
    place: "{{{{ {places}[inventory_hostname] }}}}"
  tasks:
    - name: probe
      driftless.core.probe:
        fail: {fail}
        items:
          - file: {{ path: "{{{{ place }}}}/conf", mode: "0644", sha256: "{digest}" }}
          - directory: {{ path: "{{{{ place }}}}" }}
          - absent: "{{{{ place }}}}/gone"
          - line: {{ path: "{{{{ place }}}}/conf", line: wanted }}
          - link: {{ path: "{{{{ place }}}}/link", target: conf }}
          - name: kernel
            sysctl: {{ name: kernel.ostype, value: Linux }}
    - name: facts
      driftless.core.facts:
        gather_subset: [min, hardware]
    - name: use
      ansible.builtin.debug:
        msg: "{{{{ ansible_facts.kernel }}}} {{{{ ansible_facts.architecture }}}} {{{{ ansible_facts.memtotal_mb }}}}"
"""


class Looks(unittest.TestCase):
    def setUp(self) -> None:
        self.host = Host()
        self.addCleanup(self.host.close)
        self.places = {it: self.host.room / "at" / it for it in self.host.users}
        if "busy" in self.places:  # What is its root is a directory here.
            self.places["busy"] = self.host.room / "busybox/home/busy/at"
        for place in self.places.values():
            place.mkdir(parents=True)
            (place / "conf").write_text("wanted\n")
            (place / "conf").chmod(0o644)
            (place / "link").symlink_to("conf")

    def play(self, *arguments: str, fail: str = "false", pipelining: bool = True):
        shown = {it: "/home/busy/at" if it == "busy" else str(place) for it, place in self.places.items()}
        digest = hashlib.sha256(b"wanted\n").hexdigest()
        text = PLAYBOOK.format(places=shown, digest=digest, fail=fail)
        return self.host.play(text, *arguments, pipelining=pipelining)

    def states(self, done) -> dict[str, list[str]]:
        return {it: [verdict["state"] for verdict in done.of("probe", it)["verdicts"]] for it in self.places}

    def test_they_tell_what_is_there_and_change_nothing(self) -> None:
        uname = os.uname()
        for pipelining in (True, False):
            for arguments in ((), ("--check",)):
                done = self.play(*arguments, pipelining=pipelining)
                self.assertEqual(done.code, 0, done.output[-4000:])
                self.assertNotIn("WARNING", done.output)
                for user, states in self.states(done).items():
                    self.assertEqual(states, ["as_wanted"] * 6, done.of("probe", user))
                    self.assertFalse(done.of("probe", user)["changed"])
                    said = done.of("use", user)["msg"]
                    self.assertTrue(said.startswith(f"{uname.release} {uname.machine} "), said)
                    self.assertLess(100, int(said.split()[-1]))

    def test_what_differs_is_told_item_by_item(self) -> None:
        for place in self.places.values():
            (place / "conf").write_text("edited\n")
            (place / "gone").mkdir()
        done = self.play()
        self.assertEqual(done.code, 0, done.output[-4000:])
        for user, states in self.states(done).items():
            expected = ["differs", "as_wanted", "differs", "differs", "as_wanted", "as_wanted"]
            self.assertEqual(states, expected, done.of("probe", user))
            self.assertEqual(done.of("probe", user)["summary"]["differs"], 3)
        self.assertEqual(self.play(fail="true").code, 2)


if __name__ == "__main__":
    unittest.main()
