"""What a fork does before its function is known."""

import json
import subprocess
import sys

from tests.waiting import wait_limit

PROGRAM = """
import json, os, resource
import functions.runtime.serving.preload
from functions.runtime.serving import rehearsal, rehearsal_servers

NAMES = "serve_rabbitmq", "refuse_login", "serve_postgresql"
served = dict.fromkeys(NAMES, 0)
def recorded(name):
    serve = getattr(rehearsal_servers, name)
    async def serve_and_count(reader, writer):
        await serve(reader, writer)
        served[name] += 1
    return serve_and_count
for name in NAMES:
    setattr(rehearsal_servers, name, recorded(name))

def descriptors():
    return sorted(name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}"))

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def rehearse():
    before = faults()
    rehearsal.rehearse()
    return {"faults": faults() - before, "descriptors": descriptors(), "threads": len(os.listdir("/proc/self/task")), "served": [*served.values()]}

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
    assert [first["served"], second["served"]] == [[1, 1, 1], [2, 2, 2]], "each server's conversation came to its end"
