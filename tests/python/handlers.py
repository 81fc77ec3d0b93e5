"""Real runs in which handlers are lost, owed and paid."""

from __future__ import annotations

import os
import signal
import threading

from runs import Case
from world import Done, World

# Cheap tasks that change something in the first run and nothing in later ones.
CHANGES = "debug: {msg: x}\n      changed_when: stamp|int == 1"
CHANGES_HERE = CHANGES.replace("      ", "  ")
RUNS = "debug: {msg: x}"


SITE = f"""
- name: P1
  hosts: all
  gather_facts: false
  strategy: "{{{{ strat }}}}"
  vars: {{what: dyn}}
  pre_tasks:
    - name: pre
      {CHANGES}
      notify: early
    - name: fails early
      fail: {{msg: boom}}
      when: early_boom|default('') == inventory_hostname
  roles: [web]
  tasks:
    - name: conf
      {CHANGES}
      notify: [plain, inc h, imported handler, a topic]
    - name: in a block
      block:
        - name: inner
          debug: {{msg: x}}
          changed_when: stamp|int == 1
          notify: "{{{{ what }}}} h"
    - name: dyn
      include_tasks: inc/t.yml
    - include_role: {{name: late}}
    - name: boom
      fail: {{msg: boom}}
      when: boom|default('') == inventory_hostname
  handlers:
    - name: early
      {RUNS}
    - name: plain
      {RUNS}
      changed_when: true
      notify: chained
    - name: chained
      {RUNS}
    - name: "{{{{ what }}}} h"
      {RUNS}
    - name: inc h
      include_tasks: inc/h.yml
    - import_tasks: inc/hi.yml
    - name: listens
      listen: a topic
      {RUNS}
  post_tasks:
    - name: post
      debug: {{msg: post}}
"""
FILES = {
    "site.yml": SITE,
    "inc/t.yml": f"- name: from an include\n  {CHANGES_HERE}\n  notify: of the include\n",
    "inc/h.yml": f"- name: in the included handler\n  {RUNS}\n",
    "inc/hi.yml": f"- name: imported handler\n  {RUNS}\n- name: of the include\n  {RUNS}\n",
    "roles/web/tasks/main.yml": f"- name: role task\n  {CHANGES_HERE}\n  notify: role handler\n",
    "roles/web/handlers/main.yml": f"- name: role handler\n  {RUNS}\n",
    "roles/late/tasks/main.yml": f"- name: late task\n  {CHANGES_HERE}\n  notify: late handler\n",
    "roles/late/handlers/main.yml": f"- name: late handler\n  {RUNS}\n",
}
# The handlers as they are written, without `early`.
ALL = ["plain", "chained", "{{ what }} h", "inc h", "in the included handler", "imported handler", "listens"]
ALL += ["of the include", "role handler", "late handler"]
NAMES = ["plain", "dyn h", "inc h", "imported handler", "a topic", "of the include", "role handler", "late handler"]

SHORT = f"""
- name: SC
  hosts: all
  gather_facts: false
  serial: "{{{{ ser|default(0) }}}}"
  pre_tasks:
    - name: pre
      debug: {{msg: pre}}
      tags: other
  tasks:
    - name: conf
      {CHANGES}
      notify: hh
      when: skipconf is not defined
    - meta: flush_handlers
      when: flush is defined
    - name: unreachable
      ping:
      vars: {{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}
      when: unr|default('') == inventory_hostname
    - name: slow
      command: sleep 5
      when: slow is defined
    - name: boom
      fail: {{msg: boom}}
      when: boom|default('') in [inventory_hostname, 'all']
    - name: last
      debug: {{msg: last}}
  handlers:
    - name: hh
      {RUNS}
      failed_when: hboom|default('') == inventory_hostname
      ignore_errors: "{{{{ tolerated|default(false) }}}}"
"""


def owed(done: Done, debts: list[dict] | None = None) -> list[dict]:
    """What is owed after a run, as the daemon would say it in its next order."""
    debts = debts or []
    found: dict[tuple, dict] = {(debt["host"], debt["handler"]): debt for debt in debts}
    for event in done.events:
        kind = event["event"]
        if kind == "notified":
            task = done.tasks[event["task"]]
            identity = {key: task.get(key) for key in ("path", "role", "action", "name", "occurrence")}
            keys = ("host", "handler", "play", "section")
            debt = {key: event[key] for key in keys} | {"dynamic": event.get("dynamic", False), "task": identity}
            found[event["host"], event["handler"]] = debt
        elif kind == "handler_done":
            found.pop((event["host"], event["handler"]), None)
        elif kind == "debt_paid":
            debt = debts[event["debt"]]
            found.pop((debt["host"], debt["handler"]), None)
    return list(found.values())


class Handlers(Case):
    def ran(self, done: Done) -> list[tuple[str, str]]:
        """Which handlers ran: name and host."""
        ended = [(done.tasks[event["task"]], event["host"]) for event in done.of("task_ended")]
        return sorted((task["name"], host) for task, host in ended if task.get("handler"))

    def go(self, world: World, stamp: str, *extra: str, code: int = 0, **order: object) -> Done:
        args = [
            it for pair in (("-e", it) for it in (f"stamp={stamp}", *extra) if not it.startswith("-")) for it in pair
        ]
        return self.clean(world.run(*args, *(it for it in extra if it.startswith("-")), **order), code)

    def test_every_kind_of_handler_is_owed_and_paid(self) -> None:
        for strategy in ("linear", "free"):
            world = self.world(FILES)
            done = self.go(world, "1", f"strat={strategy}", "boom=h2", code=2)
            told = [
                (it["handler"], it["section"], it.get("dynamic", False))
                for it in done.of("notified")
                if it["host"] == "h2"
            ]
            self.assertEqual(
                sorted(told),
                sorted([("early", 0, False), *((it, 1, it in ("of the include", "late handler")) for it in NAMES)]),
            )
            debts = owed(done)
            self.assertEqual(sorted((it["host"], it["handler"]) for it in debts), sorted(("h2", it) for it in NAMES))
            self.assertEqual(
                self.ran(done),
                sorted(
                    [
                        *((it, host) for it in ALL for host in ("h1", "h3")),
                        *(("early", host) for host in ("h1", "h2", "h3")),
                    ]
                ),
            )
            done = self.go(world, "2", f"strat={strategy}", debts=debts)
            self.assertEqual(self.ran(done), sorted((it, "h2") for it in ALL), strategy)
            self.assertEqual(sorted(it["debt"] for it in done.of("debt_paid")), list(range(len(debts))))
            self.assertEqual((owed(done, debts), done.of("debt_orphan", "handler_orphan")), ([], []))
            # What a handler of a debt notified is told as its own, and done.
            self.assertEqual(
                done.notifications("notified", "handler_done"),
                [("notified", "h2", "chained"), ("handler_done", "h2", "chained")],
            )

    def test_a_check_pays_nothing(self) -> None:
        world = self.world(FILES)
        debts = owed(self.go(world, "1", "strat=linear", "boom=h2", code=2))
        done = self.go(world, "2", "strat=linear", "--check", debts=debts)
        self.assertEqual((self.ran(done), done.of("debt_paid", "debt_orphan")), ([], []))

    def lost(self, *extra: str, code: int = 2) -> tuple[World, list[dict]]:
        world = self.world({"site.yml": SHORT})
        return world, owed(self.go(world, "1", *extra, code=code))

    def test_ways_to_lose_and_to_pay(self) -> None:
        for lose, code, pay, ran in [
            (["boom=h2"], 2, [], ["h2"]),
            (["boom=all"], 2, ["--limit=h1"], ["h1"]),
            (["boom=h2", "ser=1"], 2, ["ser=1"], ["h2"]),
            (["hboom=h2"], 2, [], ["h2"]),
            (["unr=h2"], 4, [], ["h2"]),
            (["boom=h2"], 2, ["skipconf=1"], ["h2"]),
            (["boom=h2"], 2, ["--tags=other"], ["h2"]),
            (["boom=h2"], 2, ["flush=1"], ["h2"]),
        ]:
            world, debts = self.lost(*lose, code=code)
            hosts = {"h1", "h2", "h3"} if "boom=all" in lose else {"h2"}
            self.assertEqual({(it["host"], it["handler"]) for it in debts}, {(it, "hh") for it in hosts}, lose)
            done = self.go(world, "2", *pay, debts=debts)
            self.assertEqual(self.ran(done), [("hh", host) for host in ran], (lose, pay))
            left = {it["host"] for it in owed(done, debts)}
            self.assertEqual(left, hosts - set(ran), (lose, pay))
        order = [done.tasks[it["task"]]["name"] for it in done.of("task_ended") if it["host"] == "h2"]
        self.assertLess(order.index("hh"), order.index("last"), "paid at the explicit flush")

    def test_a_handler_that_fails_stays_owed_unless_that_is_tolerated(self) -> None:
        world, debts = self.lost("hboom=h2")
        done = self.go(world, "2", "hboom=h2", debts=debts, code=2)
        self.assertEqual((done.of("debt_paid"), owed(done, debts)), ([], debts))
        done = self.go(world, "3", "hboom=h2", "tolerated=true", debts=debts)
        self.assertEqual((done.notifications(), owed(done, debts)), ([("debt_paid", None, 0)], []))

    def test_an_included_handler_that_fails_is_owed_again(self) -> None:
        site = f"""
- hosts: h1
  gather_facts: false
  tasks:
    - name: conf
      {CHANGES}
      notify: restart
  handlers:
    - name: restart
      include_tasks: inc.yml
"""
        world = self.world({"site.yml": site, "inc.yml": "- name: inner\n  fail: {msg: x}\n  when: bad is defined\n"})
        done = self.go(world, "1", "bad=1", code=2)
        self.assertEqual([it[0] for it in done.notifications()], ["notified", "handler_done", "notified"])
        debts = owed(done)
        self.assertEqual([(it["handler"], it["task"]["name"]) for it in debts], [("restart", "conf")])
        done = self.go(world, "2", debts=debts)
        self.assertEqual(owed(done, debts), [])

    def test_handlers_without_results_and_for_all_at_once(self) -> None:
        site = f"""
- hosts: h1:h2
  gather_facts: false
  tasks:
    - name: conf
      {CHANGES}
      notify: [once, for all, for each, not now]
  handlers:
    - name: once
      debug: {{msg: x}}
      run_once: true
    - name: for all
      meta: clear_facts
    - name: for each
      meta: noop
    - name: not now
      debug: {{msg: x}}
      when: false
"""
        done = self.go(self.world({"site.yml": site}), "1")
        told = {kind: {(it["host"], it["handler"]) for it in done.of(kind)} for kind in ("notified", "handler_done")}
        self.assertEqual(len(told["notified"]), 8)
        self.assertEqual(told["handler_done"], told["notified"])

    def test_what_moved_is_found_and_what_is_gone_is_told(self) -> None:
        world, debts = self.lost("boom=h2")
        before = "- hosts: h1\n  gather_facts: false\n  tasks: [{debug: {msg: new}}]\n"
        world.write({"site.yml": before + SHORT})
        done = self.go(world, "2", debts=debts)
        self.assertEqual((self.ran(done), owed(done, debts)), ([("hh", "h2")], []))

        world, debts = self.lost("boom=h2")
        world.write({"site.yml": SHORT.replace("name: conf", "name: configuration")})
        done = self.go(world, "2", debts=debts)
        self.assertEqual((self.ran(done), owed(done, debts)), ([("hh", "h2")], []))

        world, debts = self.lost("boom=h2")
        world.write({"site.yml": SHORT.replace("hh", "other")})
        done = self.go(world, "2", debts=debts)
        self.assertEqual(done.notifications(), [("debt_orphan", None, 0)])

    def test_a_play_without_tasks_pays(self) -> None:
        world, debts = self.lost("boom=h2")
        start, end = SHORT.index("  pre_tasks:"), SHORT.index("  handlers:")
        world.write({"site.yml": SHORT[:start] + SHORT[end:]})
        done = self.go(world, "2", debts=debts)
        self.assertEqual((self.ran(done), owed(done, debts)), ([("hh", "h2")], []))

    def test_after_a_kill_what_was_notified_is_known(self) -> None:
        world = self.world({"site.yml": SHORT})
        killed = threading.Event()

        def kill(event: dict) -> None:
            if event["event"] == "task_started" and event["name"] == "slow":
                os.kill(world.process.pid, signal.SIGKILL)
                killed.set()

        done = world.run("-e", "stamp=1", "-e", "slow=1", seen=kill)
        self.assertTrue(killed.is_set())
        debts = owed(done)
        self.assertEqual({(it["host"], it["handler"]) for it in debts}, {(it, "hh") for it in ("h1", "h2", "h3")})
        done = self.go(world, "2", debts=debts)
        self.assertEqual((len(self.ran(done)), owed(done, debts)), (3, []))

    def test_orders_that_cannot_be_read_pay_nothing(self) -> None:
        world, debts = self.lost("boom=h2")
        broken = [1, {}, {**debts[0], "play": "x"}, {**debts[0], "task": None}, {**debts[0], "play": 7}]
        done = self.go(world, "2", debts=[*broken, debts[0]])
        # The one of a play that is not there any more is found by its task.
        self.assertEqual(sorted(it["debt"] for it in done.of("debt_paid")), [4, 5])
