"""Secrets at rest: sealed with this context's public key, opened with its private key. Both are mounted files."""

from functions.runtime.config.settings import Settings
from functions.runtime.security.encryption import Opener, Sealer

CONTEXT = "deploy"


class SealedVault:
    def __init__(self, settings: Settings) -> None:
        self._sealer = Sealer(settings)
        self._opener = Opener(settings, CONTEXT)

    def seal(self, secret: str) -> str:
        return self._sealer.seal(CONTEXT, secret)

    def open(self, sealed: str) -> str:
        return self._opener.open(sealed)
