"""Connections to `pods/attach` of the Kubernetes API, with the account of this function."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from functions.edge.terminal.grants import Grant
from functions.kernel import Unavailable
from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import KUBECONFIG
from functions.wire.attach_channels import MAX_MESSAGE_BYTES, V5

OPEN_SECONDS = 10.0
BINDING_TIMEOUT_SECONDS = 5.0
"""Authorizers read RoleBindings from a cache, and that of the namespace may be new."""
RETRY_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class _Access:
    url: str
    authorization: str
    tls: ssl.SSLContext | None


class Cluster:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def attach(self, grant: Grant, pod: str) -> ClientConnection:
        """Raises Unavailable."""
        access = await asyncio.to_thread(self._read_access)
        query = {"container": grant.container, "stdin": "true", "stdout": "true", "stderr": str(not grant.has_terminal).lower()}
        path = f"/api/v1/namespaces/{quote(grant.namespace)}/pods/{quote(pod)}/attach?{urlencode({**query, 'tty': str(grant.has_terminal).lower()})}"
        deadline = asyncio.get_running_loop().time() + BINDING_TIMEOUT_SECONDS
        while True:
            try:
                return await connect(
                    access.url + path,
                    ssl=access.tls,
                    additional_headers={"Authorization": access.authorization},
                    subprotocols=[V5],  # type: ignore[list-item]  # NewType of str
                    open_timeout=OPEN_SECONDS,
                    max_size=MAX_MESSAGE_BYTES,
                    compression=None,
                    proxy=None,
                )
            except InvalidStatus as refused:
                is_forbidden = refused.response.status_code == 403
                if not is_forbidden or asyncio.get_running_loop().time() > deadline:
                    detail = refused.response.body.decode(errors="replace")[:300]
                    raise Unavailable(f"The cluster does not attach to {pod}: {refused.response.status_code} {detail}", retry_after=2) from refused
            except (InvalidHandshake, OSError, TimeoutError) as error:
                raise Unavailable(f"The cluster does not attach to {pod}: {error}", retry_after=2) from error
            await asyncio.sleep(RETRY_SECONDS)

    def _read_access(self) -> _Access:
        """The pod's service account, or KUBECONFIG. Read for each connection: tokens rotate."""
        from kubernetes import config
        from kubernetes.client import Configuration

        configuration: Any = Configuration()
        if kubeconfig := self._settings.value(KUBECONFIG):
            config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
        else:
            config.load_incluster_config(client_configuration=configuration)
        tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert) if configuration.host.startswith("https://") else None
        url = configuration.host.replace("https://", "wss://", 1).replace("http://", "ws://", 1)
        return _Access(url, configuration.get_api_key_with_prefix("authorization") or configuration.get_api_key_with_prefix("BearerToken"), tls)
