"""`./taskw bench --gateway`: what a client of the gateway waits for.

    login               POST /v1/sessions, one after the other: bounded by argon2
    refresh             POST /v1/sessions/refresh
    GET, uncached       GET /v1/users/me with `Cache-Control: no-cache`: the whole way to the function and back
    GET, cached         the same without it: the gateway's response cache answers, where there is one
    GET /metrics        a scrape, where the gateway has metrics

`--beside FOLDER` measures another checkout of Capsule in the same run, in turn.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from knative.machine.problems import Problem
from tests.bench import load
from tests.bench.installations import Figures, Installation, Json, installations, log, report
from tests.bench.load import Missing

SETTINGS = {"CAPSULE_GATEWAY_RATE_LIMITS": "off", "CAPSULE_GATEWAY_ANONYMOUS_LIMIT": "1000000/second"}
"""All load comes from one address and one user. The second name is that of versions before 0.3."""
PROFILE = "/v1/users/me"


class Caller:
    """The user of one installation."""

    def __init__(self, installation: Installation) -> None:
        self._http = httpx.Client(base_url=installation.home.gateway_url, timeout=60, trust_env=False)
        self._installation = installation
        self._login = {"email": installation.account.email, "password": installation.account.password}
        self._tokens = installation.home.path / "bench-tokens"
        self._session: Json = {}

    def measure(self, times: int, seconds: float) -> None:
        """Add a round to the figures: milliseconds."""
        figures = self._installation.figures
        for _ in range(times):
            figures.add("login", self._timed(self.sign_in))
            figures.add("refresh", self._timed(self._refresh))
        self._tokens.write_text(f"{self._session['accessToken']}\n")
        for title, cache_control in (("GET, uncached, 32 connections", "no-cache"), ("GET, cached, 32 connections", "")):
            self._send("GET", PROFILE)  # wakes the function, fills the cache
            result = load.wrk("GET", self._installation.home.gateway_url, PROFILE, self._tokens, seconds, cache_control=cache_control)
            if result.refused or result.broken:
                raise Missing(f"{title}: {result.refused} requests were refused, {result.broken} broke")
            figures.add(title, result.p50)
            figures.add(f"{title}: 1 / rate", 1000 / result.rate)
        if self._http.get("/metrics").status_code == httpx.codes.OK:
            for _ in range(times):
                figures.add("GET /metrics", self._timed(lambda: self._send("GET", "/metrics")))

    def sign_in(self) -> None:
        self._session = self._send("POST", "/v1/sessions", self._login).json()

    def _refresh(self) -> None:
        self._session = self._send("POST", "/v1/sessions/refresh", {"refreshToken": self._session["refreshToken"]}).json()

    def _send(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._session['accessToken']}"} if path == PROFILE else {}
        response = self._http.request(method, path, json=body, headers=headers)
        if response.is_error:
            raise Missing(f"{method} {path} answered {response.status_code}: {response.text[:300]}")
        return response

    @staticmethod
    def _timed(send: Callable[[], object]) -> float:
        started_at = time.perf_counter()
        send()
        return (time.perf_counter() - started_at) * 1000


def measure(measured: Sequence[Installation], rounds: int, times: int, seconds: float) -> None:
    callers = [Caller(installation) for installation in measured]
    for caller in callers:
        caller.sign_in()  # the functions are warm
    for number in range(1, rounds + 1):
        for caller in callers:
            caller.measure(times, seconds)
        log(f"round {number} of {rounds}")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./taskw bench --gateway", description="Measure what a client of the gateway waits for.")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds (default: 5)")
    parser.add_argument("--times", type=int, default=10, metavar="N", help="logins, refreshes and scrapes in each round (default: 10)")
    parser.add_argument("--seconds", type=float, default=5.0, metavar="S", help="seconds of load per row and round (default: 5)")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout of Capsule, measured in the same run")
    options = parser.parse_args(arguments)
    systems: list[tuple[str, Figures]] = []
    try:
        with installations(options.beside, SETTINGS) as measured:
            measure(measured, options.rounds, options.times, options.seconds)
            systems = [(each.name, each.figures) for each in measured]
    except (Missing, Problem) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    print(f"\n{report(systems, 'ms')}")
    return 0
