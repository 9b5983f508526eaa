"""Certificates of the ACME directory that the operator names. The client blocks, so an order runs in a thread."""

import asyncio

from functions.deploy.adapters.acme_directory import AcmeDirectory
from functions.deploy.adapters.domain_variables import ACME_CA_BUNDLE, ACME_CONTACT, ACME_DIRECTORY
from functions.deploy.ports import Account
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call


class AcmeAuthority:
    def __init__(self, settings: Settings) -> None:
        self._directory = AcmeDirectory(settings.value(ACME_DIRECTORY), settings.value(ACME_CONTACT), settings.value(ACME_CA_BUNDLE))

    @external_call
    async def order(self, host: str, account: Account) -> tuple[str, str]:
        return await asyncio.to_thread(self._directory.order, [host], account.key)
