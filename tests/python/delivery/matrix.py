#!/usr/bin/env python3
"""The delivery of modules in every way that tasks are executed, against a real sshd.

Run by the Python of an environment that has ansible-core; `DOUBLE` is the program that stands for the binary.
"""

from __future__ import annotations

import json
import shutil
import sys
import unittest

from host import ARCHITECTURE, IS_ROOT, Done, Host

SECRET = "s3cret-of-a-task"
AWKWARD = "one's\n\"two\" $three `four` \\five\n"

TASKS = f"""
- hosts: all
  gather_facts: false
  tasks:
    - name: first
      driftless.core.probe: {{items: [{{five: 5}}]}}
    - name: environment
      driftless.core.probe: {{password: {SECRET}}}
      environment: {{TOKEN: {SECRET}, AWKWARD: "{{{{ awkward }}}}", dl_file: other, PATH: "/odd:{{{{ path }}}}"}}
      vars: {{path: "/usr/bin:/bin", awkward: {json.dumps(AWKWARD)}}}
    - name: loop
      driftless.core.facts: {{item: "{{{{ item }}}}"}}
      loop: [one, two]
    - name: check
      driftless.core.probe: {{}}
      check_mode: true
    - name: diff
      driftless.core.probe: {{}}
      diff: true
    - name: delegated
      driftless.core.probe: {{}}
      delegate_to: "{{{{ groups.all[-1] }}}}"
      when: inventory_hostname == groups.all[0]
    - name: other user
      driftless.core.probe: {{}}
      become: true
      become_user: bob
      when: inventory_hostname in ["root", "alice"]
    - name: without a home
      driftless.core.probe: {{}}
      become: true
      become_user: homeless
      when: inventory_hostname == "root"
    - name: by su
      driftless.core.probe: {{}}
      become: true
      become_method: su
      become_user: bob
      when: inventory_hostname == "root"
    - name: administrator
      driftless.core.probe: {{}}
      become: true
      when: inventory_hostname == "alice"
"""


class Case(unittest.TestCase):
    """With a host of its own."""

    def setUp(self) -> None:
        self.host = Host()
        self.addCleanup(self.host.close)

    def well(self, done: Done) -> Done:
        """A run in which nothing failed."""
        self.assertEqual(done.code, 0, done.output[-4000:])
        return done

    def assert_kept(self, result: dict, directory: str) -> None:
        """It was executed where it is kept, by its user, with nothing in its command line."""
        self.assertEqual(result["words"], 1)
        self.assertEqual(result["program"].rsplit("/", 1)[0], directory)

    def assert_copied(self, result: dict) -> None:
        """It was executed Ansible's own way."""
        self.assertEqual(result["words"], 2)
        self.assertIn("AnsiballZ_driftless-modules", result["program"])


class Matrix(Case):
    def test_with_pipelining(self) -> None:
        self.matrix(pipelining=True)

    def test_without_pipelining(self) -> None:
        self.matrix(pipelining=False)

    def matrix(self, pipelining: bool) -> None:
        done = self.well(self.host.play(TASKS, pipelining=pipelining))
        self.assertNotIn("WARNING", done.output)
        for name, user in self.host.users.items():
            with self.subTest(host=name):
                self.each(done, name, str(self.host.kept(user)).removeprefix(f"{self.host.room}/busybox"))
        first, last = list(self.host.users)[0], list(self.host.users)[-1]
        self.assertEqual(done.of("delegated", first)["user"], done.of("first", last)["user"])
        if IS_ROOT:
            self.others(done)
        self.nothing_is_left()

    def each(self, done: Done, name: str, kept: str) -> None:
        first = done.of("first", name)
        self.assert_kept(first, kept)
        given = json.loads(first["given"])
        self.assertEqual((given["items"], given["_ansible_module_name"]), ([{"five": 5}], "driftless.core.probe"))
        self.assertEqual((given["_ansible_check_mode"], given["_ansible_diff"]), (False, False))
        result = done.of("environment", name)
        environment = result["environment"]
        self.assertEqual((environment["TOKEN"], environment["AWKWARD"]), (SECRET, AWKWARD))
        self.assertEqual((environment["dl_file"], environment["PATH"]), ("other", "/odd:/usr/bin:/bin"))
        self.assertEqual(json.loads(result["given"])["password"], SECRET)
        self.assertNotIn(SECRET, " ".join(result["command_lines"]))
        self.assertTrue(any(": driftless.core.probe;" in line for line in result["command_lines"]))
        self.assertFalse({it for it in first["environment"] if it.startswith("dl_")})
        self.assertEqual(first["directory"], environment["HOME"])
        items = [json.loads(it["given"])["item"] for it in done.of("loop", name)["results"]]
        self.assertEqual(items, ["one", "two"])
        self.assertTrue(json.loads(done.of("check", name)["given"])["_ansible_check_mode"])
        self.assertTrue(json.loads(done.of("diff", name)["given"])["_ansible_diff"])

    def others(self, done: Done) -> None:
        for name in ("root", "alice"):
            self.assert_kept(done.of("other user", name), str(self.host.kept("bob")))
        self.assert_kept(done.of("by su", "root"), str(self.host.kept("bob")))
        self.assert_kept(done.of("administrator", "alice"), str(self.host.kept("root")))
        self.assert_kept(done.of("without a home", "root"), "/var/tmp/driftless-61004")

    def nothing_is_left(self) -> None:
        for user in self.host.users.values():
            home = self.host.kept(user).parents[1] if IS_ROOT else self.host.room
            self.assertEqual([str(it) for it in home.rglob("ansible-tmp-*")], [])
            self.assertEqual(len(list(self.host.kept(user).iterdir())), 1)

    def test_a_task_is_one_command(self) -> None:
        one = list(self.host.users)[0]
        playbook = f"- hosts: {one}\n  gather_facts: false\n  tasks: [driftless.core.probe: {{}}]\n"
        commands = [self.well(self.host.play(playbook, "-vvv")).output.count("SSH: EXEC") for _ in range(2)]
        self.assertEqual(commands, [3, 1])

    def test_the_directory_can_be_chosen(self) -> None:
        one, chosen = list(self.host.users)[0], self.host.room / "some where"
        playbook = f"- hosts: {one}\n  gather_facts: false\n  tasks: [{{name: it, driftless.core.probe: {{}}}}]\n"

        def play(value: str) -> Done:
            return self.host.play(playbook, "-v", "-e", json.dumps({"driftless_modules_dir": value}))

        self.assert_kept(self.well(play(str(chosen))).of("it", one), str(chosen))
        done = self.well(play(""))
        self.assert_copied(done.of("it", one))
        self.assertIn("driftless.core.probe runs Ansible's own way: driftless_modules_dir is empty", done.output)
        self.assertIn("must be a path that begins with /", play("relative").of("it", one)["msg"])

    def test_async_is_ansibles_own(self) -> None:
        one = list(self.host.users)[0]
        playbook = (
            f"- hosts: {one}\n  gather_facts: false\n  vars: {{ansible_python_interpreter: {sys.executable}}}\n"
            "  tasks: [{name: it, driftless.core.probe: {a: 1}, async: 30, poll: 1}]\n"
        )
        done = self.well(self.host.play(playbook, "-v"))
        self.assert_copied(done.of("it", one))
        self.assertIn("driftless.core.probe runs Ansible's own way: async", done.output)

    def test_a_collection_without_binaries_says_so(self) -> None:
        core = self.host.collections / "ansible_collections/driftless/core"
        one = list(self.host.users)[0]
        playbook = f"- hosts: {one}\n  gather_facts: false\n  tasks: [{{name: it, driftless.core.probe: {{}}}}]\n"
        (core / "bin" / ARCHITECTURE).rename(core / "bin/riscv64")
        self.assertIn("is not installed", self.host.play(playbook).of("it", one)["msg"])
        other = "aarch64" if ARCHITECTURE == "x86_64" else "x86_64"
        shutil.copytree(core / "bin/riscv64", core / "bin" / other)
        said = self.host.play(playbook).of("it", one)["msg"]
        self.assertIn(f"There is no binary of driftless.core.probe for {ARCHITECTURE}, only for {other}", said)


if __name__ == "__main__":
    unittest.main()
