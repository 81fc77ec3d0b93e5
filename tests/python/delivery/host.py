"""A managed host: an sshd with users, directories and mounts of its own, and ansible-playbook run against it.

As root it is a mount and process namespace of this machine in which the users are ours: `root`, `alice`, who may
become anybody, and `busy`, who sees nothing but busybox. As another user it is what this machine is to that user.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
COLLECTION = ROOT / "python/ansible_collections/driftless/core"
ARCHITECTURE = os.uname().machine
IS_ROOT = os.geteuid() == 0
SOON_SECONDS = 60
LONG_SECONDS = 540  # Only for machines that have much else to do.


def wait_for(what: str, condition) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + SOON_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited for: {what}"
        time.sleep(0.01)


@dataclass
class Done:
    """What came of a run of ansible-playbook."""

    code: int
    output: str
    said: list[dict]

    def of(self, task: str, host: str) -> dict:
        """The only result of a task on a host, with its status."""
        found = [it for it in self.said if (it["task"], it["host"]) == (task, host)]
        assert len(found) == 1, f"{task} on {host}: {len(found)} results\n{self.output[-4000:]}"
        return {**found[0]["result"], "status": found[0]["status"]}


class Host:
    """See above. It ends with `close`."""

    def __init__(self) -> None:
        self._room = tempfile.TemporaryDirectory(prefix="delivery-")
        self.room = Path(self._room.name)
        self.room.chmod(0o755)
        self.homes = self.room / "homes"
        self._key("host_key")
        self._key("key")
        shutil.copy(self.room / "key.pub", self.room / "authorized_keys")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        known = (self.room / "host_key.pub").read_text()
        (self.room / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {known}")
        # What the user has in `.bashrc` is none of ours. Bash reads it for each command unless a shell is above it.
        (self.room / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.room}/host_key\nPidFile none\n"
            f"AuthorizedKeysFile {self.room}/authorized_keys\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n"
            "PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\nMaxStartups 100\nMaxSessions 100\n"
            f"PrintMotd no\nPrintLastLog no\nSetEnv SHLVL=2\nMatch User busy\nChrootDirectory /srv\n"
        )
        self.users = {"root": "root", "alice": "alice"} if IS_ROOT else {"me": pwd.getpwuid(os.geteuid()).pw_name}
        prepare = self._prepare() if IS_ROOT else ":"
        self._log = open(self.room / "log", "wb")
        sshd = f"{prepare} && exec /usr/sbin/sshd -D -e -f {self.room}/sshd_config"
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"] if IS_ROOT else []
        self._server = subprocess.Popen([*isolated, "sh", "-c", sshd], stderr=self._log, stdin=subprocess.DEVNULL)
        wait_for("sshd", self._answers)
        self.collections = self.room / "collections"
        self.double(b"")

    def close(self) -> None:
        """Ends the server and removes everything."""
        self._server.kill()
        self._server.wait()
        self._log.close()
        self._room.cleanup()

    def _answers(self) -> bool:
        assert self._server.poll() is None, (self.room / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except ConnectionRefusedError:
            return False
        return True

    def _key(self, name: str) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.room / name], check=True)

    def _prepare(self) -> str:
        """Makes the parts of the host; gives the commands that put them in place."""
        Path("/run/sshd").mkdir(exist_ok=True)
        users = {"alice": 61001, "bob": 61002, "busy": 61003, "homeless": 61004}
        for name, number in {"root": 0, **users}.items():
            if name not in ("busy", "homeless"):
                (self.homes / name).mkdir(parents=True, mode=0o700)
                os.chown(self.homes / name, number, number)
        for file, line in {
            "passwd": "{0}:x:{1}:{1}::{2}/{0}:/bin/sh\n",
            "group": "{0}:x:{1}:\n",
            "shadow": "{0}:*:19000:0:99999:7:::\n",
        }.items():
            kept = [it for it in Path("/etc", file).read_text().splitlines(True) if not it.startswith("root:")]
            made = [line.format(name, number, self.homes) for name, number in {"root": 0, **users}.items()]
            (self.room / file).write_text("".join(made + kept))
        (self.room / "sudoers").mkdir(mode=0o750)
        # With `use_pty`, sudo loses output now and then when pipelining is off, whatever is executed.
        (self.room / "sudoers/alice").write_text("alice ALL=(ALL:ALL) NOPASSWD: ALL\nDefaults !use_pty\n")
        (self.room / "sudoers/alice").chmod(0o440)
        commands = [f"mount --bind {self.room}/{it} /etc/{it}" for it in ("passwd", "group", "shadow")]
        commands += [f"mount --bind {self.room}/sudoers /etc/sudoers.d", "mount -t tmpfs -o mode=1777 none /var/tmp"]
        busybox = shutil.which("busybox")
        if busybox:
            self._make_busybox(Path(busybox), users["busy"])
            # sshd wants that nobody else can change what is above it.
            commands.append(f"mount --bind {self.room}/busybox /srv && mount -t proc none /srv/proc")
        return " && ".join(commands)

    def _make_busybox(self, program: Path, number: int) -> None:
        root = self.room / "busybox"
        for directory in ("bin", "proc", "dev", "etc", "tmp", "var/tmp", "home/busy"):
            (root / directory).mkdir(parents=True)
        shutil.copy(program, root / "bin/busybox")
        for applet in subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet not in ("busybox", "python"):
                (root / "bin" / applet).symlink_to("busybox")
        (root / "etc/passwd").write_text(f"busy:x:{number}:{number}::/home/busy:/bin/sh\n")
        os.mknod(root / "dev/null", 0o020666, os.makedev(1, 3))
        (root / "dev/null").chmod(0o666)
        os.chown(root / "home/busy", number, number)
        for directory in ("tmp", "var/tmp"):
            (root / directory).chmod(0o1777)
        # The home is looked up in the machine's own list, but within the other root.
        passwd = (self.room / "passwd").read_text()
        (self.room / "passwd").write_text(passwd.replace(f"{self.homes}/busy", "/home/busy"))
        self.users["busy"] = "busy"

    def kept(self, user: str) -> Path:
        """Where the binaries of a user are kept on the host."""
        if not IS_ROOT:
            return self.room / "kept"
        return (self.room / "busybox/home" if user == "busy" else self.homes) / user / ".cache/driftless"

    def inside(self, script: str) -> str:
        """Executes a script on the host as root."""
        child = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children").read_text().split()[0]
        done = subprocess.run(
            ["nsenter", "-t", child, "-m", "-p", "sh", "-ec", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def double(self, tail: bytes) -> str:
        """Puts the collection there, with a binary that ends with these bytes; gives its digest."""
        core = self.collections / "ansible_collections/driftless/core"
        if not core.exists():
            shutil.copytree(COLLECTION, core, ignore=shutil.ignore_patterns("__pycache__"))
        binary = core / "bin" / ARCHITECTURE / "driftless-modules"
        binary.parent.mkdir(parents=True, exist_ok=True)
        content = Path(os.environ["DOUBLE"]).read_bytes() + tail
        binary.unlink(missing_ok=True)
        binary.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def start(self, playbook: str, *arguments: str, pipelining: bool = True, **environment: str) -> Running:
        """Starts ansible-playbook."""
        return Running(self, playbook, arguments, pipelining, environment)

    def play(self, playbook: str, *arguments: str, pipelining: bool = True, **environment: str) -> Done:
        """Runs ansible-playbook to its end."""
        return self.start(playbook, *arguments, pipelining=pipelining, **environment).wait()


class Running:
    """A run of ansible-playbook."""

    def __init__(self, host: Host, playbook: str, arguments: tuple, pipelining: bool, environment: dict) -> None:
        self._room = tempfile.TemporaryDirectory(dir=host.room)
        room = Path(self._room.name)
        self._said = room / "said"
        self._said.touch()
        (room / "play.yml").write_text(playbook)
        common = (
            f"ansible_host=127.0.0.1 ansible_port={host.port} ansible_ssh_private_key_file={host.room}/key "
            "ansible_python_interpreter=/nonexistent/python "
            f"ansible_ssh_common_args='-o UserKnownHostsFile={host.room}/known_hosts'"
        )
        if not IS_ROOT:
            common += f" driftless_modules_dir={host.room}/kept"
        lines = [f"{name} ansible_user={user} {common}\n" for name, user in host.users.items()]
        (room / "hosts").write_text("".join(lines))
        options = {
            "ANSIBLE_CALLBACKS_ENABLED": "said",
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callbacks"),
            "ANSIBLE_COLLECTIONS_PATH": str(host.collections),
            "ANSIBLE_HOME": str(room / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": str(pipelining),
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(host.room / "cp"),
            # With a terminal the last output of sudo is lost now and then, whatever is executed.
            "ANSIBLE_SSH_USETTY": "False",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SAID": str(self._said),
        }
        self._process = subprocess.Popen(
            [Path(sys.executable).parent / "ansible-playbook", "-i", room / "hosts", room / "play.yml", *arguments],
            cwd=room,
            env={**os.environ, **options, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait(self) -> Done:
        """What came of it."""
        try:
            output, _ = self._process.communicate(timeout=LONG_SECONDS)
        finally:
            self._process.kill()
        said = [json.loads(line) for line in self._said.read_text().splitlines()]
        self._room.cleanup()
        return Done(self._process.returncode, output, said)
