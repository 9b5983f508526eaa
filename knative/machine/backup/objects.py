"""The objects of the one-machine Knative, and the definitions of RabbitMQ."""

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.machine.backup.parts import Moment, Source
from knative.machine.home import Home
from knative.machine.rabbitmq import RabbitMQ

READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Objects:
    """The store of objects, copied as of one transaction while it is written (https://www.sqlite.org/backup.html)."""

    home: Home
    name: str = "knative-objects"

    def read(self) -> Iterator[bytes]:
        with tempfile.TemporaryDirectory(dir=self.home.run) as folder:
            copy = Path(folder) / "store.db"
            source, target = sqlite3.connect(_path(self.home).as_uri() + "?mode=ro", uri=True), sqlite3.connect(copy)
            try:
                source.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")
            finally:
                source.close()
                target.close()
            with copy.open("rb") as file:
                while chunk := file.read(READ_BYTES):
                    yield chunk


class KnativeObjects:
    """Services, Jobs, Secrets and all other objects of the one-machine Knative."""

    title = "Objects"
    prefix = "knative-objects"
    needs_servers = False

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        return [Objects(home)] if _path(home).exists() else []

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        path = _path(home)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("wb") as file:
            path.chmod(0o600)
            for chunk in chunks:
                file.write(chunk)


@dataclass(frozen=True, slots=True)
class Definitions:
    home: Home
    name: str = "broker-definitions"

    def read(self) -> Iterator[bytes]:
        yield json.dumps(RabbitMQ(self.home).management("GET", "/api/definitions")).encode()


class BrokerDefinitions:
    """Exchanges, queues, bindings, users and policies of RabbitMQ. Not its messages."""

    title = "Broker"
    prefix = "broker-definitions"
    needs_servers = True

    def sources(self, home: Home, moment: Moment) -> Sequence[Source]:
        return [] if home.external_amqp_url else [Definitions(home)]

    def restore(self, home: Home, name: str, chunks: Iterator[bytes]) -> None:
        definitions: dict[str, Any] = json.loads(b"".join(chunks))
        if not home.external_amqp_url:
            RabbitMQ(home).management("POST", "/api/definitions", definitions)


def _path(home: Home) -> Path:
    return home.path / "knative" / "store.db"
