"""Hashes passwords with argon2id, with parameters from the settings, in a bounded number of threads.

By default each hash takes 19 MiB and about 20 ms of CPU (OWASP Password Storage Cheat Sheet), in two threads. They bound what a
flood of logins can take from the machine; further hashes wait. A hash with other parameters is replaced at the next sign-in.
"""

import asyncio
import base64
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from functions.auth.adapters import variables
from functions.auth.domain.password import Password, normalize
from functions.kernel import Permanent
from functions.runtime.config.settings import Settings

T = TypeVar("T")

HASH_BYTES, SALT_BYTES = 32, 16


class Argon2Hasher:
    def __init__(self, settings: Settings) -> None:
        memory, passes, lanes, threads = (settings.value(each) for each in variables.ARGON2)
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes, hash_len=HASH_BYTES, salt_len=SALT_BYTES)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self.dummy_hash = f"$argon2id$v=19$m={memory},t={passes},p={lanes}${_random_text(SALT_BYTES)}${_random_text(HASH_BYTES)}"
        """Random, so that no password has it. Verified if there is no account, so that the time is the same."""

    async def hash(self, password: Password) -> str:
        return await self._in_thread(lambda: self._argon2.hash(password.text))

    async def rehash(self, text: str) -> str:
        return await self._in_thread(lambda: self._argon2.hash(normalize(text)))

    async def matches(self, password_hash: str | None, text: str) -> bool:
        matched = await self._in_thread(lambda: self._verify(password_hash or self.dummy_hash, normalize(text)))
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


def _random_text(length: int) -> str:
    """Return random bytes in base64 without padding, as hashes have them."""
    return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
