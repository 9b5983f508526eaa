"""The owner of a host follows the rule in any order of changes, and passes to the next claim when the owner is removed."""

import random
from typing import Any

import pytest

from knative.local.objects import Object
from knative.local.serving.routing import Key, RouteEntry, RoutingTable, TrafficTarget

HOSTS = [f"h{number}.localhost" for number in range(5)]
KEYS: list[Key] = [(namespace, name) for namespace in ("capsule", "app-a", "app-b", "app-c") for name in ("one", "two")]


def route(key: Key, created: str, uid: str) -> Object:
    return {"metadata": {"namespace": key[0], "name": key[1], "uid": uid, "creationTimestamp": created}}


def entry(key: Key, host: str | None, *, created: str = "2026-01-01T00:00:00Z", uid: str = "", tags: tuple[str, ...] = (), **more: Any) -> RouteEntry:
    targets = [TrafficTarget("r", 100), *(TrafficTarget("r", 0, tag) for tag in tags)]
    return RouteEntry.of(route(key, created, uid or "-".join(key)), host, targets, lambda tag: tag, **more)


def expected_owner(entries: dict[Key, RouteEntry], host: str) -> Key | None:
    """The rule, implemented independently: the platform's first, then by time, then by uid."""

    def place(each: RouteEntry) -> tuple[bool, str, str, str]:
        return each.namespace != "capsule", each.claimed_at.get(host, each.created_at), each.created_at, each.uid

    claimants = [each for each in entries.values() if each.host is not None and host in {each.host, *each.tag_hosts}]
    return min(claimants, key=place).key if claimants else None


@pytest.mark.parametrize("seed", range(60))
def test_the_owner_follows_the_rule_after_every_change(seed: int) -> None:
    rng = random.Random(seed)
    table, entries = RoutingTable(), dict[Key, RouteEntry]()
    uids = iter(f"{rng.getrandbits(64):016x}" for _ in range(1000))
    for _ in range(120):
        key = rng.choice(KEYS)
        before = {host: table.owner(host) for host in HOSTS}
        if key in entries and rng.random() < 0.4:
            if rng.random() < 0.2:
                assert table.remove(*key, "another uid") == set()
                assert {host: table.owner(host) for host in HOSTS} == before, "an object with another uid owns nothing"
                continue
            affected = table.remove(*key, entries.pop(key).uid)
        else:
            created, claimed = (f"2026-01-01T00:00:0{rng.randrange(4)}Z" for _ in range(2))
            hosts = rng.sample(HOSTS, rng.randint(1, 3))
            replacement = entry(
                key,
                hosts[0] if rng.random() < 0.9 else None,
                created=created,
                uid=entries[key].uid if key in entries and rng.random() < 0.5 else next(uids),
                tags=tuple(hosts[1:]),
                claimed_at={hosts[-1]: max(claimed, created)} if rng.random() < 0.5 else None,
            )
            affected = table.put(replacement)
            entries[key] = replacement
        after = {host: table.owner(host) for host in HOSTS}
        assert after == {host: expected_owner(entries, host) for host in HOSTS}
        changed = {owner for host in HOSTS if before[host] != after[host] for owner in (before[host], after[host])}
        assert affected == changed - {None, key}, "exactly the Routes that gained or lost a host are returned"
        for each in KEYS:
            claimed = {host for host in HOSTS if each in entries and host in entries[each].claims()}
            assert table.conflicts(*each) == sorted(host for host in claimed if after[host] != each)
        for host in HOSTS:
            found, owner = table.by_host(host), after[host]
            assert (found is None) == (owner is None)
            if found is not None and owner is not None:
                assert found[0] is entries[owner] and (found[1].tag if found[1] else None) == (host if host != entries[owner].host else None)
    for key in list(entries):
        table.remove(*key, entries.pop(key).uid)
    assert all(table.by_host(host) is None and table.owner(host) is None for host in HOSTS)
    assert all(table.by_name(*key) is None for key in KEYS)


def test_the_order_of_reconciliation_does_not_matter() -> None:
    """For example after a restart."""
    entries = [entry(key, "h.localhost", created=f"2026-01-01T00:00:0{number}Z") for number, key in enumerate(KEYS[2:])]
    for seed in range(20):
        table = RoutingTable()
        for each in random.Random(seed).sample(entries, len(entries)):
            table.put(each)
        assert table.owner("h.localhost") == entries[0].key


def test_a_new_tag_of_an_old_route_takes_no_host() -> None:
    table = RoutingTable()
    table.put(entry(("app-old", "a"), "a.localhost", created="2025-01-01T00:00:00Z"))
    table.put(entry(("app-new", "b"), "b.localhost", created="2026-01-01T00:00:00Z"))
    since = {"a.localhost": "2025-01-01T00:00:00Z", "b.localhost": "2026-02-01T00:00:00Z"}
    table.put(entry(("app-old", "a"), "a.localhost", created="2025-01-01T00:00:00Z", tags=("b.localhost",), claimed_at=since))
    assert table.owner("b.localhost") == ("app-new", "b") and table.conflicts("app-old", "a") == ["b.localhost"]
