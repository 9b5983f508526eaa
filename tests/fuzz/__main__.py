"""`./taskw fuzz`: see `tests.fuzz`. Exit code 1 if an answer was a fault."""

import argparse
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx

from functions.edge.gateway.routing import Table
from functions.runtime.config.registry import Registry
from tests.fuzz.client import send
from tests.fuzz.objects import create_objects
from tests.fuzz.odd_requests import odd_requests
from tests.fuzz.schema_run import run_schemathesis
from tests.fuzz.verdict import fault

EXAMPLE = (
    "Example: TOKEN=$(curl -s localhost:3000/v1/sessions --json '{\"email\": …}' | jq -r .accessToken); ./taskw fuzz --token $TOKEN --seconds 60"
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("fuzz", description="Send odd requests to every endpoint of a running Capsule.", epilog=EXAMPLE)
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="the gateway (default: %(default)s)")
    parser.add_argument("--token", default=os.environ.get("CAPSULE_TOKEN", ""), help="an access token, best of an administrator (CAPSULE_TOKEN)")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long, half for each source of requests (default: %(default)g)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help="repeats a run (default: another each time)")
    options = parser.parse_args(arguments)
    headers = {"Authorization": f"Bearer {options.token}"} if options.token else {}
    print(f"Seed {options.seed}. Repeat it with --seed {options.seed}")
    with httpx.Client(base_url=options.url, headers=headers, timeout=60) as client:
        try:
            ids = create_objects(client) if options.token else {}
        except httpx.HTTPError as error:
            print(f"No object could be created: {error}\nStart Capsule (./taskw up) and pass a token that is valid: --token", file=sys.stderr)
            return 2
    faults = send_odd_requests(options.url, options.token, ids, options.seconds / 2, options.seed)
    failures = run_schemathesis(options.url, options.token, ids, options.seconds / 2, options.seed)
    return 1 if faults or failures else 0


def send_odd_requests(url: str, token: str, ids: Mapping[str, Any], seconds: float, seed: int, limit: int | None = None) -> int:
    """Send requests for so long, or `limit` of them. Prints each fault with a command that repeats it. Returns the number of faults."""
    routes = tuple(Table(Registry.load().declarations).routes)
    end, statuses, faults = time.monotonic() + seconds, Counter[str](), 0
    for count, request in enumerate(odd_requests(routes, ids, seed)):
        if time.monotonic() > end or count == limit:
            break
        answer = send(url, request, token)
        statuses[str(answer.status) if answer else "none"] += 1
        if reason := fault(answer):
            faults += 1
            print(f"\n{request.method} {request.target.decode('latin-1')[:200]}: {reason}\n{request.command(url)}")
    print(f"{statuses.total()} odd requests, {faults} faults. Statuses: {', '.join(f'{key} × {value}' for key, value in sorted(statuses.items()))}")
    return faults


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
