"""What the one-machine Knative's zygote imports before it forks: what children only read is built, nothing runs, and secrets of children differ."""

import json
import subprocess
import sys

from knative.machine.preloaded_modules import PRELOADED_MODULES, REHEARSAL

PROGRAM = """
import importlib, json, os, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from functions.edge.gateway.installed import installed, installed_table
from functions.runtime.security.tokens import new_signing_key

def keys_of_a_fork():
    readable, writable = os.pipe()
    if os.fork() == 0:
        os.write(writable, json.dumps([new_signing_key()["d"]]).encode())
        os._exit(0)
    os.wait()
    return json.loads(os.read(readable, 4096))

print(json.dumps({
    "built": [installed.cache_info().currsize, installed_table.cache_info().currsize],
    "routes": len(installed_table().routes),
    "threads": len(os.listdir("/proc/self/task")),
    "keys": [keys_of_a_fork()[0] for _ in range(3)],
}))
"""


def test_the_zygote_builds_what_its_forks_read_and_shares_no_randomness() -> None:
    command = [sys.executable, "-c", PROGRAM, *PRELOADED_MODULES, REHEARSAL]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found["built"] == [1, 1] and found["routes"] > 200
    assert found["threads"] == 1, "a fork has the first thread only"
    assert len(set(found["keys"])) == 3, "OpenSSL was initialized before the fork: each fork has randomness of its own"
