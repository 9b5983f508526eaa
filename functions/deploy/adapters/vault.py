"""Secrets at rest: sealed with this context's public key, opened with its private key. Both are mounted files."""

from functions.runtime.config.settings import Settings
from functions.runtime.security.encryption import ContextVault


class SealedVault(ContextVault):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "deploy")
