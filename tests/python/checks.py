"""Real check runs: what is blind, what rests on it, what results say and what they change."""

from __future__ import annotations

import unittest

from runs import Case

SITE = """
- name: P
  hosts: h1:h2
  gather_facts: false
  vars:
    of_play: "{{ of_group }}"
    bare: probe.rc == 0
    other: "{{ seen.stat.exists }}"
    prose: "the result of probe"
  roles: [{role: web, when: true}]
  tasks:
    - name: blind
      command: id
      register: probe
      check_mode: "{{ ansible_check_mode and inventory_hostname == 'h1' }}"
    - name: looks
      stat: {path: /etc/passwd}
      register: seen
    - {name: "T args", debug: {msg: "{{ probe.stdout }}"}}
    - {name: "T when", debug: {msg: x}, when: probe.rc == 0}
    - {name: "T when skipped", debug: {msg: x}, when: probe.rc != 0}
    - {name: "T var", debug: {var: probe}}
    - {name: "T that", assert: {that: probe.rc == 0}}
    - {name: "T failed_when", debug: {msg: x}, failed_when: probe.rc != 0}
    - {name: "T loop", debug: {msg: x}, loop: "{{ probe.stdout_lines }}"}
    - {name: "T environment", stat: {path: /}, environment: {A: "{{ probe.rc }}"}}
    - {name: "T play var", debug: {msg: "{{ of_play }}"}}
    - {name: "T bare", debug: {msg: x}, when: bare | bool}
    - {name: "T task var", debug: {msg: "{{ mine }}"}, vars: {mine: "{{ probe.rc }}"}}
    - {name: "T vars lookup", debug: {msg: "{{ lookup('vars', 'probe') }}"}}
    - {name: "T any name", debug: {msg: "{{ lookup('vars', 'pro' ~ 'be') }}"}}
    - {name: "T hostvars", debug: {msg: "{{ hostvars[inventory_hostname].probe.rc }}"}}
    - {name: "T template", template: {src: a.j2, dest: "{{ state }}/a-{{ inventory_hostname }}", mode: "0600"}}
    - {name: "T template lookup", debug: {msg: "{{ lookup('template', 'b.j2') }}"}}
    - name: "T loop of templates"
      template: {src: "{{ item }}.j2", dest: "{{ state }}/l", mode: "0600"}
      loop: [clean, a]
    - name: "T fact"
      set_fact: {made: "{{ probe.rc }}"}
    - {name: "T of fact", debug: {msg: "{{ made }}"}}
    - {name: "T again", debug: {msg: "{{ made }}"}, register: again}
    - {name: "T of again", debug: {msg: "{{ again.msg }}"}}
    - name: "T skipped fact"
      set_fact: {perhaps: 1}
      when: probe.rc != 0
    - {name: "T of skipped fact", debug: {msg: "{{ perhaps|default(0) }}"}}
    - {name: "T hidden", debug: {msg: "{{ probe.rc }}"}, no_log: true, register: hidden}
    - {name: "T of hidden", debug: {msg: "{{ hidden is changed }}"}}
    - block:
        - {name: "T in a block", debug: {msg: x}}
        - block: [{name: "T in both", debug: {msg: x}}]
      when: probe.rc == 0
    - name: "T include"
      include_tasks: inc.yml
      when: probe.rc == 0
    - name: "clean include"
      include_tasks: inc2.yml
      vars: {handed: "{{ probe.rc }}"}
    - include_role: {name: late}
      vars: {given: "{{ probe.rc }}"}
    - block:
        - {name: "T fails", assert: {that: probe.rc == 1}}
      rescue:
        - {name: "T rescue", debug: {msg: x}}
      always:
        - {name: "clean always", debug: {msg: x}}
    - {name: "clean", debug: {msg: "{{ other }} {{ prose_free|default('') }}"}}
    - {name: "clean prose: probe", debug: {msg: "the probe said nothing"}}
    - {name: "clean template", template: {src: clean.j2, dest: "{{ state }}/c-{{ inventory_hostname }}", mode: "0600"}}
    - {name: "looked for real", command: id, check_mode: false, changed_when: false, register: probe}
    - {name: "clean again", debug: {msg: "{{ probe.stdout }}"}}
    - {name: "made anew", set_fact: {made: 1}}
    - {name: "clean made", debug: {msg: "{{ made }}"}}
    - {name: "T notifies", debug: {msg: "{{ hidden }}"}, changed_when: true, notify: [T handler, clean handler]}
    - {name: "clean notifies", debug: {msg: x}, changed_when: true, notify: [clean handler]}
  handlers:
    - {name: "T handler", debug: {msg: x}}
    - {name: "clean handler", debug: {msg: x}}
"""
FILES = {
    "site.yml": SITE,
    "group_vars/all.yml": "of_group: '{{ deeper.list[0] }}'\ndeeper: {list: ['{{ probe.rc }}']}\n",
    "templates/a.j2": "plain {{ x|default('') }} {% if true %}{{ {'a': {'b': probe.rc}} }}{% endif %}\n",
    "templates/b.j2": "{% include 'a.j2' %}\n",
    "templates/clean.j2": "probe of {{ inventory_hostname }}: made again\n",
    "inc.yml": '- {name: "T included", debug: {msg: x}}\n',
    "inc2.yml": '- {name: "clean included", debug: {msg: x}}\n- {name: "T handed", debug: {msg: "{{ handed }}"}}\n',
    "roles/web/tasks/main.yml": '- {name: "clean role", debug: {msg: "{{ of_role }}"}}\n',
    "roles/web/defaults/main.yml": "of_role: 1\n",
    "roles/late/tasks/main.yml": """
- {name: "T of role", debug: {msg: "{{ of_late }}"}}
- {name: "clean late", debug: {msg: x}}
""",
    "roles/late/defaults/main.yml": "of_late: '{{ given }}'\n",
}

FLOW = """
- hosts: h1:h2:h3
  gather_facts: false
  tasks:
    - {name: blind, command: id, register: once, run_once: true}
    - {name: "T everywhere", debug: {msg: "{{ once.rc }}"}}
    - {name: blind too, command: id, register: probe, when: inventory_hostname != 'h3'}
    - {name: "before", debug: {msg: x}}
    - {meta: end_host, when: inventory_hostname == 'h2' and probe.rc == 0}
    - {name: "after", debug: {msg: x}}
    - {name: "of another host", debug: {msg: "{{ hostvars['h1'].probe.rc }}"}}
- hosts: h1:h2:h3
  gather_facts: false
  tasks:
    - {name: "later", debug: {msg: "{{ probe.rc|default(0) }}"}}
"""


class Tainted(Case):
    def test_what_rests_on_a_blind_task_is_tainted(self) -> None:
        world = self.world(FILES)
        done = self.clean(world.run("--check", "--diff"))
        self.assertTrue(done.result("blind", "h1")["blind"])
        wrong = []
        for event in done.of("task_ended"):
            name = done.tasks[event["task"]]["name"]
            expected = event["host"] == "h1" and name.startswith("T ")
            if event.get("tainted", False) is not expected:
                wrong.append((event["host"], name, event.get("tainted")))
        self.assertEqual(wrong, [])
        names = {done.tasks[it["task"]]["name"] for it in done.of("task_ended") if it["host"] == "h1"}
        self.assertEqual(
            names.issuperset({"T included", "T handed", "T of role", "T rescue", "clean late"}), True, names
        )
        items = [it.get("tainted", False) for it in done.results("T loop of templates", "h1", "item_ended")]
        self.assertEqual(items, [False, True])
        hidden = done.result("T hidden", "h1")
        self.assertEqual((hidden["no_log"], hidden["module"][-5:], hidden.get("blind")), (True, "debug", None))

    def test_an_apply_taints_nothing(self) -> None:
        done = self.clean(self.world(FILES).run())
        self.assertEqual([it for it in done.of("task_ended") if "tainted" in it or "blind" in it], [])

    def test_who_goes_on_and_other_hosts(self) -> None:
        done = self.clean(self.world({"site.yml": FLOW}).run("--check"))
        tainted = {
            (done.tasks[it["task"]]["name"], it["host"]) for it in done.of("task_ended") if it.get("tainted", False)
        }
        everywhere = {("T everywhere", host) for host in ("h1", "h2", "h3")}
        # h1 as well: whether it is h2 is decided by the same condition, and nobody evaluates it here.
        after = {
            ("after", "h1"),
            ("of another host", "h1"),
            ("of another host", "h3"),
            ("later", "h1"),
            ("later", "h2"),
        }
        self.assertEqual(tainted, everywhere | after)


RESULTS = """
- hosts: h1
  gather_facts: false
  tasks:
    - {name: file, copy: {content: "one\\ntwo\\n", dest: "{{ state }}/f", mode: "0600"}}
    - {name: template, template: {src: t.j2, dest: "{{ state }}/t", mode: "0600"}}
    - {name: directory, file: {path: "{{ state }}/d", state: directory, mode: "0700"}}
    - {name: line, lineinfile: {path: "{{ state }}/f", line: three, create: true, mode: "0600"}}
    - {name: hidden, copy: {content: "s3cr3t", dest: "{{ state }}/h", mode: "0600"}, no_log: true}
    - {name: said, shell: "printf '%s' out; printf '%s' err >&2; exit 3", ignore_errors: true}
    - {name: long, shell: "seq 100000", changed_when: true}
    - {name: looped, command: "echo {{ item }}", loop: [a, b]}
    - {name: quiet, command: echo nobody, changed_when: false}
    - {name: undefined, debug: {msg: "{{ nothing }}"}, ignore_errors: true}
    - {name: creates, script: {cmd: t.j2, creates: /etc/passwd}}
    - {name: unpacks, unarchive: {src: x.tgz, dest: /tmp, creates: /etc/passwd}}
    - {name: condition, debug: {msg: x}, when: false}
    - {name: for real, command: echo real, check_mode: false, changed_when: false}
    - {name: unreachable, ping: , ignore_unreachable: true,
       vars: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}
"""


class Said(Case):
    def test_what_results_say_and_change(self) -> None:
        world = self.world({"site.yml": RESULTS, "templates/t.j2": "is {{ 1 + 1 }}\n", "t.j2": "x"})
        check = self.clean(world.run("--check", "--diff", details=True))
        apply = self.clean(world.run("--diff", details=True))
        for name in ("file", "template", "directory"):
            digests = [run.result(name).get("diff_digest") for run in (check, apply)]
            self.assertEqual((digests[0], len(digests[0])), (digests[1], 32), name)
        self.assertNotEqual(apply.result("file")["diff_digest"], apply.result("template")["diff_digest"])
        file = apply.result("file")["detail"]
        self.assertEqual(file["diff"], [{"path": f"{world.state}/f", "after": "one\ntwo\n"}])
        self.assertEqual(apply.result("template")["detail"]["diff"], [{"path": f"{world.state}/t", "after": "is 2\n"}])
        self.assertEqual([it["path"] for it in apply.result("line")["detail"]["diff"]], [f"{world.state}/f"])
        hidden = apply.result("hidden")
        self.assertEqual(sorted(hidden), ["at", "changed", "event", "host", "module", "no_log", "status", "task"])
        said = apply.result("said")["detail"]
        self.assertEqual(
            {key: said[key] for key in ("stdout", "stderr", "rc")}, {"stdout": "out", "stderr": "err", "rc": 3}
        )
        long = apply.result("long")["detail"]
        self.assertTrue(long["cut"] and long["stdout"].startswith("1\n2\n") and long["stdout"].endswith("\n100000"))
        self.assertLess(len(long["stdout"]), 64 << 10)
        items = [it["detail"]["stdout"] for it in apply.results("looped", kind="item_ended")]
        self.assertEqual((items, apply.result("looped")["items"]), (["a", "b"], 2))
        self.assertNotIn("detail", apply.result("quiet"))
        self.assertNotIn("hosts: h1", str(apply.events))
        message = apply.result("undefined")["detail"]["msg"]
        self.assertTrue("nothing" in message and "site.yml" not in message, message)
        for run in (check, apply):
            self.assertEqual(
                [run.result(it).get("satisfied", False) for it in ("creates", "unpacks", "condition")],
                [True, True, False],
            )
            self.assertEqual([run.result(it).get("blind") for it in ("creates", "unpacks")], [None, None])
        self.assertEqual(check.result("for real")["detail"]["stdout"], "real")
        self.assertIn("msg", apply.result("unreachable")["detail"])

    def test_without_being_asked_nothing_is_said(self) -> None:
        world = self.world({"site.yml": RESULTS, "templates/t.j2": "is {{ 1 + 1 }}\n", "t.j2": "x"})
        done = self.clean(world.run("--diff"))
        self.assertEqual([it for it in done.events if "detail" in it], [])
        self.assertIn("diff_digest", done.result("file"))


if __name__ == "__main__":
    unittest.main()
