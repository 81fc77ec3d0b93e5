#!/usr/bin/env python3
"""What others do to the binary that is kept on a host: nothing runs that was not verified. Needs root.

Run by the Python of an environment that has ansible-core; `DOUBLE` is the program that stands for the binary.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import subprocess
import unittest
from pathlib import Path

from host import IS_ROOT, Done, wait_for
from matrix import Case

PLAYBOOK = """
- hosts: root
  gather_facts: false
  tasks:
    - name: it
      driftless.core.probe: {}
"""


def exchange(one: Path, other: Path) -> None:
    """Exchanges two directories again and again, as the user who owns the one above."""
    os.setgroups([])
    os.setgid(61001)
    os.setuid(61001)
    libc = ctypes.CDLL(None, use_errno=True)
    at_cwd, flag = -100, 2
    while libc.renameat2(at_cwd, bytes(one), at_cwd, bytes(other), flag) == 0:
        pass


@unittest.skipUnless(IS_ROOT, "needs root, for a host with mounts of its own")
class Attacks(Case):
    def setUp(self) -> None:
        super().setUp()
        self.kept = self.host.kept("root")
        self.marks = self.host.room / "marks"
        self.marks.mkdir(mode=0o777)
        self.marks.chmod(0o777)
        self.evil = f"#!/bin/sh\necho >>{self.marks}/ran; echo '{{\"words\": 1, \"program\": \"evil\"}}'\n"

    def play(self, *arguments: str, **more) -> Done:
        return self.host.play(PLAYBOOK, "-v", *arguments, **more)

    def nothing_evil_ran(self) -> None:
        self.assertFalse((self.marks / "ran").exists())

    def binary(self) -> Path:
        (binary,) = self.kept.glob("driftless-modules-*")
        return binary

    def begin(self) -> Path:
        """The binary is there."""
        self.assert_kept(self.well(self.play()).of("it", "root"), str(self.kept))
        return self.binary()

    def assert_said(self, done: Done, text: str) -> None:
        """Warnings are broken into lines, also within a path."""
        self.assertIn("".join(text.split()), "".join(done.output.split()), done.output[-4000:])

    def it_is_replaced(self, done: Done, whole: bytes) -> None:
        """It was noticed, and made good."""
        self.assert_kept(self.well(done).of("it", "root"), str(self.kept))
        self.assert_said(done, f"the binary in {self.kept} is not the one that was put there")
        self.nothing_evil_ran()
        self.assertEqual(self.binary().read_bytes(), whole)
        self.assertEqual(self.binary().lstat().st_mode, 0o100700)
        self.assertNotIn("WARNING", self.well(self.play()).output)

    def it_is_refused(self, done: Done, why: str) -> None:
        """It was noticed, and the other place is used."""
        self.assert_kept(self.well(done).of("it", "root"), "/var/tmp/driftless-0")
        self.assert_said(done, f"{self.kept} {why}")
        self.nothing_evil_ran()

    def test_the_binary_is_replaced(self) -> None:
        binary = self.begin()
        whole = binary.read_bytes()
        attacks = (
            lambda: binary.write_text(self.evil),
            lambda: binary.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1])),
            lambda: binary.write_bytes(b""),
            lambda: binary.chmod(0o722),
            lambda: subprocess.run(["chown", "61001", binary], check=True),
        )
        for number, attack in enumerate(attacks):
            attack()
            with self.subTest(attack=number):
                self.it_is_replaced(self.play(pipelining=number % 2 == 0), whole)

    def test_a_link_is_in_its_place(self) -> None:
        binary = self.begin()
        whole = binary.read_bytes()
        elsewhere = self.marks / "elsewhere"
        (self.marks / "directory").mkdir()
        for content in (self.evil.encode(), whole):
            elsewhere.write_bytes(content)
            elsewhere.chmod(0o700)
            binary.unlink()
            binary.symlink_to(elsewhere)
            self.it_is_replaced(self.play(), whole)
            self.assertEqual(elsewhere.read_bytes(), content)
        binary.unlink()
        binary.symlink_to(self.marks / "directory")
        self.it_is_replaced(self.play(), whole)
        self.assertEqual(list((self.marks / "directory").iterdir()), [])
        binary.unlink()
        binary.mkdir()
        done = self.well(self.play())
        self.assert_copied(done.of("it", "root"))
        self.assertIn("a directory is in its place", done.output)

    def test_the_directory_is_open_to_others(self) -> None:
        binary = self.begin()
        for mode in (0o777, 0o770, 0o750, 0o701):
            self.kept.chmod(mode)
            binary.write_text(self.evil)
            with self.subTest(mode=mode):
                self.it_is_refused(self.play(), "is not private: its user must own it, with mode 0700")
        self.kept.chmod(0o700)
        subprocess.run(["setfacl", "-m", "u:61001:rwx", self.kept], check=True)
        self.it_is_refused(self.play(), "is not private: its user must own it, with mode 0700")
        subprocess.run(["setfacl", "-b", self.kept], check=True)
        subprocess.run(["chown", "61001", self.kept], check=True)
        self.it_is_refused(self.play(), "is not private: its user must own it, with mode 0700")
        self.assertEqual(binary.read_text(), self.evil)

    def test_a_link_is_in_the_place_of_the_directory(self) -> None:
        self.begin()
        self.kept.rename(self.marks / "kept")
        self.kept.symlink_to(self.marks / "kept")
        self.it_is_refused(self.play(), "is a symbolic link")

    def test_both_places_are_bad(self) -> None:
        self.kept.mkdir(parents=True)
        self.kept.chmod(0o777)
        self.host.inside("mkdir /var/tmp/driftless-0; chown 61001 /var/tmp/driftless-0")
        done = self.well(self.play())
        self.assert_copied(done.of("it", "root"))
        said = done.output.replace("\n", " ")
        self.assertIn(f"own way: {self.kept} is not private: its user must own it, with mode 0700; /var/tmp/", said)

    def test_the_directory_is_exchanged_all_the_time(self) -> None:
        place = self.host.homes / "alice/kept"
        chosen = ("-e", f"driftless_modules_dir={place}")
        self.well(self.host.play(PLAYBOOK, *chosen))
        name = next(place.iterdir()).name
        evil = place.with_name("evil")
        evil.mkdir(mode=0o700)
        (evil / name).write_text(self.evil)
        (evil / name).chmod(0o700)
        for path in (evil, evil / name):
            os.chown(path, 61001, 61001)
        attacker = multiprocessing.get_context("fork").Process(target=exchange, args=(place, evil))
        attacker.start()
        try:
            loop = "      loop: '{{ range(20) | list }}'\n"
            done = self.well(self.host.play(PLAYBOOK + loop, "-v", *chosen))
            self.assertTrue(attacker.is_alive())
        finally:
            attacker.kill()
            attacker.join()
        self.nothing_evil_ran()
        programs = [it["program"] for it in done.of("it", "root")["results"]]
        # Where it lies by then is the attacker's choice.
        self.assertLessEqual({Path(it).name for it in programs}, {name, "AnsiballZ_driftless-modules"})
        # Both were come upon: neither does the test miss the attack, nor does the attack stop the work.
        self.assert_said(done, f"{place} is not private")
        self.assertIn(name, {Path(it).name for it in programs})

    def test_the_disk_is_full(self) -> None:
        self.kept.mkdir(parents=True, mode=0o700)
        small = "mount -t tmpfs -o mode={},size=64k none {}"
        self.host.inside(small.format("700", self.kept))
        done = self.well(self.play())
        self.assert_copied(done.of("it", "root"))
        self.assertIn(f"own way: the binary cannot be put into {self.kept}: ", done.output)
        self.assertIn("No space left on device", done.output)
        self.assertEqual(self.host.inside(f"ls -A {self.kept}"), "")
        self.host.inside(f"head -c 1M /dev/zero >{self.kept}/rest || :")
        self.assert_kept(self.well(self.play()).of("it", "root"), "/var/tmp/driftless-0")
        for place in ("/var/tmp", self.host.homes / "root"):
            self.host.inside(f"{small.format('1777', place)}; head -c 1M /dev/zero >{place}/rest || :")
        result = self.play().of("it", "root")
        self.assertIn(result["status"], ("failed", "unreachable"))
        self.assertIn("No space left on device", result["msg"])

    def test_nothing_can_be_executed(self) -> None:
        self.begin()
        noexec = "mount -t tmpfs -o mode={},noexec none {}"
        self.host.inside(f"mount --bind {self.kept} {self.kept}; mount -o remount,bind,noexec {self.kept}")
        self.assert_kept(self.well(self.play()).of("it", "root"), "/var/tmp/driftless-0")
        self.host.inside(noexec.format("1777", "/var/tmp"))
        done = self.well(self.play())
        self.assert_copied(done.of("it", "root"))
        self.assertIn(f"nothing can be executed in {self.kept} (is it mounted noexec?)", done.output)
        self.host.inside(noexec.format("700", self.host.homes / "root"))
        result = self.play().of("it", "root")
        self.assertEqual(result["status"], "failed")
        self.assertIn("Permission denied", result["module_stdout"] + result["module_stderr"])

    def test_no_digest_can_be_computed(self) -> None:
        self.host.inside("mount --bind /dev/null $(command -v sha256sum); mount --bind /dev/null $(command -v busybox)")
        done = self.well(self.play())
        self.assert_copied(done.of("it", "root"))
        self.assertIn("own way: there is neither sha256sum nor busybox", done.output)

    def test_another_architecture(self) -> None:
        (self.host.room / "uname").write_text("#!/bin/sh\necho Linux riscv64\n")
        (self.host.room / "uname").chmod(0o755)
        self.host.inside(f"mount --bind {self.host.room}/uname $(command -v uname)")
        said = self.play().of("it", "root")["msg"]
        self.assertIn("There is no binary of driftless.core.probe for Linux riscv64, only for", said)

    def test_several_runs_install_at_once(self) -> None:
        running = [self.host.start(PLAYBOOK, "-v", pipelining=number % 2 == 0) for number in range(4)]
        for run in running:
            self.assert_kept(self.well(run.wait()).of("it", "root"), str(self.kept))
        self.assertEqual([it.name for it in self.kept.iterdir()], [self.binary().name])

    def test_old_versions_go_unless_they_are_in_use(self) -> None:
        self.begin()
        gate = self.host.room / "gate"
        in_use = self.host.double(b"in use")
        waiting = self.host.start(PLAYBOOK + f"      environment: {{DOUBLE_WAITS_FOR: {gate}}}\n")
        wait_for("the module", Path(f"{gate}.waits").exists)
        digests = []
        for number in range(4):
            digests.append(self.host.double(f"version {number}".encode()))
            self.well(self.play())
        names = {it.name.removeprefix("driftless-modules-") for it in self.kept.iterdir()}
        self.assertEqual(names, {in_use, *digests[-3:]})
        gate.touch()
        self.well(waiting.wait())
        self.host.double(b"the last")
        self.well(self.play())
        self.assertEqual(len(list(self.kept.iterdir())), 3)


if __name__ == "__main__":
    unittest.main()
