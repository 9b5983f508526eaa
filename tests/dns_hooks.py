"""DNS hooks of tests: programs that create and delete TXT records at the DNS server of a pebble, as an operator's would at a provider."""

from pathlib import Path

from tests.pebble import LOOPBACK, Pebble

_PROGRAM = """#!/usr/bin/python3
import json, sys, urllib.request
action, name, value = sys.argv[1:]
body = json.dumps({{"host": name + ".", "value": value}}).encode()
for kind in {kinds}[action]:
    urllib.request.urlopen(f"http://{address}/" + kind, body, timeout=10)
"""


def hook_of(pebble: Pebble) -> bytes:
    kinds = {"present": ["set-txt"], "cleanup": ["clear-txt"]}
    return _PROGRAM.format(kinds=kinds, address=f"{LOOPBACK}:{pebble.dns_management}").encode()


def write_hook(path: Path, program: bytes) -> Path:
    path.write_bytes(program)
    path.chmod(0o700)
    return path
