"""Processor time of a playbook through driftless, bare, and through ansible-runner."""

from __future__ import annotations

import statistics
from pathlib import Path

from measure import Row, cpu_of, ratios, run_measured, spread, wait_for
from world import GIT, Daemon, Repository, stacks


def playbook() -> str:
    """20 tasks: 18 that end in the controller, one raw command, and one module that is really executed."""
    tasks = [f"debug: {{ msg: '{{{{ inventory_hostname }}}} {number}' }}" for number in range(9)]
    tasks += [f"set_fact: {{ fact_{number}: '{{{{ inventory_hostname }}}}' }}" for number in range(5)]
    tasks += ["assert: { that: fact_1 == inventory_hostname }"] * 4
    tasks += ["raw: 'true'", "command: 'true'"]
    # What changes something is followed by a check run, which bare Ansible does not make.
    lines = "".join(
        f"    - name: Task {number}\n      {task}\n      changed_when: false\n"
        for number, task in enumerate(tasks)
    )
    return f"- hosts: all\n  gather_facts: false\n  tasks:\n{lines}"


def measure(
    room: Path, program: Path, ansible: Path, pairs: int, hosts: int, runner: Path | None = None
) -> list[Row]:
    """They take turns: bare, through driftless with its handshake, and through ansible-runner if that is asked for."""
    connection = "ansible_connection=local ansible_python_interpreter={{ansible_playbook_python}}"
    inventory = "".join(f"host-{number:03} {connection}\n" for number in range(hosts))
    files = {"driftless.yml": stacks(), "site.yml": playbook(), "inventory.ini": inventory}
    repository = Repository(room / "overhead.git")
    repository.fill(files)
    project, private = room / "project", room / "private"
    for place, inventory_file in (project, "inventory.ini"), (private / "project", "../inventory/hosts"):
        place.mkdir(parents=True)
        (place / inventory_file).parent.mkdir(exist_ok=True)
        (place / inventory_file).write_text(inventory)
        (place / "site.yml").write_text(files["site.yml"])
    environment = {**GIT, "PATH": f"{ansible}/bin:{GIT['PATH']}", "HOME": str(room)}
    daemon = Daemon(program, ansible, room / "overhead-daemon")
    bare, through, beside = [], [], []
    try:
        daemon.start({"overhead": repository}, "1d")
        wait_for("the first run", lambda: daemon.ended_runs() == 1)
        for _ in range(pairs):
            words = [f"{ansible}/bin/ansible-playbook", "-i", "inventory.ini", "site.yml"]
            bare.append(run_measured(words, project, environment))
            through.append(through_daemon(daemon, repository))
            if runner:
                words = [f"{runner}/bin/ansible-runner", "run", str(private), "-p", "site.yml"]
                beside.append(run_measured(words, project, environment))
    finally:
        daemon.stop()
    added = statistics.median(ratios(through, bare)) - 1
    percent = [(ratio - 1) * 100 for ratio in ratios(through, bare)]
    measured = f"{spread(percent, '+.1f')} % of {spread(bare, '.2f')} CPU seconds bare"
    if beside:
        runners = [(ratio - 1) * 100 for ratio in ratios(beside, bare)]
        measured += f"; `ansible-runner`: {spread(runners, '+.1f')} %"
    what = f"20 tasks on {hosts} hosts: CPU added by daemon, guardian and callback"
    return [Row(what, measured, "5 %", added <= 0.05)]


def through_daemon(daemon: Daemon, repository: Repository) -> float:
    """Seconds of processor from a push until the daemon has nothing more to do."""
    before, ended = cpu_of(daemon.pid), daemon.ended_runs()
    repository.publish(repository.prepare())
    wait_for("the run", lambda: daemon.ended_runs() > ended)
    spent = cpu_of(daemon.pid) - before
    daemon.run_of(repository.git("rev-parse", "refs/heads/main"))
    return spent
