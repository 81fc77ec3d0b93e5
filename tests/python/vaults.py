"""Real runs with vaults of every kind: each plaintext is announced before it can be seen anywhere."""

from __future__ import annotations

import os
import threading
import unittest

from runs import Case
from world import World, go

PASSWORD = "of the vault"
LOCAL = "ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}"


def encrypt(text: str) -> str:
    """A vault of this text."""
    from ansible.parsing.vault import VaultLib, VaultSecret

    return VaultLib().encrypt(text, VaultSecret(PASSWORD.encode())).decode()


def inline(text: str, indent: str = "  ") -> str:
    """The same as a value in a YAML file."""
    return "!vault |\n" + "".join(f"{indent}{line}\n" for line in encrypt(text).splitlines())


SITE = """
- hosts: h1:h2
  gather_facts: false
  vars_files: [files.yml]
  vars:
    of_play: {inline_play}
  roles: [web]
  tasks:
    - name: shows
      debug:
        msg:
          - "{{{{ of_play }}}} {{{{ of_files }}}} {{{{ of_role }}}} {{{{ of_group }}}}"
          - "{{{{ of_host }}}} {{{{ of_inventory }}}} {{{{ of_inline }}}}"
      when: inventory_hostname == 'h1'
    - name: copies
      copy: {{src: key, dest: "{{{{ state }}}}/key", mode: "0600"}}
    - name: includes
      include_vars: late.yml
    - debug: {{msg: "{{{{ of_late }}}}"}}
    - name: reads
      debug: {{msg: "{{{{ lookup('file', 'text') }}}}"}}
"""
SECRETS = {
    "inline_play": "c4n4ry-play",
    "of_files": "c4n4ry-vars-files",
    "of_role": "c4n4ry-role",
    "of_group": "c4n4ry-group",
    "of_host": "c4n4ry-host",
    "of_inventory": "c4n4ry-inventory",
    "of_inline": "c4n4ry-inline",
    "of_late": "c4n4ry-late",
    "key": "-----BEGIN KEY-----\nc4n4ry-of-a-key\n-----END KEY-----\n",
    "text": "c4n4ry-in-a-text",
}


def files() -> dict[str, str]:
    """A checkout in which every kind of vault there is holds a secret."""
    of = SECRETS
    return {
        "site.yml": SITE.format(inline_play=inline(of["inline_play"], "        ").rstrip("\n")),
        "hosts.ini": encrypt(f"[web]\nh1 {LOCAL} of_inventory={of['of_inventory']}\nh2 {LOCAL} of_inventory=none\n"),
        "files.yml": encrypt(f"of_files: {of['of_files']}\nother: [1, {{deep: 'c4n4ry deep'}}]\n"),
        "late.yml": encrypt(f"of_late: {of['of_late']}\n"),
        "roles/web/vars/main.yml": encrypt(f"of_role: {of['of_role']}\n"),
        "roles/web/tasks/main.yml": "[]\n",
        "group_vars/web.yml": encrypt(f"of_group: {of['of_group']}\n"),
        "group_vars/all.yml": "of_inline: " + inline(of["of_inline"]),
        "host_vars/h1.yml": encrypt(f"of_host: {of['of_host']}\n"),
        "host_vars/h2.yml": "of_host: none\n",
        "files/key": encrypt(of["key"]),
        "files/text": encrypt(of["text"]),
    }


class Vaults(Case):
    def world_of_vaults(self) -> World:
        world = self.world(files())
        (world.room / "password").write_text(PASSWORD)
        return world

    def test_every_plaintext_is_announced(self) -> None:
        world = self.world_of_vaults()
        arguments = (f"--vault-password-file={world.room}/password", "--diff")
        done = self.clean(world.run(*arguments, announce=True, details=True))
        self.assertEqual(done.of("announcements_missing"), [])
        known = {plaintext.decode() for plaintext in done.plaintexts}
        for secret in SECRETS.values():
            self.assertIn(secret, known)
        self.assertIn("c4n4ry deep", known)
        self.assertIn("c4n4ry-of-a-key", known, "lines are shown one by one")
        self.assertTrue(any(text.startswith("of_files: ") for text in known), "the whole file")
        self.assertNotIn("of_files", known, "names are no secrets")
        # They are there to be seen: in the log, and up to 2.21 in events.
        self.assertIn("c4n4ry-play" if "REDACTED" not in done.log else "REDACTED", done.log)

    def test_it_is_announced_before_it_is_used(self) -> None:
        world = self.world_of_vaults()
        seen: list[bool] = []

        def look(event: dict) -> None:
            if event["event"] == "task_ended":
                seen.append("c4n4ry-inline" in {it.decode() for it in world.plaintexts.so_far()})

        arguments = (f"--vault-password-file={world.room}/password", "--forks=1")
        self.clean(world.run(*arguments, announce=True, seen=look))
        self.assertTrue(seen and all(seen), seen)

    def test_without_a_reader_the_run_goes_on_and_says_so(self) -> None:
        world = self.world_of_vaults()
        password = f"--vault-password-file={world.room}/password"
        done = world.run(password, announce_to=str(world.room / "nobody"))
        self.assertEqual((done.code, len(done.of("announcements_missing"))), (0, 1), done.log[-2000:])

    def test_a_reader_that_leaves_is_told(self) -> None:
        world = self.world_of_vaults()
        path = world.room / "short"
        os.mkfifo(path)
        opened = threading.Thread(target=lambda: os.close(os.open(path, os.O_RDONLY)))
        opened.start()
        done = world.run(f"--vault-password-file={world.room}/password", announce_to=str(path), answer=go)
        opened.join()
        self.assertEqual((done.code, len(done.of("announcements_missing"))), (0, 1), done.log[-2000:])


if __name__ == "__main__":
    unittest.main()
