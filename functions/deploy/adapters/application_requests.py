"""Requests to an application's URL, as its visitors make them: over DNS and the ingress.

With CAPSULE_HEALTH_CHECK_KEY a request carries a header by which the ingress of one machine does not measure it. A
cluster's ingress does not know the header and would pass it on to the application, so there the setting is left empty.

A resolver need not know names below `localhost`; they are this machine's loopback (RFC 6761 section 6.3).
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Sequence

import httpx

from functions.deploy.adapters.shared_variables import HEALTH_CHECK_KEY
from functions.deploy.domain.observation import DOES_NOT_ANSWER, FAILING_REQUESTS, ServiceFailed
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import AUTHORITIES_FILE
from functions.runtime.storage.external_call import external_call
from functions.wire.health_checks import HEADER, sign_health_check

log = logging.getLogger(__name__)

ATTEMPTS = 3
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 10.0
LOOPBACK = "127.0.0.1"
SERVER_ERROR = 500
FROM_THE_INGRESS = (502, 503, 504)
"""An ingress answers so where no instance does."""


class HttpApplicationRequests:
    def __init__(self, settings: Settings) -> None:
        """Raises InvalidSetting when CAPSULE_HEALTH_CHECK_KEY is set and too short."""
        self._keys = settings.following(HEALTH_CHECK_KEY)
        self._ca_file = settings.value(AUTHORITIES_FILE)

    @external_call
    async def find_failure(self, url: str, path: str) -> ServiceFailed | None:
        """Tries ATTEMPTS times, and returns the last failure."""
        failure: ServiceFailed | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS)
            failure = await _request(url, path, self._keys(), self._ca_file)
            if failure is None:
                return None
        return failure


async def _request(url: str, path: str, keys: Sequence[str], ca_file: str) -> ServiceFailed | None:
    encoded = httpx.URL(f"http://path{path}").raw_path  # percent-encoded (RFC 3986 section 2.1)
    target = httpx.URL(url).copy_with(raw_path=encoded)  # not joined: `//host/` of a tenant would be another host (RFC 3986 section 5.2.2)
    address = LOOPBACK if target.host == "localhost" or target.host.endswith(".localhost") else target.host
    headers = {"host": target.netloc.decode(), "user-agent": "Capsule-Health-Check/1"}
    if keys:
        headers[HEADER] = sign_health_check(keys[0], target.host, target.raw_path.decode(), time.time())
    extensions = {"sni_hostname": target.host, "timeout": httpx.Timeout(TIMEOUT_SECONDS).as_dict()}
    request = httpx.Request("GET", target.copy_with(host=address), headers=headers, extensions=extensions)
    try:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False, verify=_trust(ca_file)) as client:
            response = await client.send(request, stream=True)
            await response.aclose()
    except httpx.ReadTimeout:
        return ServiceFailed(DOES_NOT_ANSWER, f"GET {target} did not answer within {TIMEOUT_SECONDS:g} s.")
    except httpx.HTTPError as error:
        log.warning("%s cannot be requested from here: %s", target, error or type(error).__name__)
        return None
    if response.status_code < SERVER_ERROR:
        return None
    reason = DOES_NOT_ANSWER if response.status_code in FROM_THE_INGRESS else FAILING_REQUESTS
    return ServiceFailed(reason, f"GET {target} answered {response.status_code} {response.reason_phrase}".rstrip() + ".")


def _trust(ca_file: str) -> ssl.SSLContext | bool:
    """Return the system's authorities and those of CAPSULE_AUTHORITIES_FILE, as httpx takes them. Read at each use: it may be replaced."""
    if not ca_file:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(ca_file)
    return context
