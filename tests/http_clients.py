"""Defaults of httpx for all tests. httpx has no public setting for them."""

import functools
import ssl
from typing import Any

import httpx
from httpx._transports import default

from tests.waiting import MIN_LIMIT_SECONDS

_create_ssl_context = default.create_ssl_context


def set_defaults() -> None:
    """Wait long, since httpx's default of 5 s is a statement about speed, and read the bundle of authorities once: 28 ms of CPU for each client."""
    for part in ("connect", "read", "write", "pool"):
        setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, part, MIN_LIMIT_SECONDS)
    default.create_ssl_context = _context_of  # type: ignore[attr-defined]


def _context_of(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    return _default_context(trust_env) if verify is True and cert is None else _create_ssl_context(verify, cert, trust_env)


@functools.cache
def _default_context(trust_env: bool) -> ssl.SSLContext:
    return _create_ssl_context(trust_env=trust_env)
