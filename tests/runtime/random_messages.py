"""Random messages for functions of the probe context, and random groups of them that arrive at the same time."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.runtime.messages import message, request


@dataclass(frozen=True, eq=False)
class Incoming:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> tuple[str, str]:
        """The same for repeated messages."""
        return self.path, self.headers["id"]


def incoming(seed: random.Random, number: int, tokens: Sequence[str], sealed: str) -> list[Incoming]:
    """Random messages: commands that succeed, are rejected, fail; events that are new, old, early; repeated ones; ended sessions."""
    made: list[Incoming] = []

    def uuid() -> str:
        return f"{seed.getrandbits(128):032x}"

    def add(path: str, headers: dict[str, str], **document: Any) -> None:
        made.append(Incoming(path, headers, json.dumps(document).encode()))

    def rename() -> None:
        how = seed.choices(["", "keep", "twice", "break", "away"], [30, 3, 3, 1, 1])[0]
        headers = request("probe.rename", uuid(), correlationid=uuid())
        add("probe.rename", headers, account=seed.choice("abcd"), name=seed.choice(["x", "y", "z", "u", "v"]), how=how)

    def deposit() -> None:
        how = seed.choices(["", "refuse", "keep", "break"], [20, 5, 3, 1])[0]
        add("probe.deposit", request("probe.deposit", uuid(), correlationid=uuid()), account=seed.choice("abc"), cents=seed.randrange(1000), how=how)

    def renamed() -> None:
        account = seed.choice("abc")
        headers = message("probe.renamed", uuid(), subject=account, sequence=str(seed.randrange(1, 9)), correlationid="c")
        add(seed.choice(["probe.on_renamed", "probe.on_renamed_recall"]), headers, account=account, name=seed.choice("xyz"))

    def deposited() -> None:
        event = message("probe.deposited", uuid(), correlationid="c")
        add("probe.on_deposited", event, depositId=f"{seed.getrandbits(128):032x}", account="a", cents=1)

    def noted() -> None:
        add("probe.on_noted", message("probe.noted", uuid(), correlationid="c"), depositId=f"{seed.getrandbits(128):032x}", account="a")

    def enter() -> None:
        add("probe.enter", request("probe.enter", uuid(), correlationid=uuid(), token=seed.choice(tokens)), password=sealed)

    def again() -> None:
        if made:
            earlier = seed.choice(made)
            body = earlier.body if seed.random() < 0.7 or "replyto" not in earlier.headers else earlier.body.replace(b'"how": ""', b'"how": "other"')
            headers = {**earlier.headers, **({"correlationid": uuid()} if "replyto" in earlier.headers else {})}
            made.append(Incoming(earlier.path, headers, body))

    while len(made) < number:
        seed.choices([rename, deposit, renamed, deposited, noted, enter, again], [8, 6, 6, 3, 4, 2, 3])[0]()
    return made


def partition(seed: random.Random, messages: Sequence[Incoming]) -> list[Sequence[Incoming]]:
    """Cut the messages into groups that arrive at the same time."""
    groups, start = [], 0
    while start < len(messages):
        size = seed.choice([1, 2, 3, 5, 8, 16, 24])
        groups.append(messages[start : start + size])
        start += size
    return groups
