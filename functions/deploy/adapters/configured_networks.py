"""What builds and applications may reach, from the operator's settings. Hosts are resolved by the system's resolver."""

import asyncio
import logging
import socket
from collections.abc import Iterable, Mapping, Sequence

from functions.deploy.adapters import shared_variables, variables
from functions.deploy.domain.network_policies import Egress, host_of, is_in_cluster
from functions.deploy.ports import Builds
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call
from functions.wire.addresses import parse_address

TIMEOUT_SECONDS = 3.0
OF_ONE_MACHINE = (".localhost", "capsule.local")
"""Hosts of its ingress and its image store: no address of theirs is in a policy."""
_log = logging.getLogger("capsule.networks")


class ConfiguredNetworks:
    def __init__(self, settings: Settings, builds: Builds) -> None:
        self._settings = settings
        self._builds = builds

    @external_call
    async def egress(self) -> Egress:
        value = self._settings.value
        build = self._builds.settings()
        mirrors = (text for name, text in build.environment.items() if name not in ("BUILD_ENVIRONMENT", "REPOSITORY_HOSTS"))
        builds = _hosts([*value(variables.REPOSITORY_HOSTS), build.images, *(word for text in mirrors for word in text.split() if "://" in word)])
        services = (value(variables.SERVICES_POSTGRES_ADDRESS), value(variables.SERVICES_REDIS_ADDRESS))
        instances = _hosts(each.text for each in services)
        return Egress(value(shared_variables.EGRESS_ALLOW), await _resolve(builds), await _resolve(instances))


def _hosts(values: Iterable[str]) -> list[str]:
    found = {host for each in values if (host := host_of(each))}
    return sorted(host for host in found if not host.endswith(OF_ONE_MACHINE))


async def _resolve(hosts: Sequence[str]) -> Mapping[str, Sequence[str]]:
    return dict(zip(hosts, await asyncio.gather(*map(_addresses, hosts)), strict=True))


async def _addresses(host: str) -> Sequence[str]:
    """Return the addresses of a host; none of one inside the cluster, or of one that has none: it is then not reachable either."""
    if is_in_cluster(host):
        return ()
    if parse_address(host) is not None:
        return (host,)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        _log.warning("%s, which settings name, has no address: %s. Network policies do not open it.", host, error or "no answer")
        return ()
    return sorted({str(each[4][0]) for each in found})
