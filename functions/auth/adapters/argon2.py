"""Hashes passwords with argon2id and OWASP's parameters, in two threads.

Each hash takes 19 MiB and about 20 ms of CPU. The two threads bound what a flood of logins can take from the machine;
further hashes wait.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from functions.auth.domain.password import Password, normalize
from functions.kernel import Permanent

T = TypeVar("T")

MAX_THREADS = 2
DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$u78GuArzxTEXvgN1IUnVDQ$Rsuy2Mp9Af0rT0Rl4pigBhHlZ/Tr+rFcZnz7glW2afo"
"""The hash of 256 discarded random bits. Verified if there is no account, so that the time is the same."""


class Argon2Hasher:
    def __init__(self) -> None:
        self._argon2 = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16)
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="argon2")

    async def hash(self, password: Password) -> str:
        return await self._in_thread(lambda: self._argon2.hash(password.text))

    async def rehash(self, text: str) -> str:
        return await self._in_thread(lambda: self._argon2.hash(normalize(text)))

    async def matches(self, password_hash: str | None, text: str) -> bool:
        matched = await self._in_thread(lambda: self._verify(password_hash or DUMMY_HASH, normalize(text)))
        return matched and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        return self._argon2.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, text: str) -> bool:
        try:
            return self._argon2.verify(password_hash, text)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError) as error:
            raise Permanent("the stored password hash is malformed") from error

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
