"""Certificates of the ACME directory that the operator names. The client blocks, so an order runs in a thread."""

import asyncio
from datetime import datetime

from functions.deploy.adapters.acme_directory import AcmeDirectory, TxtChallenges
from functions.deploy.adapters.dns_hook import DnsHook
from functions.deploy.adapters.domain_variables import ACME_CA_BUNDLE, ACME_CONTACT, ACME_DIRECTORY, HOOK_FILE
from functions.deploy.ports import Account, OrderFailed
from functions.runtime.config.settings import CREDENTIALS, Settings
from functions.runtime.storage.external_call import external_call
from functions.wire.settings import MissingSetting


class AcmeAuthority:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._directory = _directory(settings)

    @external_call
    async def order(self, host: str, account: Account, challenge_name: str | None = None) -> tuple[str, str]:
        challenges = TxtChallenges(self._hook(), {host: challenge_name}) if challenge_name else None
        return await asyncio.to_thread(self._directory.order, [host], account.key, challenges)

    def _hook(self) -> DnsHook:
        """Raises OrderFailed."""
        try:
            return DnsHook(self._settings.file(f"{CREDENTIALS}/{HOOK_FILE}"))
        except MissingSetting as error:
            raise OrderFailed("This installation has no DNS hook any more. Lead the domain here, for a validation over HTTP.") from error


class AcmeRenewalInfo:
    def __init__(self, settings: Settings) -> None:
        self._directory = _directory(settings)

    @external_call
    async def find(self, chain: str) -> tuple[datetime | None, datetime]:
        return await asyncio.to_thread(self._directory.renewal_info, chain)


def _directory(settings: Settings) -> AcmeDirectory:
    return AcmeDirectory(settings.value(ACME_DIRECTORY), settings.value(ACME_CONTACT), settings.value(ACME_CA_BUNDLE))
