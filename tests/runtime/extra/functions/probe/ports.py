from typing import Protocol
from uuid import UUID


class Accounts(Protocol):
    async def deposit(self, id: UUID, account: str, cents: int) -> None: ...

    async def total(self, account: str) -> int: ...

    async def note(self, what: str, text: str) -> None: ...


class Bell(Protocol):
    async def ring(self, text: str) -> None: ...


class Housekeeping(Protocol):
    async def sweep(self) -> None: ...
