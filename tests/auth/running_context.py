"""The auth context in its own process, and a client that sends requests as the gateway does."""

import json
import mailbox
import re
import uuid
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pika

from events.auth import EmailVerificationRequested, RegistrationRepeated, UserCreated
from functions.runtime.config.settings import Settings
from functions.runtime.messaging.exchanges import EVENTS, REPLIES
from functions.runtime.security import encryption, tokens
from functions.runtime.serving import topology
from tests.runtime.harness import Worker, World, until
from tests.runtime.messages import request

HANDLED_TYPES = (UserCreated.type, RegistrationRepeated.type, EmailVerificationRequested.type)
PASSWORD = "correct horse battery staple"


class AuthWorld(World):
    def prepare(self) -> None:
        private, signing = encryption.new_private_keys(), tokens.new_signing_jwks()
        self._mount("etc/capsule/sealing/keys.json", private)
        self._mount("etc/capsule/sealing-public/auth.json", encryption.public_key(private))
        self._mount("etc/capsule/signing/jwks.json", signing)
        self._mount("etc/capsule/jwks/jwks.json", tokens.public_jwks(signing))
        self.sealer = encryption.Sealer(Settings({"CAPSULE_ROOT": str(self.folder)}))
        with pika.BlockingConnection(pika.URLParameters(self.amqp)) as connection:
            channel = connection.channel()
            topology.declare_exchanges(channel)
            for queue in ("functions", "replies", "events"):
                channel.queue_declare(queue, durable=True)
            for type in HANDLED_TYPES:
                channel.queue_bind("functions", EVENTS, type)
            channel.queue_bind("events", EVENTS, "#")
            channel.queue_bind("replies", REPLIES, "replies")

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "CAPSULE_FUNCTION": "auth.*",
            "CAPSULE_AUTH_DATABASE_URL": self.database,
            "CAPSULE_MAIL_URL": f"maildir://{self.folder}/mail",
        }

    def mails(self, to: str) -> list[str]:
        folder = self.folder / "mail"
        if not (folder / "cur").exists():
            return []
        mails = [message_from_bytes(mail.as_bytes(), policy=policy.default) for mail in mailbox.Maildir(folder, create=False)]
        return [body.get_content() for mail in mails if mail["To"] == to and (body := mail.get_body(("plain",)))]

    def take_events(self) -> list[dict[str, Any]]:
        """Events published since the last call."""
        events = []
        while message := self.take("events"):
            events.append({"type": message[0]["type"], **json.loads(message[1])})
        return events


class Visitor:
    """A user without an account yet. Sends commands and queries as the gateway does."""

    def __init__(self, world: AuthWorld, worker: Worker) -> None:
        self.world, self.worker = world, worker
        self.email = f"{uuid.uuid4().hex}@example.org"

    def call(self, function: str, bearer: str = "", id: str | None = None, **body: str) -> tuple[int, Any]:
        for secret in ("password", "token", "refreshToken"):
            if secret in body:
                body[secret] = self.world.sealer.seal("auth", body[secret])
        headers = request(f"auth.{function}", id, remote="203.0.113.7", useragent="pytest", **({"token": bearer} if bearer else {}))
        assert self.worker.post(headers, json.dumps(body).encode(), f"/auth.{function}") == 204
        reply, answer = self.world.reply(headers["correlationid"])
        return int(reply["status"]), answer

    def register(self, password: str = PASSWORD) -> tuple[int, Any]:
        return self.call("register", email=self.email, password=password)

    def login(self, password: str = PASSWORD) -> tuple[int, Any]:
        return self.call("login", email=self.email, password=password)

    def mailed_token(self, number: int = 1) -> str:
        mails = until(lambda: len(mails := self.world.mails(self.email)) >= number and mails, why="for the e-mail")
        match = re.search(r"/verify\?token=([^\s']+)", mails[-1])
        assert match
        return match[1]

    def verified(self) -> "Visitor":
        assert self.register()[0] == 202
        assert self.call("verify_email", token=self.mailed_token(), password=PASSWORD)[0] == 200
        return self


def auth_worlds(postgres: Any, rabbitmq: Any, folder: Path) -> Iterator[AuthWorld]:
    database = postgres.database("auth")
    world = AuthWorld(database.functions_url, database.owner_url, rabbitmq.vhost(), folder)
    world.prepare()
    yield world
    world.close()
