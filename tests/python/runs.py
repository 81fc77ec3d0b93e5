#!/usr/bin/env python3
"""Real runs through the launcher. Run by the Python of an environment that has ansible-core."""

from __future__ import annotations

import unittest

from world import Done, World, go


class Case(unittest.TestCase):
    """With a world of its own."""

    def world(self, files: dict[str, str]) -> World:
        world = World(files)
        self.addCleanup(world.close)
        return world

    def clean(self, done: Done, code: int = 0) -> Done:
        """A run that ended so, and in which nothing of ours went wrong."""
        self.assertEqual((done.code, done.faults()), (code, []), done.log[-3000:])
        return done


TWO_PLAYS = """
- name: First
  hosts: h1
  gather_facts: false
  tasks:
    - name: One
      file: {path: "{{ state }}/one", state: touch, mode: "0600"}
- name: Second
  hosts: all
  gather_facts: false
  serial: 2
  tasks:
    - name: Two
      file: {path: "{{ state }}/two-{{ inventory_hostname }}", state: touch, mode: "0600"}
"""


class Gates(Case):
    def marks(self, world: World) -> list[str]:
        return sorted(path.name for path in world.state.iterdir())

    def test_each_play_and_batch_is_asked_for(self) -> None:
        world = self.world({"site.yml": TWO_PLAYS})
        asked = []

        def answer(question: dict) -> bytes:
            asked.append({**question, "hosts": [host["name"] for host in question["hosts"]]})
            asked[-1]["marks"] = self.marks(world)
            return go(question)

        self.clean(world.run(answer=answer))
        first, all_of = (
            {"pattern": "h1", "hosts": 1, "everything": False},
            {"pattern": "all", "hosts": 3, "everything": True},
        )
        expected = [
            (1, None, [first, all_of], ["h1", "h2", "h3"], []),
            (2, 0, [first], ["h1"], []),
            (3, 1, [{**all_of, "hosts": 2, "everything": False}], ["h1", "h2"], ["one"]),
            (4, 1, [{**all_of, "hosts": 1, "everything": False}], ["h3"], ["one", "two-h1", "two-h2"]),
        ]
        got = [(it["question"], it.get("play"), it["plays"], it["hosts"], it["marks"]) for it in asked]
        self.assertEqual(got, expected)
        self.assertEqual({it["inventory"] for it in asked}, {3})

    def test_whatever_is_no_clear_yes_refuses_before_a_task_runs(self) -> None:
        world = self.world({"site.yml": TWO_PLAYS})
        for said, why in [
            (b'{"question": 1, "go": false, "why": "h1 is held by base"}\n', "h1 is held by base"),
            (b'{"question": 1, "go": false}\n', "driftless said no"),
            (b'{"question": 2, "go": true}\n', "driftless answered another question"),
            (b'{"question": true, "go": true}\n', "driftless answered another question"),
            (b'{"question": 1, "go": 1}\n', "driftless said no"),
            (b'{"question": 1}\n', "driftless said no"),
            (b"[1]\n", "driftless answered another question"),
            (b"yes\n", "the answer of driftless cannot be read"),
            (b"\xff\n", "the answer of driftless cannot be read"),
            (None, "driftless does not answer"),
        ]:
            done = world.run(answer=lambda _, said=said: said)
            self.assertEqual((done.code, self.marks(world)), (78, []), f"{said}: {done.log[-2000:]}")
            (refused,) = done.of("refused")
            self.assertEqual((refused["question"], refused["why"]), (1, why))
            self.assertIn(f"driftless: run refused: {why}", done.log)
            self.assertEqual(done.of("task_started", "task_ended", "stats", "play_started"), [])

    def test_a_refused_second_play_leaves_the_first_alone_done(self) -> None:
        world = self.world({"site.yml": TWO_PLAYS})
        for args in [(), ("--check",)]:
            done = world.run(*args, answer=lambda it: None if it["question"] == 3 else go(it))
            self.assertEqual(done.code, 78, done.log[-2000:])
            self.assertEqual([it["host"] for it in done.of("task_ended")], ["h1"])
            self.assertEqual(self.marks(world), ["one"])
            self.assertEqual(done.of("refused")[0]["question"], 3)

    def test_how_hosts_are_reached_is_told(self) -> None:
        lines = [
            "a ansible_host=192.0.2.1 ansible_port=2222 ansible_user=op",
            'b ansible_host="{{ net }}.2" ansible_port="{{ base + 1 }}"',
            "c ansible_host=\"{{ nothing.here }}\" ansible_user=\"{{ lookup('pipe', 'echo x') }}\"",
            "d ansible_connection=local",
            "localhost",
        ]
        play = "- {hosts: all, gather_facts: false, remote_user: deploy, vars: {net: 192.0.2, base: 22}, tasks: []}\n"
        world = self.world({"hosts.ini": "\n".join(lines) + "\n", "site.yml": play})
        asked: list = []
        self.clean(world.run(answer=lambda it: (asked.append(it), go(it))[1]))
        by_name = [{it["name"]: it for it in question["hosts"]} for question in asked]
        ssh = {"connection": "ssh", "user": "deploy"}
        self.assertEqual(
            by_name[0],
            {
                "a": {"name": "a", "address": "192.0.2.1", "port": 2222, "connection": "ssh", "user": "op"},
                "b": {"name": "b", "address": "192.0.2.2", "port": 23, **ssh},
                "c": {"name": "c", "connection": "ssh"},
                "d": {"name": "d", "connection": "local", "user": "deploy"},
                "localhost": {"name": "localhost", "connection": "local", "user": "deploy"},
            },
        )
        self.assertEqual(by_name[1], by_name[0])

    def test_hosts_that_the_run_makes_and_long_lists(self) -> None:
        site = """
- hosts: h1
  gather_facts: false
  tasks:
    - add_host: {name: "new{{ item }}", groups: made, ansible_connection: local, ansible_host: "192.0.2.{{ item }}"}
      loop: [1, 2]
- hosts: "{{ (state is defined) | ternary('h1', 'all') }}"
  gather_facts: false
  tasks: [{debug: {msg: x}}]
- hosts: made
  gather_facts: false
  tasks: [{debug: {msg: x}}]
"""
        many = "".join(f"m{number}\n" for number in range(1201))
        local = "h1 ansible_connection=local fact=h1\n"
        world = self.world({"hosts.ini": local + many, "site.yml": site.replace("hosts: h1", "hosts: h1:m*", 1)})
        asked: list = []
        done = world.run(answer=lambda it: (asked.append(it), None if it.get("play") == 0 else go(it))[1])
        self.assertEqual(done.code, 78)
        parts = [(it["question"], len(it["hosts"])) for it in done.of("hosts_part", "hosts_asked")]
        self.assertEqual(parts, [(1, 500), (1, 500), (1, 202), (2, 500), (2, 500), (2, 202)])
        world = self.world({"hosts.ini": local, "site.yml": site})
        asked.clear()
        self.clean(world.run(answer=lambda it: (asked.append(it), go(it))[1]))
        self.assertEqual([it["hosts"] for it in asked[0]["plays"]], [1, 1, 0])
        made = [{"name": f"new{it}", "address": f"192.0.2.{it}", "connection": "local"} for it in (1, 2)]
        self.assertEqual((asked[-1]["play"], asked[-1]["hosts"]), (2, made))

    def test_nothing_asks_unless_it_is_told_to(self) -> None:
        world = self.world({"site.yml": TWO_PLAYS})
        done = self.clean(world.run())
        self.assertEqual(done.of("hosts_asked", "hosts_part", "refused"), [])


if __name__ == "__main__":
    unittest.main()
