"""Passwords hashed with argon2id at OWASP's parameters, in threads, two at a time.

19 MiB and 20 ms of a core for each: hashing is what a flood of logins would exhaust a machine with, so it queues here.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from functions.auth.domain.password import Password, normalised
from functions.kernel import Permanent

T = TypeVar("T")

AT_ONCE = 2
UNKNOWN = "$argon2id$v=19$m=19456,t=2,p=1$u78GuArzxTEXvgN1IUnVDQ$Rsuy2Mp9Af0rT0Rl4pigBhHlZ/Tr+rFcZnz7glW2afo"
"""The hash of 256 random bits that nobody has kept: verified when there is no account, so that it takes the same time."""


class Argon2Hasher:
    def __init__(self) -> None:
        self._argon2 = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")

    async def hash(self, password: Password) -> str:
        return await self._in_thread(lambda: self._argon2.hash(password.text))

    async def rehash(self, typed: str) -> str:
        return await self._in_thread(lambda: self._argon2.hash(normalised(typed)))

    async def matches(self, password_hash: str | None, typed: str) -> bool:
        matched = await self._in_thread(lambda: self._verify(password_hash or UNKNOWN, normalised(typed)))
        return matched and password_hash is not None

    def outdated(self, password_hash: str) -> bool:
        return self._argon2.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, text: str) -> bool:
        try:
            return self._argon2.verify(password_hash, text)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError) as error:
            raise Permanent("the stored password hash cannot be read") from error

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
