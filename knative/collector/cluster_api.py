"""HTTP of the collector: the Kubernetes API and the node's kubelet with the pod's service account, and queue-proxies without."""

import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from knative.collector import kubelet, queue_proxy

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
MAX_LINE_BYTES = 8 << 20
"""Of one event of a watch: a Pod may have 3 MiB in etcd (1.5 MiB is the default)."""
MAX_LIST_BYTES = 256 << 20
TIMEOUT_SECONDS = 15.0
SCRAPE_SECONDS = 3.0


class TooLarge(ValueError):
    """A response is larger than expected."""


class ClusterApi:
    """`server`: the URL of the Kubernetes API. `kubelet`: that of this node's kubelet. `account`: the folder with the token and `ca.crt`.

    `verifies_kubelet`: whether the kubelet's certificate must be of the cluster's authority. Many clusters leave kubelets with certificates that they
    have signed themselves; the connection does not leave the node.
    """

    def __init__(self, server: str, kubelet: str, account: Path = ACCOUNT, *, verifies_kubelet: bool = False) -> None:
        self._server = server
        self._kubelet = kubelet
        self._account = account
        self._verifies_kubelet = verifies_kubelet
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(trust_env=False, read_bufsize=1 << 20)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, parameters: Mapping[str, str]) -> Any:
        """Return a JSON document of the Kubernetes API. Raises aiohttp.ClientError, TimeoutError and ValueError."""
        return orjson.loads(await self._read(self._server + path, MAX_LIST_BYTES, TIMEOUT_SECONDS, self._cluster_trust(), parameters))

    async def stream(self, path: str, parameters: Mapping[str, str], timeout_seconds: float) -> AsyncIterator[bytes]:
        """Yield the lines of a watch until the server ends it. Raises as `get`."""
        timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=TIMEOUT_SECONDS)
        request = self._open_session().get(
            self._server + path, params=parameters, headers=self._authorization(), ssl=self._cluster_trust(), timeout=timeout
        )
        async with request as response:
            response.raise_for_status()
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        yield line
                if len(rest) > MAX_LINE_BYTES:
                    raise TooLarge(f"an event of {path} has more than {MAX_LINE_BYTES} bytes")

    async def resource_metrics(self) -> str:
        """Return the kubelet's resource metrics. Raises as `get`."""
        trust = self._cluster_trust() if self._verifies_kubelet else False
        return (await self._read(self._kubelet + kubelet.PATH, kubelet.MAX_TEXT_BYTES, TIMEOUT_SECONDS, trust)).decode("utf-8", "replace")

    async def request_metrics(self, address: str) -> str:
        """Return the metrics of the queue-proxy at a pod's address. Raises as `get`."""
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{queue_proxy.PORT}{queue_proxy.PATH}"
        return (await self._read(url, queue_proxy.MAX_TEXT_BYTES, SCRAPE_SECONDS, None)).decode("utf-8", "replace")

    async def _read(
        self, url: str, limit: int, timeout_seconds: float, trust: ssl.SSLContext | bool | None, parameters: Mapping[str, str] | None = None
    ) -> bytes:
        """`trust` None: plain HTTP, without the account's token."""
        headers = {} if trust is None else self._authorization()
        timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        request = self._open_session().get(
            url, params=parameters, headers=headers, ssl=True if trust is None else trust, timeout=timeout, allow_redirects=False
        )
        async with request as response:
            response.raise_for_status()
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise TooLarge(f"{urlsplit(url).path} has more than {limit} bytes")
            return bytes(body)

    def _open_session(self) -> aiohttp.ClientSession:
        assert self._session is not None, "open() first"
        return self._session

    def _authorization(self) -> dict[str, str]:
        """The kubelet replaces the token in its file before it expires, so it is read for each request."""
        return {"Authorization": f"Bearer {(self._account / 'token').read_text().strip()}"}

    def _cluster_trust(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=self._account / "ca.crt") if self._server.startswith("https:") else True
