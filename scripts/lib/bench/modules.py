"""The Rust modules beside what people use today, over ssh on loopback."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import random
import socket
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from measure import Row, ratios, spread, wait_for
from world import GIT

FILES = 1000
COPIED = 30  # `copy` runs two modules for each file, one after the other: its time grows with their number.
ITEMS = 200
LOOPED = 40  # Likewise of a loop over items.

Times = dict[str, list[float]]


def measure(room: Path, collection: Path, ansible: Path, posix: Path, pairs: int) -> list[Row]:
    """All rows, and the sizes of the binaries."""
    make_files(room / "thousand", FILES)
    make_files(room / "some", COPIED)
    (room / "empty").mkdir()
    times: Times = {}
    with server(room) as inventory:
        for number in range(-1, pairs):
            (room / "play.yml").write_text(json.dumps(play(room, number % 2 == 1)))
            run_times = run(room, inventory, f"{collection}:{posix}", ansible)
            if number >= 0:  # The one before puts the binary there and fills caches.
                for name, seconds in run_times.items():
                    times.setdefault(name, []).append(seconds)
    return [*rows(times), *sizes(collection)]


def play(room: Path, theirs_first: bool) -> list[dict]:
    """What is compared stands side by side; which of them is first changes from pair to pair."""
    at = room / "host"
    thousand, some, empty = (str(room / it) for it in ("thousand", "some", "empty"))
    items = [{"file": {"path": str(it)}} for it in sorted((room / "thousand").rglob("*.conf"))[:ITEMS]]
    tree = {"driftless.core.tree": {"src": thousand, "dest": f"{at}/tree", "delete": True}}
    rsync = {"ansible.posix.synchronize": {"src": f"{thousand}/", "dest": f"{at}/rsync/", "delete": True}}
    copy = {"ansible.builtin.copy": {"src": f"{some}/", "dest": f"{at}/copy/"}}
    one = {"driftless.core.tree": {"src": empty, "dest": f"{at}/empty"}}
    file = {"ansible.builtin.file": {"path": f"{at}/empty", "state": "directory", "mode": "0755"}}
    looped = {"ansible.builtin.stat": {"path": "{{ item.file.path }}"}, "loop": items[:LOOPED]}
    groups = [
        [("tree first", tree), ("rsync first", rsync), ("copy first", copy)],
        [("tree unchanged", tree), ("rsync unchanged", rsync), ("copy unchanged", copy)],
        [("tree of one", one), ("file", file)],
        [("probe", {"driftless.core.probe": {"items": items, "fail": True}}), ("stat", looped)],
        [("facts", {"driftless.core.facts": {}}), ("setup", {"ansible.builtin.setup": {}})],
    ]
    before = [
        ("log in", {"ansible.builtin.raw": "true"}),
        ("clear", {"ansible.builtin.raw": f"rm -rf {at}; mkdir -p {at}/empty; sync -f {at}"}),
        # The binary is there, and so is what Ansible keeps of its own.
        ("ours", {"driftless.core.tree": {"src": empty, "dest": f"{at}/empty"}}),
        ("theirs", {"ansible.builtin.ping": {}}),
    ]
    tasks = before + [it for group in groups for it in (reversed(group) if theirs_first else group)]
    return [{"hosts": "all", "gather_facts": False, "tasks": [{"name": name, **it} for name, it in tasks]}]


def make_files(place: Path, count: int) -> None:
    """Texts of some kilobytes in 20 directories."""
    chance = random.Random(count)
    for number in range(count):
        path = place / f"directory-{number % 20:02}" / f"file-{number:04}.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (f"option-{chance.randrange(1000)} = {chance.random()}\n" for _ in range(chance.randrange(20, 200)))
        path.write_text("".join(lines))


def run(room: Path, inventory: Path, collections: str, ansible: Path) -> dict[str, float]:
    """Seconds of each task, on the controller's clock: the start of `ansible-playbook` is in none of them."""
    times = room / "times"
    times.write_text("")
    environment = {
        **GIT,
        "ANSIBLE_CALLBACKS_ENABLED": "times",
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
        "ANSIBLE_COLLECTIONS_PATH": collections,
        "ANSIBLE_HOME": str(room / "ansible"),
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(room / "cp"),
        "HOME": str(room),
        "TIMES": str(times),
    }
    words = [f"{ansible}/bin/ansible-playbook", "-i", str(inventory), str(room / "play.yml")]
    with (room / "output").open("w+b") as output:
        done = subprocess.run(words, cwd=room, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        if done.returncode != 0:
            output.seek(0)
            raise RuntimeError(output.read().decode()[-4000:])
    lines = [json.loads(it) for it in times.read_text().splitlines()]
    for line in lines:
        first = line["task"].endswith("first")
        if line["task"].endswith(("first", "unchanged")) and line["changed"] != first:
            raise RuntimeError(f"{line['task']} says changed: {line['changed']}")
    return {it["task"]: it["seconds"] for it in lines}


@contextlib.contextmanager
def server(room: Path) -> Iterator[Path]:
    """An sshd of this user on loopback; gives an inventory with one host."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", room / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = (room / "host_key.pub").read_text()
    (room / "known_hosts").write_text(f"[127.0.0.1]:{port} {known}")
    # What the user has in `.bashrc` is none of ours. Bash reads it for each command unless a shell is above it.
    (room / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {room}/host_key\nPidFile none\nAuthorizedKeysFile {room}/key.pub\n"
        "UsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        "Subsystem sftp internal-sftp\nMaxSessions 100\nPrintMotd no\nPrintLastLog no\nSetEnv SHLVL=2\n"
    )
    inventory = room / "hosts"
    inventory.write_text(
        f"host ansible_host=127.0.0.1 ansible_port={port} ansible_user={getpass.getuser()} "
        f"ansible_ssh_private_key_file={room}/key ansible_python_interpreter={{{{ansible_playbook_python}}}} "
        f"ansible_ssh_common_args='-o UserKnownHostsFile={room}/known_hosts'\n"
    )
    with (room / "log").open("wb") as log:
        words = ["/usr/sbin/sshd", "-D", "-e", "-f", str(room / "sshd_config")]
        sshd = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for("sshd", lambda: answers(port))
        yield inventory
    finally:
        sshd.terminate()
        sshd.wait()


def answers(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def rows(times: Times) -> list[Row]:
    """Each with the ratios of its pairs."""
    copies = {when: [it * FILES / COPIED for it in times[f"copy {when}"]] for when in ("first", "unchanged")}
    stats = [it * ITEMS / LOOPED for it in times["stat"]]
    told = []
    for when in ("first", "unchanged"):
        ours = times[f"tree {when}"]
        what = f"`tree`, {FILES:,} files, {when}"
        scaled = f"`copy`, {COPIED} files measured"
        told.append(row(f"{what}, beside {scaled}", ours, copies[when], 50))
        told.append(row(f"{what}, beside `ansible.posix.synchronize`", ours, times[f"rsync {when}"], 1))
    told.append(row("one directory by `tree`, beside `ansible.builtin.file`", times["tree of one"], times["file"], 5))
    told.append(row(f"`probe` of {ITEMS} items, beside `stat`, {LOOPED} measured", times["probe"], stats, 100))
    told.append(row("`facts`, beside `setup`", times["facts"], times["setup"], 5))
    return told


def row(what: str, ours: list[float], theirs: list[float], goal: int) -> Row:
    times = ratios(theirs, ours)
    measured = (
        f"{spread(ours, '.0f', 1000)} ms, {spread(theirs, ',.0f', 1000)} ms; {spread(times, '.1f')} times faster"
    )
    return Row(what, measured, f"1/{goal}" if goal > 1 else "not slower", statistics.median(times) >= goal)


def sizes(collection: Path) -> list[Row]:
    """Of the one binary with all modules, for each architecture that was built."""
    found = sorted((collection / "ansible_collections/driftless/core/bin").glob("*/driftless-modules"))
    return [
        Row(
            f"the binary with all modules, {it.parent.name}",
            f"{it.stat().st_size / (1 << 20):.2f} MiB",
            "2 MiB",
            it.stat().st_size < 2 << 20,
        )
        for it in found
    ]
