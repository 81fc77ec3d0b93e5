#!/usr/bin/env python3
"""What runs inside Ansible, piece by piece. Run by the Python of an environment that has ansible-core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import types
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "python"))

from pieces import *  # noqa: E402, F403

from driftless_inside import channel, fatal, patterns, results  # noqa: E402
from driftless_inside.progress import Progress  # noqa: E402


class Case(unittest.TestCase):
    """With a channel whose other end can be read."""

    def setUp(self) -> None:
        self.reader, self.writer = os.pipe()
        self.addCleanup(os.close, self.reader)
        self.channel = channel.Channel(self.writer, "ab", "/srv/checkout", "00ff")

    def told(self) -> list[dict]:
        """All that was told. Closes the channel."""
        os.close(self.writer)
        with os.fdopen(os.dup(self.reader), "rb") as stream:
            lines = stream.read().splitlines()
        self.assertTrue(all(line.startswith(b"ab ") for line in lines))
        return [json.loads(line[3:]) for line in lines]


class Channels(Case):
    def test_whatever_the_value_every_reader_accepts_it(self) -> None:
        class Odd(str):
            def __str__(self) -> str:
                return "not me"

        values = [float("nan"), float("inf"), 2**70, -(2**70), "\ud800", "\U0001f600", "\0", "x" * 5000, Odd("me")]
        self.channel.tell("e", values=values, odd=object, of={1: {"deep": [None, True]}}, absent=None)
        (event,) = self.told()
        expected = ["nan", "inf", str(2**70), str(-(2**70)), "\ufffd", "\U0001f600", "\0", "x" * 1000, "me"]
        self.assertEqual(event["values"], expected)
        self.assertEqual(event["of"], {"1": {"deep": [None, True]}})
        self.assertNotIn("absent", event)

    def test_a_full_pipe_is_waited_for(self) -> None:
        received = bytearray()

        def read() -> None:
            while data := os.read(self.reader, 1000):
                received.extend(data)

        thread = threading.Thread(target=read)
        thread.start()
        for _ in range(100):
            self.channel.tell("e", values=["x" * 1000] * 10)
        os.close(self.writer)
        thread.join()
        lines = bytes(received).splitlines()
        self.assertEqual(len(lines), 100)
        self.assertTrue(all(json.loads(line[3:])["event"] == "e" for line in lines))

    def test_a_fork_tells_nothing(self) -> None:
        child = os.fork()
        if child == 0:
            self.channel.tell("from a worker")
            os._exit(0)
        os.waitpid(child, 0)
        self.channel.tell("from us")
        self.assertEqual([event["event"] for event in self.told()], ["from us"])

    def test_a_reader_that_is_gone_ends_nothing(self) -> None:
        reader, writer = os.pipe()
        gone = channel.Channel(writer, "ab", "/", "00")
        os.close(reader)
        gone.tell("e")
        gone.tell("e")
        os.close(writer)

    def test_faults_are_told_without_their_text_and_not_for_ever(self) -> None:
        for _ in range(50):
            try:
                raise KeyError("s3cr3t")
            except KeyError as error:
                self.channel.fault("hook", error)
        told = self.told()
        self.assertEqual(len(told), channel.MAX_FAULTS)
        self.assertEqual((told[0]["class"], told[0]["message"]), ("DriftlessCallbackError", "KeyError in hook"))
        self.assertNotIn("s3cr3t", json.dumps(told))

    def test_paths(self) -> None:
        for path, expected in [
            ("/srv/checkout/site.yml", "site.yml"),
            ("/srv/checkout/roles/../site.yml", "site.yml"),
            ("/opt/c/ansible_collections/a/b/roles/r/tasks/main.yml", "ansible_collections/a/b/roles/r/tasks/main.yml"),
            ("/etc/x.yml", "/etc/x.yml"),
            ("/usr/share/ansible/roles/web/tasks/main.yml", "…/roles/web/tasks/main.yml"),
            ("", ""),
        ]:
            self.assertEqual(self.channel.relative(path), expected)
        os.close(self.writer)


class Errors(Case):
    def test_text_is_told_only_where_it_comes_from_parsing(self) -> None:
        parse = type("AnsibleParserError", (Exception,), {})
        other = type("AnsibleUndefinedVariable", (Exception,), {})
        for phase, error, expected in [
            ("playbook", parse("/srv/checkout/a.yml:\x1b no\nsecond"), "a.yml:  no"),
            ("start", parse("value s3cr3t"), None),
            ("plays", parse("value s3cr3t"), None),
            ("playbook", other("'dict object' has no attribute 's3cr3t'"), None),
            ("start", other("The value is s3cr3t: 'x' is undefined"), "'x' is undefined"),
            ("plays", other("'x' is undefined"), None),
            ("import", RuntimeError("locale"), "locale"),
        ]:
            self.channel.phase = phase
            with self.assertRaises(type(error)), fatal.telling(self.channel):
                raise error
            self.expected = [*getattr(self, "expected", []), expected]
        hidden = parse("s3cr3t of a vaulted file")
        hidden._show_content = False
        self.channel.phase = "playbook"
        fatal.tell_error(self.channel, hidden)
        told = self.told()
        self.assertEqual([event.get("message") for event in told], [*self.expected, None])
        self.assertNotIn("s3cr3t", json.dumps(told))


class Patterns(unittest.TestCase):
    def unknown(self, pattern: object, **options: bool) -> list[str]:
        inventory = types.SimpleNamespace(groups={"web": 1, "empty": 1}, hosts={"h1": 1, "db.example.org": 1, "::2": 1})
        return patterns.unknown_terms(inventory, pattern, **options)

    def test_what_exists_is_known(self) -> None:
        known = ["all", "web", "empty", "h1,web", "web:&empty", "h*", "~h[0-9]", "web[0]", "web[0:1]", "localhost"]
        for pattern in known:
            self.assertEqual(self.unknown(pattern), [], pattern)
        self.assertEqual(self.unknown(["h1", "db.example.org"]), [])
        self.assertEqual(self.unknown(None), [])

    def test_what_does_not_exist_is_unknown(self) -> None:
        for pattern, expected in [
            ("wbe", ["wbe"]),
            ("web,h9,h9", ["h9"]),
            ("web:&prod", ["&prod"]),
            ("x*", ["x*"]),
            ("~^x", ["~^x"]),
            ("~(", ["~("]),
            ("wbe[0]", ["wbe[0]"]),
            ("web:!old", ["!old"]),
        ]:
            self.assertEqual(self.unknown(pattern), expected, pattern)
        self.assertEqual(self.unknown("web:!old", excluded=False), [])
        self.assertEqual(len(self.unknown([f"x{number}" for number in range(500)])), patterns.MAX_TERMS)


class Results(Case):
    def test_a_skip_is_blind_unless_it_says_why(self) -> None:
        looking = types.SimpleNamespace(check_mode=True)
        for data, expected in [
            ({"msg": "Command would have run if not in check mode"}, True),
            ({"msg": "remote module (x) does not support check mode"}, True),
            ({}, True),
            ({"skip_reason": "Conditional result was False"}, False),
            ({"skipped_reason": "No items in the list"}, False),
            ({"msg": "skipped, since /x exists"}, False),
        ]:
            self.assertEqual(results.is_blind(looking, data, "skipped"), expected, data)
            self.assertFalse(results.is_blind(types.SimpleNamespace(check_mode=False), data, "skipped"))
        started = types.SimpleNamespace(check_mode=True, async_val=60, poll=0)
        self.assertTrue(results.is_blind(started, {}, "ok"), "that it began says nothing of how it ends")
        self.assertFalse(results.is_blind(looking, {}, "ok"))
        for data, expected in [({}, True), ({"skip_reason": "Conditional result was False"}, False)]:
            self.assertEqual(results.is_for_real(types.SimpleNamespace(check_mode=False), data), expected, data)
        os.close(self.writer)

    def test_what_hides_a_result(self) -> None:
        open_task = types.SimpleNamespace(no_log=False)
        for task, data, expected in [
            (open_task, {"changed": True}, False),
            (open_task, {"_ansible_no_log": True}, True),
            (open_task, {"censored": "…"}, True),
            (types.SimpleNamespace(no_log=True), {}, True),
        ]:
            self.assertEqual(results.is_censored(task, data), expected)
        os.close(self.writer)

    def test_items_are_told_apart_and_not_told(self) -> None:
        def digest(value: object, **more: object) -> str:
            return results.digest(self.channel, {"item": value, **more})

        self.assertEqual(digest({"b": 1, "a": [1, None]}), digest({"a": [1, None], "b": 1}))
        values = ["a", "b", 1, True, None, 2**70, float("nan"), {"a": 1}, ["a"]]
        self.assertEqual(len({digest(value) for value in values}), len(values))
        self.assertEqual(digest("x"), results.digest(self.channel, {"ansible_loop_var": "it", "it": "x"}))
        other = channel.Channel(self.writer, "ab", "/", "01")
        self.assertNotEqual(digest("a"), results.digest(other, {"item": "a"}))
        self.assertEqual(results.digest(self.channel, {}), "")
        os.close(self.writer)

    def test_attempts_count_from_one_everywhere(self) -> None:
        self.assertEqual(results.attempt_of({"attempts": 1, "retries": 4}, (2, 20)), (1, 4))
        self.assertEqual(results.attempt_of({"attempts": 2, "retries": 4}, (2, 21)), (1, 4))
        self.assertEqual(results.attempt_of({}, (2, 22)), (1, 0))
        os.close(self.writer)


class Ends(Case):
    def test_if_it_cannot_be_followed_nobody_is_finished(self) -> None:
        progress = Progress(self.channel)
        host = types.SimpleNamespace(name="h1")
        progress.play([[host]])
        progress.batch(types.SimpleNamespace(_host_states={"h1": object()}))  # Has no get_next_task_for_host.
        self.assertEqual(progress.ends(None), ({"h1"}, {"h1"}))
        self.assertEqual([event["class"] for event in self.told()], ["DriftlessCallbackError"])

    def test_a_batch_that_never_began_is_not_finished(self) -> None:
        progress = Progress(self.channel)
        state = types.SimpleNamespace(fail_state=0)
        done = types.SimpleNamespace(_host_states={"h1": 1}, get_next_task_for_host=lambda *_, **__: (state, None))
        progress.play([[types.SimpleNamespace(name=name)] for name in ("h1", "h2")])
        progress.batch(done)
        self.assertEqual(progress.ends(None), ({"h1", "h2"}, {"h2"}))
        os.close(self.writer)


class Launcher(unittest.TestCase):
    def refused(self, order: bytes | None) -> str:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 3)  # So that the pipe is not made there.
        reader, writer = os.pipe()
        if order is not None:
            os.write(writer, order)
        os.close(writer)
        os.dup2(reader, 3)
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-I", ROOT / "python/launcher.py"],
            pass_fds=(3,) if order is not None else (),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stdout), (78, ""), done.stderr)
        return done.stderr

    def test_without_an_order_there_is_no_run(self) -> None:
        self.assertIn("Bad file descriptor", self.refused(None))
        for order, why in [
            (b"", "Expecting value"),
            (b"{", "Expecting property name"),
            (b"[]", "no object"),
            (b"{}", "no usable 'nonce'"),
            (b'{"nonce":"ab","argv":"x","checkout":"/","item_key":""}', "no usable 'argv'"),
            (b'{"nonce":"ab","argv":[],"checkout":"/","item_key":"","gate":1}', "no usable 'gate'"),
            (b'{"nonce":"ab","argv":[],"checkout":"/","item_key":"","debts":{}}', "no usable 'debts'"),
        ]:
            self.assertIn(why, self.refused(order))


if __name__ == "__main__":
    unittest.main()
