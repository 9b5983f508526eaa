"""Recognizes the RabbitMQ in which everything was declared.

An exchange with a random name is declared after everything else, and its name is kept in the state folder. A RabbitMQ that has it has what
this machine declared before. One that was reset, or another one, does not: it gets a mark of its own when it has everything.
"""

import secrets
from pathlib import Path

from knative.local.eventing.administration import NOT_FOUND, Administration
from knative.local.eventing.rabbit import ChannelRefused
from knative.local.files import write_private

PREFIX = "knative.declared."


class BrokerMark:
    def __init__(self, administration: Administration, file: Path | None) -> None:
        """`file`: holds the mark's name; None: no RabbitMQ is recognized."""
        self._administration, self._file = administration, file

    @property
    def is_chosen(self) -> bool:
        """Whether a RabbitMQ was to have everything before."""
        return self._name() is not None

    async def is_present(self) -> bool:
        """Whether RabbitMQ has the mark. One without it needs a new mark (`renew`). Raises ChannelRefused, RabbitMQUnavailable and OSError."""
        if (name := self._name()) is None:
            return False
        try:
            await self._administration.call("exchange_declare", exchange=name, passive=True)
        except ChannelRefused as refused:
            if refused.code != NOT_FOUND:
                raise
            return False
        return True

    def renew(self) -> None:
        """Choose another name, so that a RabbitMQ with the former mark is not taken for the present one. Raises OSError."""
        if self._file is not None:
            write_private(self._file, (PREFIX + secrets.token_hex(8)).encode())

    async def declare(self) -> None:
        """Mark RabbitMQ: it has everything. Raises ChannelRefused, RabbitMQUnavailable and OSError."""
        if (name := self._name()) is not None:
            await self._administration.call("exchange_declare", exchange=name, exchange_type="fanout", durable=True, internal=True)

    def _name(self) -> str | None:
        try:
            return self._file.read_text() if self._file is not None else None
        except FileNotFoundError:
            return None
