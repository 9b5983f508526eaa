"""The transport of a context: it sends nothing to suppressed addresses, and suppresses the addresses that a mail server refuses for good."""

import logging
from typing import Protocol

from functions.runtime.email.message import OutgoingEmail
from functions.runtime.email.refusals import AddressRefused
from functions.runtime.email.transport import EmailTransport
from functions.runtime.storage.external_call import external_call

_log = logging.getLogger("capsule.email")


class Suppressions(Protocol):
    """A context's list of addresses. Each method has a transaction of its own."""

    async def is_suppressed(self, address: str, *, except_bounces: bool = False) -> bool:
        """`except_bounces`: whether an address that bounced counts as one that may work again."""
        ...

    async def report(self, address: str, detail: str) -> None:
        """Add an address that a mail server refused, and tell the other contexts. Idempotent."""
        ...


class GuardedTransport:
    """An EmailTransport. An e-mail that cannot reach its address is dropped: its effect goes on, and the list says why."""

    def __init__(self, transport: EmailTransport, suppressions: Suppressions) -> None:
        self._transport, self._suppressions = transport, suppressions

    @external_call
    async def send(self, email: OutgoingEmail) -> None:
        if await self._suppressions.is_suppressed(email.to, except_bounces=email.is_requested_again):
            _log.warning("e-mail %s is not sent: its address is suppressed", email.intent)
            return
        try:
            await self._transport.send(email)
        except AddressRefused as refusal:
            _log.warning("e-mail %s has not been delivered: its address is refused for good and suppressed from now on", email.intent)
            await self._suppressions.report(email.to, str(refusal))
