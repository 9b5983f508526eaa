"""What a gateway reports of itself at `GET /health`: its circuits and bulkheads, which no context knows.

With several gateways, the one that answers reports; each has circuits of its own.
"""

import ssl
from typing import Any

from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import AUTHORITIES_FILE, PUBLIC_URL

TIMEOUT_SECONDS = 2.0


class GatewayReports:
    def __init__(self, url: str, authorities: str | None = None) -> None:
        """`url`: the gateway's public address. `authorities`: a file with certificate authorities, beside the system's."""
        self.url = url
        self._authorities = authorities

    @classmethod
    def of(cls, settings: Settings) -> "GatewayReports":
        return cls(settings.value(PUBLIC_URL), settings.value(AUTHORITIES_FILE))

    async def newest(self) -> dict[str, Any] | None:
        """Context → circuit, inProgress, waiting, and retryAfterSeconds of an open circuit; None if the gateway does not answer from here."""
        import httpx  # large: only this page waits for it

        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, verify=self._verification()) as client:
                document = (await client.get(f"{self.url.rstrip('/')}/health")).json()
            return {str(each["service"]).removesuffix("-service"): each["gateway"] for each in document["services"]}
        except (httpx.HTTPError, OSError, ValueError, LookupError, TypeError):
            return None

    def _verification(self) -> ssl.SSLContext | bool:
        if not self._authorities or not self.url.startswith("https://"):
            return True
        context = ssl.create_default_context()
        context.load_verify_locations(self._authorities)
        return context
