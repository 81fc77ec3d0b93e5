"""Pieces that need no run: what is cut, what is announced, which names a text uses, what an order says."""

from __future__ import annotations

import base64
import io
import json
import os
import stat
import tempfile
import types
import unittest

from driftless_inside import channel, debts, details, gate, results, vault, words


def task(**fields: object) -> types.SimpleNamespace:
    """Something that is enough of a task."""
    return types.SimpleNamespace(**{"args": {}, **fields})


class Details(unittest.TestCase):
    def told(self, **data: object) -> dict:
        return details.detail(task(), data) or {}

    def test_long_texts_lose_their_middle_at_the_end_of_a_line(self) -> None:
        lines = "".join(f"line {number}\n" for number in range(20_000))
        told = self.told(stdout=lines, stderr="short")
        self.assertTrue(told["cut"])
        self.assertLessEqual(len(told["stdout"]), details.MAX_BYTES)
        head, mark, tail = told["stdout"].partition("\n[")
        left_out, _, tail = tail.partition(" characters left out]\n")
        self.assertEqual(len(lines) - len(head) - len(tail), int(left_out))
        self.assertTrue(
            lines.startswith(head) and head.endswith("\n") and lines.endswith(tail) and tail.startswith("line ")
        )
        self.assertEqual(told["stderr"], "short")
        self.assertNotIn("cut", self.told(stdout="x" * details.MAX_BYTES))

    def test_whatever_a_module_says_one_line_holds_it(self) -> None:
        for text in ("\x01" * 200_000, "\U0001f600" * 100_000, "\ud800" * 100_000, "é" * 200_000, "a" * 10_000_000):
            diff = [{"before": text, "after": text + "x", "prepared": text}] * 300
            told = self.told(msg=text, stdout=text, stderr=text, diff=diff)
            self.assertTrue(told["cut"])
            self.assertLess(len(told.get("diff", [])), 10)
            self.assertLess(len(channel.encode({"detail": told, "host": "h" * 1000})), 900 << 10)
            json.loads(channel.encode({"detail": told}))

    def test_what_is_no_text_is_told_as_json(self) -> None:
        told = self.told(msg={"a": [1, "é"]}, stdout=None, stderr=False, rc=True)
        self.assertEqual(told, {"msg": '{"a": [1, "é"]}'})
        self.assertEqual(self.told(rc=-1), {"rc": -1})
        self.assertIsNone(details.detail(task(), {"msg": "", "diff": [{"before": "a", "after": "a"}]}))

    def test_lines_of_the_playbook_are_cut_from_a_message(self) -> None:
        old = "bad\n\nThe error appears to be in '/c/site.yml': line 5, column 7, but may\nbe elsewhere\n\n  s3cr3t"
        new = "bad\nOrigin: /c/site.yml:5:7\n\n4 s3cr3t\n5 x\n  ^ column 7"
        for message in (old, new):
            self.assertEqual(self.told(msg=message), {"msg": "bad"})
        self.assertEqual(self.told(msg="a\nOrigin: mine"), {"msg": "a\nOrigin: mine"})

    def test_differences_say_what_they_are_about(self) -> None:
        temporary = "/h/.ansible/tmp/ansible-local-1x/tmp2/a.j2"
        for diff, args, path in [
            ({"before_header": "/etc/a (content)", "after_header": "/etc/a (content)"}, {}, "/etc/a"),
            ({"before_header": "/etc/a", "after_header": temporary}, {}, "/etc/a"),
            ({"after_header": temporary}, {"dest": "/etc/b"}, "/etc/b"),
            ({"after_header": "dynamically generated"}, {"path": "/etc/c"}, "/etc/c"),
            ({}, {}, None),
        ]:
            told = details.detail(task(args=args), {"diff": {**diff, "before": "a", "after": "b"}})
            self.assertEqual(told["diff"][0].get("path"), path)
        (told,) = self.told(diff=[{"before": {"mode": "0644"}, "after": {"mode": "0600"}}])["diff"]
        self.assertEqual((json.loads(told["before"]), json.loads(told["after"])), ({"mode": "0644"}, {"mode": "0600"}))
        self.assertIn("binary", self.told(diff=[{"before": "", "src_binary": 1}])["diff"][0]["prepared"])

    def test_a_digest_is_of_what_is_wanted(self) -> None:
        one = channel.Channel(-1, "ab", "/", "00")
        other = channel.Channel(-1, "ab", "/", "01")

        def digest(diff: object, of: channel.Channel = one) -> str | None:
            return details.diff_digest(of, {"diff": diff})

        wanted = digest({"before": "a", "after": "b", "after_header": "/x"})
        self.assertEqual(wanted, digest([{"before": "c", "after": "b", "after_header": "/h/.ansible/tmp/y"}]))
        self.assertNotEqual(wanted, digest({"before": "a", "after": "c"}))
        self.assertNotEqual(wanted, digest({"before": "a", "after": "b"}, other))
        self.assertEqual(digest({"prepared": "--- a\n+++ b\n@@ -1 @@\n-x\n+y\n"}), digest({"prepared": "+++ c\n+y\n"}))
        self.assertEqual([digest(it) for it in ([], {}, "x", None, [{}], [{"before": "", "after": ""}])], [None] * 6)
        self.assertIsNotNone(digest({"before": "a", "after": ""}))
        made = {"before": {"path": "/d", "state": "absent"}, "after": {"path": "/d", "state": "directory"}}
        later = {"before": {**made["before"], "mode": "0755"}, "after": {**made["after"], "mode": "0700"}}
        self.assertEqual(digest(made), digest(later))


class Satisfied(unittest.TestCase):
    def test_who_looked_and_found_nothing_to_do(self) -> None:
        for data, expected in [
            ({"msg": "skipped, since /x exists"}, True),
            ({"msg": "/x exists, matching creates option"}, True),
            ({"msg": "/x does not exist, matching removes option"}, True),
            ({"msg": "Command would have run if not in check mode"}, False),
            ({"msg": "skipped, since x", "skip_reason": "Conditional result was False"}, False),
            ({}, False),
        ]:
            self.assertEqual(results.is_satisfied(data), expected, data)
            blind = results.is_blind(task(check_mode=True), data, "skipped")
            self.assertNotEqual(blind, expected or "skip_reason" in data, data)


class Announcements(unittest.TestCase):
    def values(self, text: str | bytes) -> set[str]:
        data = text if isinstance(text, bytes) else text.encode()
        return {value.decode("utf-8", "replace") for value in vault.values_of(data)}

    def test_all_of_it_and_each_value_in_it(self) -> None:
        text = "user: admin\nport: 5432\npin: 12345678\nabc: xyz\ndeep: [{key: 'va lue'}, !unsafe 'un{{safe', true]\n"
        self.assertEqual(self.values(text), {text, text.strip(), "admin", "12345678", "va lue", "un{{safe"})
        key = "key: |\n  -----BEGIN-----\n  AbCdEf\n  ghijklmnop\nk2: x"
        block = "-----BEGIN-----\nAbCdEf\nghijklmnop\n"
        self.assertEqual(self.values(key), {key, block, block.strip(), "-----BEGIN-----", "ghijklmnop"})
        encrypted = "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3030\n"
        self.assertEqual(self.values(encrypted), {encrypted, encrypted.strip()})

    def test_what_is_no_yaml(self) -> None:
        self.assertEqual(self.values("s3cr3t"), {"s3cr3t"})
        self.assertEqual(self.values(" s3cr3t\n"), {" s3cr3t\n", "s3cr3t"})
        ini = '[web]\nh1 ansible_password="pass word" x = yyyyy\n'
        self.assertEqual(self.values(ini) - {ini, ini.strip()}, {"pass word", "yyyyy", ini.splitlines()[1]})
        self.assertEqual(self.values(b"\xff\xfe\x00ab"), {"\ufffd\ufffd\0ab"})
        self.assertEqual(self.values("abc"), set())
        self.assertEqual(self.values(""), set())

    def test_bombs_are_no_larger_than_their_text(self) -> None:
        chain = "".join(f"a{n}: &a{n} {{<<: [{f'*a{n - 1}, ' * 9}], k{n}: value-{n}}}\n" for n in range(1, 30))
        self.assertIn("value-29", self.values("a0: &a0 {k: v}\n" + chain))
        deep = "[" * 20_000 + "]" * 20_000
        self.assertIn(deep, self.values(deep))

    def test_records_are_short_and_can_be_put_together(self) -> None:
        with tempfile.TemporaryDirectory() as room:
            path = os.path.join(room, "announce")
            os.mkfifo(path)
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            announcer = vault.open_announcer(channel.Channel(-1, "ab", "/", "00"), path)
            plaintext = b"s3cr3t " * 2857 + b"."  # 20,000 bytes, and no other value in them.
            for _ in range(2):
                announcer.announce(plaintext)
            data = os.read(reader, 1 << 20)
            os.close(reader)
        lines = data.splitlines(keepends=True)
        self.assertTrue(all(len(line) <= vault.MAX_RECORD and line.endswith(b"\n") for line in lines))
        rows = [line.split() for line in lines]
        whole = [row for row in rows if row[0] == rows[0][0]]
        self.assertEqual([(int(row[1]), int(row[2])) for row in whole], [(number, 7) for number in range(1, 8)])
        self.assertEqual(b"".join(base64.b64decode(row[3]) for row in whole), plaintext)
        self.assertEqual(sum(row[1] == b"1" and row[2] == b"7" for row in rows), 1, "it is announced once")

    def test_if_nobody_listens_that_is_told(self) -> None:
        told = []
        listening = types.SimpleNamespace(
            tell=lambda event, **_: told.append(event), fault=lambda *_: told.append("fault")
        )
        vault.PATIENCE_SECONDS, patience = 0.05, vault.PATIENCE_SECONDS
        self.addCleanup(setattr, vault, "PATIENCE_SECONDS", patience)
        with tempfile.TemporaryDirectory() as room:
            path = os.path.join(room, "announce")
            self.assertIsNone(vault.open_announcer(listening, path))
            os.mkfifo(path)
            self.assertTrue(stat.S_ISFIFO(os.stat(path).st_mode))
            self.assertIsNone(vault.open_announcer(listening, path))
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            announcer = vault.open_announcer(listening, path)
            os.close(reader)
            announcer.announce("s3cr3t")
            announcer.announce("another")
        self.assertEqual(told, ["announcements_missing", "fault"] * 3 + ["fault"])


class Names(unittest.TestCase):
    def test_names_between_braces(self) -> None:
        for text, has, has_not in [
            ("probe {{ a.b }} said {% if c %}d{% endif %} e", "a b c", "probe said e"),
            ("{{ {'x': {'y': probe}} }} tail", "probe", "tail"),
            ("no braces", "", "no braces"),
            ("{{ open", "open", ""),
            ("{{ hostvars[inventory_hostname].probe }}", "probe", "hostvars"),
            ("{{ hostvars['h2'].probe }}", "hostvars probe", ""),
        ]:
            found = words.of_text(text)
            self.assertTrue(found.issuperset(has.split()) and found.isdisjoint(has_not.split()), (text, found))

    def test_names_that_are_made_could_be_any(self) -> None:
        for text, expected in [
            ("lookup('vars', 'x')", False),
            ("lookup('vars', 'a' ~ b)", True),
            ("lookup('vars', prefix ~ 'x')", True),
            ("q('ansible.builtin.varnames', pattern)", True),
            ("vars[name]", True),
            ("vars['name']", False),
            ("hostvars[host][name]", True),
            ("hostvars[host]['name']", False),
            ("hostvars[inventory_hostname][name]", True),
            ("lookup('template', name)", True),
        ]:
            self.assertEqual(words.ANY in words.of_expression(text), expected, text)

    def test_templates_and_what_they_include(self) -> None:
        text = "{% include 'b.j2' %} {%- import \"c.j2\" as c %} {{ x }} {{ lookup('template', 'd.j2') }}"
        found = words.of_template(text)
        self.assertTrue({"\0b.j2", "\0c.j2", "\0d.j2", "x"} <= found and words.ANY not in found, found)
        self.assertIn(words.ANY, words.of_template("{% include name %}"))
        self.assertIn(words.ANY, words.of_template("$ANSIBLE_VAULT;1.1;AES256\n3030\n"))
        self.assertIn("whatever", words.of_template("#jinja2: variable_start_string:'[%'\n[% whatever %]"))

    def test_values_of_any_shape(self) -> None:
        self.assertTrue({"a", "b"} <= words.of_value({"{{ a }}": [1, None, ("{{ b }}",)]}))
        endless: list = []
        endless.append(endless)
        self.assertEqual(words.of_value(endless), {words.ANY})
        encrypted = type("Encrypted", (str,), {"_ciphertext": "x"})("{{ a }}")
        self.assertEqual(words.of_value(encrypted), set())


class Orders(unittest.TestCase):
    def test_a_debt_that_cannot_be_read_stays_owed(self) -> None:
        where = {"path": "site.yml", "action": "copy", "name": "conf", "occurrence": 1}
        order = {"host": "h", "handler": "x", "play": 1, "section": 9, "dynamic": None, "task": where}
        (read,) = debts.read([order])
        self.assertEqual((read.section, read.key, read.occurrence), (2, ("site.yml", None, "copy", "conf"), 1))
        broken = [None, {}, "x", {**order, "play": None}, {**order, "task": []}, {**order, "section": "a"}]
        self.assertEqual([it.index for it in debts.read([*broken, order])], [len(broken)])


class Faults(unittest.TestCase):
    def test_a_fault_of_ours_refuses(self) -> None:
        told = []
        listening = types.SimpleNamespace(tell=lambda event, **it: told.append((event, it)), fault=lambda *_: None)
        closed = gate.Gate(listening, io.BytesIO(b'{"question": 1, "go": true}\n'))
        with self.assertRaises(SystemExit) as leaving:
            closed.start(None)
        self.assertEqual(leaving.exception.code, 78)
        with self.assertRaises(SystemExit):
            closed.play(types.SimpleNamespace(), 0)
        self.assertEqual([event for event, _ in told], ["refused", "refused"])
        self.assertEqual(told[1][1]["why"], "the start of the playbook was not asked for")
