"""Sentinel secrets: unique values for secret fields, and the search for them in every place where a secret must not be."""

import base64
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pika
import psutil
import psycopg
from psycopg import sql

from functions.runtime.config.registry import Registry
from functions.runtime.messaging.exchanges import COMMANDS, DEAD_LETTERS, EVENTS, REDELIVERY

MAX_FILE_BYTES = 200_000_000


@dataclass
class Sentinels:
    """`values`: what a secret is for → the secret."""

    values: dict[str, str] = field(default_factory=dict)

    def plant(self, purpose: str) -> str:
        """Return a new secret, acceptable as a password."""
        return self.add(purpose, f"sentinel-{secrets.token_hex(16)}")

    def add(self, purpose: str, value: str) -> str:
        """Search for a secret that Capsule has made too."""
        assert len(value) >= 20, purpose
        self.values[purpose] = value
        return value

    def found_in(self, content: bytes) -> set[str]:
        """Return the purposes of the secrets in a text, as they are, in hexadecimal or in base64 at any offset."""
        return {purpose for purpose, value in self.values.items() if any(form in content for form in _forms(value.encode()))}

    def search(self, places: Iterable[tuple[str, bytes]]) -> dict[str, set[str]]:
        """Return the places with secrets."""
        return {place: found for place, content in places if (found := self.found_in(content))}


def _forms(value: bytes) -> Iterator[bytes]:
    yield value
    yield value.hex().encode()
    for offset in range(3):
        # The first characters depend on what precedes the secret, the last ones on what follows.
        encoded = base64.b64encode(b"\0" * offset + value)[4 if offset else 0 : -4]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))


def secret_fields(contexts: Collection[str] | None = None) -> set[str]:
    """Return `function.field` of every secret field that a declaration has."""
    declarations = Registry.load(contexts).declarations
    return {f"{declaration.name}.{name}" for declaration in declarations for name in declaration.secret_fields}


def tables(url: str) -> Iterator[tuple[str, bytes]]:
    """All rows of a database, as its owner reads them."""
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename").fetchall()
        for (name,) in names:
            with connection.cursor().copy(sql.SQL("COPY (SELECT * FROM {}) TO STDOUT").format(sql.Identifier(name))) as rows:
                yield f"table {name}", b"".join(bytes(row) for row in rows)


def processes(found: Iterable[psutil.Process]) -> Iterator[tuple[str, bytes]]:
    """Arguments and environment of processes."""
    for process in found:
        for name in ("cmdline", "environ"):
            try:
                yield f"{name} of {' '.join(process.cmdline()[:4])}", Path(f"/proc/{process.pid}/{name}").read_bytes()
            except (OSError, psutil.Error):
                break  # it has ended


def with_descendants(pids: Iterable[int]) -> set[psutil.Process]:
    """Return processes and all that they have started."""
    found: set[psutil.Process] = set()
    for pid in pids:
        try:
            process = psutil.Process(pid)
            found |= {process, *process.children(recursive=True)}
        except psutil.Error:
            continue  # it has ended
    return found


def files(folder: Path, is_left_out: Callable[[Path], bool] = lambda path: False) -> Iterator[tuple[str, bytes]]:
    for parent, names, file_names in os.walk(folder):
        names[:] = [name for name in names if not is_left_out(Path(parent, name))]
        for name in file_names:
            path = Path(parent, name)
            try:
                if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_FILE_BYTES and not is_left_out(path):
                    yield f"file {path.relative_to(folder)}", path.read_bytes()
            except OSError:
                continue  # it was deleted


@contextmanager
def tap(amqp: str) -> Iterator[Callable[[], list[tuple[str, bytes]]]]:
    """Receive a copy of every command, event, redelivery and dead letter. Yields a function that returns those of so far."""
    received: list[tuple[str, bytes]] = []
    with pika.BlockingConnection(pika.URLParameters(amqp)) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        for declaration in Registry.load().declarations:
            channel.queue_bind(queue, COMMANDS, declaration.name)
        for exchange in (EVENTS, REDELIVERY, DEAD_LETTERS):
            channel.queue_bind(queue, exchange, "#")

        def drain() -> list[tuple[str, bytes]]:
            while True:
                method, properties, body = channel.basic_get(queue, auto_ack=True)
                if method is None:
                    return received
                headers = {name: value for name, value in (properties.headers or {}).items() if name != "token"}
                received.append((f"message {method.exchange} {method.routing_key}", repr(headers).encode() + body))

        yield drain
