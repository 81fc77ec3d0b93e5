#!/usr/bin/env python3
"""The module `tree` by its action plugin, against a real sshd.

Run by the Python of an environment that has ansible-core; `DOUBLE` is the program with the modules.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "delivery"))

from host import IS_ROOT, Done, Host

SECRET = "s3cret-of-a-template"

PLAYBOOK = """
- hosts: all
  gather_facts: false
  vars:
    secret: {secret}
    who: "{{{{ inventory_hostname }}}}"
    places: {places}
  tasks:
    - name: tree
      driftless.core.tree:
        src: {source}
        dest: "{{{{ places[inventory_hostname] }}}}"
        templates: ["*.j2"]
        exclude: ["*.bak", /kept]
        delete: true
      become: "{{{{ inventory_hostname == 'alice' }}}}"
"""


class Case(unittest.TestCase):
    """With a host and a source."""

    def setUp(self) -> None:
        self.host = Host()
        self.addCleanup(self.host.close)
        self.source = self.host.room / "source"
        for directory in ("", "conf", "conf/deep", "empty"):
            (self.source / directory).mkdir()
        self.write("conf/plain", "plain\n")
        self.write("conf/deep/run", "#!/bin/sh\n", 0o700)
        self.write("conf/of.conf.j2", "for {{ who }} {{ secret }}\n")
        self.write("not.bak", "")
        (self.source / "link").symlink_to("conf/plain")
        self.places = {it: self.host.room / "at" / it for it in self.host.users}
        for place in self.places.values():
            place.mkdir(parents=True)
            place.chmod(0o755)
        if "busy" in self.places:  # What is its root is a directory here.
            self.places["busy"] = self.host.room / "busybox/home/busy"
            bring_libraries(self.host.room / "busybox")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        (self.source / path).write_text(text)
        (self.source / path).chmod(mode)

    def dest(self, user: str) -> Path:
        """As this process sees it."""
        return self.places[user] / "dest"

    def play(self, *arguments: str, pipelining: bool = True, playbook: str = PLAYBOOK, **more: str) -> Done:
        shown = {it: str(self.dest(it)) for it in self.places}
        if "busy" in shown:
            shown["busy"] = "/home/busy/dest"
        text = playbook.format(source=self.source, places=shown, secret=SECRET, **more)
        return self.host.play(text, *arguments, pipelining=pipelining)

    def well(self, done: Done) -> Done:
        self.assertEqual(done.code, 0, done.output[-4000:])
        self.assertNotIn("WARNING", done.output)
        return done

    def results(self, done: Done) -> dict[str, dict]:
        return {it: self.well(done).of("tree", it) for it in self.places}


def bring_libraries(root: Path) -> None:
    """The program is static where it is released, but not as tests build it."""
    told = subprocess.run(["ldd", os.environ["DOUBLE"]], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+) \(0x", told):
        place = root / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place)


def differences(result: dict) -> list[tuple]:
    """What a result says of each path."""
    return sorted((it["path"], it["kind"]) for it in result["changes"])


class Matrix(Case):
    def test_with_pipelining(self) -> None:
        self.matrix(pipelining=True)

    def test_without_pipelining(self) -> None:
        self.matrix(pipelining=False)

    def matrix(self, pipelining: bool) -> None:
        """Changed, then unchanged; each time a check run says before what will happen."""
        self.predicted_and_made(pipelining)
        for user in self.places:
            self.assert_equal(user)

        for user in self.places:
            dest = self.dest(user)
            (dest / "conf/plain").write_text("drifted\n")
            (dest / "conf/deep/run").chmod(0o600)
            (dest / "extra/in").mkdir(parents=True)
            (dest / "extra/in/file").write_text("x")
            (dest / "kept").write_text("mine")
            (dest / "link").unlink()
            (dest / "link").mkdir()
        if "busy" in self.places:
            self.refused_before_anything_is_done(pipelining)
            for path in ("extra", "extra/in", "extra/in/file", "link"):
                os.chown(self.dest("busy") / path, 61003, 61003)
        for result in self.predicted_and_made(pipelining).values():
            expected = [("conf/deep/run", "mode"), ("conf/plain", "content"), ("extra", "removed")]
            expected += [("extra/in", "removed"), ("extra/in/file", "removed"), ("link", "type")]
            self.assertEqual(differences(result), expected)
            self.assertEqual(result["counts"], {"mode": 1, "content": 1, "removed": 3, "type": 1})
        for user in self.places:
            self.assertEqual((self.dest(user) / "kept").read_text(), "mine")
            (self.dest(user) / "kept").unlink()
            self.assert_equal(user)

    def refused_before_anything_is_done(self, pipelining: bool) -> None:
        """A check run says it too when the user may not do something."""
        before = sorted(self.dest("busy").rglob("*"))
        for arguments in (("--check",), ()):
            done = self.play("--limit", "busy", *arguments, pipelining=pipelining)
            self.assertEqual(done.code, 2, done.output)
            self.assertIn("User 61003 may not change what is in extra", done.of("tree", "busy")["msg"])
        self.assertEqual(sorted(self.dest("busy").rglob("*")), before)

    def predicted_and_made(self, pipelining: bool) -> dict[str, dict]:
        predicted = self.results(self.play("--check", pipelining=pipelining))
        made = self.results(self.play(pipelining=pipelining))
        again = self.results(self.play(pipelining=pipelining))
        for user in self.places:
            self.assertTrue(made[user]["changed"])
            self.assertEqual(predicted[user], made[user])
            self.assertFalse(again[user]["changed"], again[user])
            self.assertEqual(again[user]["changes"], [])
            internal = {"needed", "texts", "manifest", "invocation"} & set(made[user])
            self.assertEqual(internal, set())
        return made

    def assert_equal(self, user: str) -> None:
        dest = self.dest(user)
        found = {str(it.relative_to(dest)) for it in dest.rglob("*")}
        wanted = {"conf", "conf/deep", "conf/deep/run", "conf/of.conf", "conf/plain", "empty", "link"}
        self.assertEqual(found, wanted)
        self.assertEqual((dest / "conf/of.conf").read_text(), f"for {user} {SECRET}\n")
        self.assertEqual((dest / "conf/plain").read_text(), "plain\n")
        self.assertEqual(os.readlink(dest / "link"), "conf/plain")
        modes = {it: stat.S_IMODE((dest / it).stat().st_mode) for it in ("conf", "conf/deep/run", "conf/plain")}
        self.assertEqual(modes, {"conf": 0o755, "conf/deep/run": 0o755, "conf/plain": 0o644})
        if IS_ROOT:
            owner = {"root": 0, "alice": 0, "busy": 61003}[user]
            self.assertEqual((dest / "conf/plain").stat().st_uid, owner)


class Ways(Case):
    """On one host."""

    def setUp(self) -> None:
        super().setUp()
        self.user = next(iter(self.host.users))
        self.host.users = {self.user: self.host.users[self.user]}
        self.places = {self.user: self.places[self.user]}

    def only(self, done: Done) -> dict:
        return self.results(done)[self.user]

    def test_much_is_sent_as_a_file(self) -> None:
        noise = random.Random(4).randbytes(6 << 20)
        (self.source / "large").write_bytes(noise)
        for pipelining in (True, False):
            self.assertTrue(self.only(self.play(pipelining=pipelining))["changed"])
            self.assertEqual((self.dest(self.user) / "large").read_bytes(), noise)
            (self.dest(self.user) / "large").unlink()
        home = self.host.homes / "root" if IS_ROOT else Path.home()
        self.assertEqual(list((home / ".ansible/tmp").glob("*")) if IS_ROOT else [], [])

    def test_in_the_background(self) -> None:
        playbook = PLAYBOOK + "      async: 60\n      poll: 1\n"
        # Ansible's own wrapper is executed, which is Python.
        python = ("-e", f"ansible_python_interpreter={sys.executable}")
        self.assertTrue(self.only(self.play(*python, playbook=playbook))["changed"])
        self.assertFalse(self.only(self.play(*python, playbook=playbook))["changed"])
        self.assertEqual((self.dest(self.user) / "conf/plain").read_text(), "plain\n")

    def test_what_differs_is_shown(self) -> None:
        self.only(self.play())
        dest = self.dest(self.user)
        (dest / "conf/plain").write_text("drifted\n")
        (dest / "conf/deep/run").write_bytes(b"\0\1")
        (dest / "gone").write_text("old text\n")
        for arguments in (("--check", "--diff"), ("--diff",)):
            shown = {it["after_header"]: it for it in self.only(self.play(*arguments))["diff"]}
            plain = shown[f"{dest}/conf/plain"]
            self.assertEqual((plain["before"], plain["after"]), ("drifted\n", "plain\n"))
            self.assertEqual(shown[f"{dest}/conf/deep/run"]["dst_binary"], 1)
            self.assertEqual(shown[f"{dest}/gone"]["before"], "removed: file\nold text\n")
        self.assertNotIn("diff", self.only(self.play("--diff")))

    def test_secrets_are_in_no_output(self) -> None:
        done = self.play("-vvv")
        self.assertTrue(self.only(done)["changed"])
        self.assertNotIn(SECRET, done.output)
        self.assertNotIn('"manifest"', done.output)

    def test_mistakes_are_explained(self) -> None:
        good = f"src: {self.source}, dest: {self.dest(self.user)}"
        for arguments, told in (
            ("dest: /tmp/x", "missing required arguments: src"),
            (f"src: {self.source}", "missing required arguments: dest"),
            (f"src: {self.source}/conf/plain, dest: /tmp/x", "is not a directory"),
            ("src: nowhere, dest: /tmp/x", "nowhere"),
            (f"src: {self.source}, dest: x", "dest must be an absolute path"),
            (f"src: {self.source}, dest: /, delete: true", "everything else on the host would be removed"),
            (f"{good}, mode: u+x", 'mode is \'u+x\', and must be git, preserve, or an octal number such as "0640"'),
            (f"{good}, manifest: x", "manifest is set by this action itself"),
            (f"{good}, owner: nobody-has-this-name", "The host has no user"),
            (f"{good}, colour: red", "Unsupported parameters"),
        ):
            playbook = f"- hosts: all\n  gather_facts: false\n  tasks:\n    - driftless.core.tree: {{{arguments}}}\n"
            done = self.host.play(playbook)
            self.assertEqual(done.code, 2, done.output)
            self.assertIn(told, done.said[-1]["result"]["msg"])
        self.assertFalse(self.dest(self.user).exists())

    def test_sources_that_cannot_be(self) -> None:
        os.mkfifo(self.source / "pipe")
        self.fails("pipe is no file, directory or symbolic link")
        (self.source / "pipe").unlink()
        self.write("conf/of.conf", "twice")
        self.fails("would both become conf/of.conf")
        (self.source / "conf/of.conf").unlink()
        self.write("conf/of.conf.j2", "{{ undefined_name }}")
        self.fails("undefined_name")
        (self.source / "conf/of.conf.j2").unlink()
        (self.source / os.fsdecode(b"\xff")).write_text("")
        self.fails("is not UTF-8")

    def fails(self, told: str) -> None:
        done = self.play()
        self.assertEqual(done.code, 2, done.output)
        self.assertIn(told, done.said[-1]["result"]["msg"])
        self.assertFalse(self.dest(self.user).exists())

    def test_encrypted_files_arrive_in_clear(self) -> None:
        from ansible.parsing.vault import VaultLib, VaultSecret

        vault = VaultLib([("default", VaultSecret(b"pass"))])
        self.write("conf/plain", vault.encrypt("in clear\n").decode())
        self.write("conf/of.conf.j2", vault.encrypt("also for {{ who }}\n").decode())
        with tempfile.NamedTemporaryFile("w") as password:
            password.write("pass")
            password.flush()
            self.assertTrue(self.only(self.play("--vault-password-file", password.name))["changed"])
        self.assertEqual((self.dest(self.user) / "conf/plain").read_text(), "in clear\n")
        self.assertEqual((self.dest(self.user) / "conf/of.conf").read_text(), f"also for {self.user}\n")


if __name__ == "__main__":
    unittest.main()
