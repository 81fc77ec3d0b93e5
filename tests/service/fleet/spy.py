"""Tries to read, write, signal and reach what is not this run's own, and writes down what it could."""

import json
import os
import pathlib
import socket
import sys

checkout = pathlib.Path(sys.argv[1])
state = pathlib.Path(os.environ["DRIFTLESS_STATE_DIR"])
report = {"uid": os.getuid(), "groups": [it for it in os.getgroups() if it != os.getgid()]}
status = pathlib.Path("/proc/self/status").read_text()
report["capabilities"] = int(next(it for it in status.splitlines() if it.startswith("CapEff:")).split()[1], 16)


def own(path):
    """What belongs to this run: its checkout, what its user owns, and what is no secret: launcher and host keys."""
    try:
        owner = os.lstat(path).st_uid
    except OSError:
        owner = None
    public = ("/var/cache/driftless/python/", "/etc/driftless/known_hosts")
    inside = str(path).startswith((str(checkout), *public))
    return owner == os.getuid() or inside


def can(flags, path):
    try:
        os.close(os.open(path, flags | os.O_NONBLOCK))
    except OSError:
        return False
    return True


# What root saw there, though this run cannot list it, and what this run sees by itself.
tried = [it for it in (checkout / "paths.txt").read_text().splitlines() if it]
roots = ["/etc/driftless", "/var/lib/driftless", "/var/cache/driftless", "/run/driftless"]
roots.append("/run/credentials/driftless.service")
for root in [*roots, "/etc/shadow", "/etc/sudoers.d"]:
    tried.append(root)
    tried.extend(os.path.join(place, it) for place, _, files in os.walk(root) for it in files)
strangers = []
for process in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        if process.stat().st_uid != os.getuid():
            strangers.append(int(process.name))
    except OSError:
        continue
tried.extend(f"/proc/{pid}/{it}" for pid in strangers for it in ("environ", "mem", "fd/0", "root/etc/shadow"))

report["tried"] = tried
report["read"] = [it for it in tried if not own(it) and not os.path.isdir(it) and can(os.O_RDONLY, it)]
report["read"] += [it for it in roots if can(os.O_RDONLY | os.O_DIRECTORY, it)]
report["write"] = [it for it in tried if not own(it) and not os.path.isdir(it) and can(os.O_WRONLY, it)]
report["write"] += [str(it) for it in [*roots, checkout, "/usr/local/bin", "/etc"] if os.access(it, os.W_OK)]

report["signalled"] = []
for pid in strangers:
    try:
        os.kill(pid, 0)
        report["signalled"].append(pid)
    except OSError:
        pass

report["connected"] = False
try:
    with socket.socket(socket.AF_UNIX) as it:
        it.connect("/run/driftless/driftless.sock")
        it.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: driftless\r\nConnection: close\r\n\r\n")
        report["connected"] = b" 200 " in it.recv(64)
except OSError:
    pass

(state / "report.json").write_text(json.dumps(report))
