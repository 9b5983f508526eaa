"""A resident attacker: an application and a build repeat destructive probes, while a neighbour is measured through the ingress."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.hostile import host, load
from tests.hostile.conftest import Findings
from tests.hostile.deployment import Application, attacker, kept_busy, neighbour_of, remove_tree
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

SECONDS = 60
WINDOWS, WINDOW_SECONDS = 5, 10
ALLOWANCE_MS = 25
"""Tolerance for the scheduler: a request passes four processes in both directions (client, ingress, the relay into
the sandbox, the application). On a busy machine each waits for about one slice of 3 ms (Linux' base_slice_ns on
two cores): 4 · 2 · 3 ms, whatever the attacker does."""
BRIEF = ("forks", "memory", "log flood", "descriptors", "orphans", "signals", "connections", "network scan")


def start_times(whole: Whole) -> dict[int, float]:
    """Return the start times of the processes that must not restart."""
    found = [host.controller(whole), *host.servers(whole)]
    return {process.pid: process.create_time() for process in found}


def test_a_brief_attack_does_not_affect_a_neighbour(platform: Whole, findings: Findings) -> None:
    ingress = f"http://127.0.0.1:{platform.home.ports.ingress}"
    platform.visit(findings.neighbour_url)
    servers, instances = start_times(platform), host.with_environment(findings.word)
    headers = {"Host": httpx.URL(findings.url).netloc.decode()}
    started = httpx.post(f"{ingress}/attack", json={"seconds": 4, "only": BRIEF}, headers=headers, timeout=60, trust_env=False)
    assert started.status_code == 200, started.text
    (window,) = load.measure(ingress, httpx.URL(findings.neighbour_url).netloc.decode(), 1, 5)
    assert window.faults == []
    assert start_times(platform) == servers
    assert instances and host.with_environment(findings.word) == instances, "the neighbour was restarted"


@pytest.fixture(scope="module")
def neighbour(platform: Whole) -> tuple[Application, str]:
    found, word = neighbour_of(platform, Person(platform).become_a_user())
    assert found.deploy()["status"] == "succeeded", found.deployment
    return found, word


@proof("tenant-isolation")
def test_a_minute_of_attacks_does_not_affect_a_neighbour(platform: Whole, neighbour: tuple[Application, str]) -> None:
    whole, (own, word) = platform, neighbour
    ingress, name = f"http://127.0.0.1:{whole.home.ports.ingress}", httpx.URL(own.url).netloc.decode()
    targets = host.targets(whole, f"app-{own.application['name']}", word)
    found = attacker(whole, Person(whole).become_a_user(), [], targets)
    builder = attacker(whole, Person(whole).become_a_user(), [["attack", SECONDS, ["memory"]], ["attack", 5], ["exit", 3]], targets)
    assert found.deploy()["status"] == "succeeded", found.deployment
    started = start_times(whole)
    with kept_busy(own):
        counted = wait_until_stable(whole)
    quiet = load.measure(ingress, name, WINDOWS, WINDOW_SECONDS)
    instances = host.with_environment(word)
    building = threading.Thread(target=builder.deploy)
    building.start()
    with attacking(found):
        attacked = load.measure(ingress, name, WINDOWS, WINDOW_SECONDS)
    left = host.with_environment(word)
    building.join()

    report(found, builder, quiet, attacked)
    assert [fault for window in attacked for fault in window.faults] == []
    assert start_times(whole) == started, "a server of the platform was restarted"
    assert instances and left == instances, "the neighbour was restarted"
    before, under = load.median_p95_ms(quiet), load.median_p95_ms(attacked)
    assert under < 2 * before + ALLOWANCE_MS, f"p95 of the neighbour: {before:.1f} ms before, {under:.1f} ms under attack"
    assert_refusals(whole, found)
    for each in (found, builder):
        folder = whole.home.path / "knative" / "pods" / f"app-{each.application['name']}"
        each.delete()
        until(lambda folder=folder: not folder.exists(), 60, f"for {folder} to be removed", every=1)
        remove_tree(folder)
    with kept_busy(own):
        wait_until_as_before(whole, counted)


@contextmanager
def attacking(found: Application) -> Iterator[None]:
    """Keep the attack running: an instance that was ended is restarted and must attack again."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(1):
            with suppress(httpx.HTTPError, ValueError):
                if not found.get().json().get("attacking", True):
                    found.post("/attack", seconds=SECONDS)

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def report(found: Application, builder: Application, quiet: list[load.Window], attacked: list[load.Window]) -> None:
    """Print the measurements for the proof's output (pytest -s)."""
    for words, windows in (("before", quiet), ("under attack", attacked)):
        print(f"\nneighbour {words}: p95 of each window in ms:", [round(window.p95_ms, 1) for window in windows])
    print("the build ended:", builder.deployment["reason"], str(builder.deployment["detail"])[:300])


def assert_refusals(whole: Whole, found: Application) -> None:
    """Check in the attacker's log that each probe was ended by a limit, not because it had completed."""
    lines = until(lambda: attacks(found), 60, "for the attacker's log")
    probes: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        probes.setdefault(line["name"], []).append(line)
    assert {"forks", "disk in temporary", "log flood", "descriptors"} <= set(probes), sorted(probes)
    print("attacks:", {name: len(each) for name, each in probes.items()})
    for name in ("forks", "disk in temporary", "descriptors"):
        for each in probes.get(name, []):
            answer = each.get("answer", "")
            assert each.get("signal") or each.get("fork") or not answer or json.loads(answer)["error"], (name, each)
    for each in probes.get("memory", []):
        assert each.get("signal") == 9 or each.get("fork"), each
    for each in probes.get("network scan", []):
        assert each.get("fork") or each.get("signal") or json.loads(each["answer"] or "[]") in ([], [["127.0.0.1", 8080]]), each


def attacks(found: Application) -> list[dict[str, Any]]:
    lines = found.log("run", search="ATTACK")
    return [json.loads(line.partition("ATTACK ")[2]) for line in lines if line.startswith("ATTACK {") and line.endswith("}")]


def wait_until_stable(whole: Whole) -> host.Counts:
    """Wait until idle functions are scaled to zero, which is when two counts in a row are equal.

    Returns the last count.
    """
    last = host.counts(whole.home.path, host.controller(whole).pid)
    for _ in range(12):
        time.sleep(5)
        now = host.counts(whole.home.path, host.controller(whole).pid)
        if (now.processes, now.control_groups, now.pod_folders) == (last.processes, last.control_groups, last.pod_folders):
            return now
        last = now
    return last


def wait_until_as_before(whole: Whole, before: host.Counts) -> None:
    """Compare the counts except inodes and memory: logs grow, and functions start and end."""

    def look() -> bool:
        now = host.counts(whole.home.path, host.controller(whole).pid)
        same = replace(now, inodes=0, memory_mib=0, open_files=0)
        return all(getattr(same, name) <= getattr(before, name) for name in ("processes", "mounts", "loops", "control_groups", "pod_folders"))

    until(look, 90, f"for the counts to be as before: {host.to_json(before)}", every=2)
