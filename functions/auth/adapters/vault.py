"""Secrets at rest: sealed with this context's public key, opened with its private key. Both are mounted files."""

from functions.runtime.config.settings import Settings
from functions.runtime.security.encryption import ContextVault


def vault(settings: Settings) -> ContextVault:
    return ContextVault(settings, "auth")
