"""Does what a page says: tutorial.py PAGE SECONDS SHELL...

Executes the lines of the page's `console` blocks that begin with `# `, in order, each by `SHELL... -c LINE`, and
compares what they print with what the page shows below them. `…` stands for anything in a line, alone in a line for any
lines. What only looks is asked again until it is as shown: a reader would, too. Fails at the first difference, or when
the page as a whole takes longer than SECONDS.
"""

import re
import subprocess
import sys
import time

PATIENCE = 180
LOOKS = re.compile(r"^(driftless (status|stacks|show|drift|runs)|cat [^>]*$)")
NAMED = re.compile(r"<<'(\w+)'")


def commands(page):
    """Pairs of a command and the lines that are shown below it."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        lines = iter(block.splitlines())
        for line in lines:
            if not line.startswith("# "):
                found[-1][1].append(line)
                continue
            text = line[2:]
            if here := NAMED.search(text):
                for inner in lines:
                    text += f"\n{inner}"
                    if inner == here[1]:
                        break
            found.append((text, []))
    return found


def is_as_shown(shown, printed):
    if not shown:
        return True
    parts = []
    for line in shown:
        if line == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            words = re.sub(r" +", " ", line)
            parts.append(".*".join(re.escape(it) for it in words.split("…")) + r"\n")
    plain = re.sub(r" +", " ", printed).rstrip() + "\n"
    plain = "".join(f"{line.strip()}\n" for line in plain.splitlines())
    pattern = "".join(parts)
    return re.fullmatch(re.sub(r"(^|\\n)(\\ )+", r"\1", pattern), plain) is not None


def main():
    name, seconds, *shell = sys.argv[1:]
    with open(name, encoding="utf-8") as file:
        todo = commands(file.read())
    began, place = time.monotonic(), "~"
    for command, shown in todo:
        print(f"{time.monotonic() - began:5.0f} s  {command.splitlines()[0]}", flush=True)
        if command.startswith("cd "):
            place = command[3:]
            continue
        until = time.monotonic() + (PATIENCE if LOOKS.match(command) else 0)
        while True:
            done = subprocess.run(
                [*shell, "-c", f"cd {place}\n{command}"], capture_output=True, text=True, stdin=subprocess.DEVNULL
            )
            if done.returncode == 0 and is_as_shown(shown, done.stdout):
                break
            if until < time.monotonic():
                sys.exit(
                    f"not as shown: {command}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}\nshown:\n"
                    + "\n".join(shown)
                )
            time.sleep(1)
    took = time.monotonic() - began
    print(f"{len(todo)} commands in {took:.0f} s")
    if float(seconds) < took:
        sys.exit(f"longer than {seconds} s")


if __name__ == "__main__":
    main()
