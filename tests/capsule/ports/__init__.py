"""Which adapter stands behind each port of the in-memory Capsule. A port that is missing here is built by its context's own `wiring.py`."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.capsule.ports import auth, billing, deploy, monitor

SETTINGS: Mapping[str, str] = {
    "CAPSULE_PUBLIC_URL": "http://capsule.localhost",
    "CAPSULE_STRIPE_API_KEY": "sk_test_none",
    "CAPSULE_TERMINAL_URL": "ws://terminal.localhost",
    "CAPSULE_ACME_DIRECTORY": "https://acme.invalid/directory",
    "CAPSULE_REPOSITORY_HOSTS": "samples.localhost",
    "CAPSULE_SERVICES_DEDICATED_ADDRESS": "127.0.0.1:7114",
    "CAPSULE_SERVICES_POSTGRES_ADDRESS": "127.0.0.1:5432",
    "CAPSULE_SERVICES_REDIS_ADDRESS": "127.0.0.1:6379",
}
"""Environment variables of every function."""

_CONTEXTS = {"auth": auth, "billing": billing, "deploy": deploy, "monitor": monitor}
PORTS: Mapping[str, Mapping[Any, Callable[..., Any]]] = {name: each.PORTS for name, each in _CONTEXTS.items()}
EXTERNAL: frozenset[Any] = frozenset().union(*(each.EXTERNAL for each in _CONTEXTS.values()))
"""Ports to foreign systems: no transaction restores their state, and none may be open while they are called."""
