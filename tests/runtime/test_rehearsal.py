"""What a fork does before its function is known."""

import json
import subprocess
import sys

from tests.waiting import wait_limit

PROGRAM = """
import json, os, resource
import functions.runtime.serving.preload
from functions.runtime.serving import rehearsal

asked = []
refuse_login = rehearsal._refuse_login
async def recorded(reader, writer):
    await refuse_login(reader, writer)
    asked.append(True)
rehearsal._refuse_login = recorded

def descriptors():
    return sorted(name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}"))

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def rehearse():
    before = faults()
    rehearsal.rehearse()
    return {"faults": faults() - before, "descriptors": descriptors(), "threads": len(os.listdir("/proc/self/task")), "logins": len(asked)}

if os.fork() == 0:
    print(json.dumps([rehearse(), rehearse()]), flush=True)
else:
    os.wait()
"""


def test_it_copies_the_pages_that_a_function_needs_and_leaves_nothing_open() -> None:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "CAPSULE_FUNCTION": "none.such", "CAPSULE_AMQP_URL": "no address"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, timeout=wait_limit(120), check=True)
    assert done.stderr == ""
    first, second = json.loads(done.stdout)
    assert first["faults"] > 1000 and second["faults"] < first["faults"] / 2
    assert first["descriptors"] == second["descriptors"]
    assert first["threads"] == second["threads"] == 1
    assert [first["logins"], second["logins"]] == [1, 2], "each time as far as the password"
