"""Where files can be created or changed."""

import os
import secrets

from . import outcome

PLACES = ("/", "/usr", "/usr/bin", "/usr/local/bin", "/etc", "/bin", "/lib", "/var", "/root", "/tmp", "/var/tmp", "/dev", "/dev/shm", "/proc", "/sys")


def make_file(folder):
    path = os.path.join(folder, f"made-{secrets.token_hex(4)}")
    with open(path, "x") as file:
        file.write("made by the attacker")
    os.unlink(path)


def change_file(path):
    """Open a file for writing without changing it."""
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))


def collect(targets):
    own = {"application": os.getcwd(), "home": os.path.expanduser("~")}
    return {
        "places": {folder: outcome(make_file, folder) for folder in (*PLACES, *targets["folders"])},
        "own": {name: outcome(make_file, folder) for name, folder in own.items()},
        "changed": {
            path: outcome(change_file, path) for path in ("/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/usr/bin/env", *targets["files"])
        },
        "paths": own,
    }
