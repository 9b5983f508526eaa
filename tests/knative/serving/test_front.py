"""The front waits for functions that were awake only where requests may have waited since a former process closed its own."""

import asyncio
from pathlib import Path
from typing import cast

from knative.local.serving.front import Front
from knative.local.serving.ingress import Ingress
from knative.local.serving.revisions import Revisions


class Parts:
    """An ingress and revisions that record what is called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.is_awake = False

    def wake_functions(self) -> None:
        self.calls.append("wake")

    def are_functions_awake(self) -> bool:
        return self.is_awake

    def open_host_ports(self) -> None:
        self.calls.append("open")

    async def start(self) -> None:
        self.calls.append("accept")


def front(parts: Parts, folder: Path, has_backlog: bool) -> Front:
    return Front(cast(Ingress, parts), cast(Revisions, parts), lambda: True, folder, has_backlog)


async def test_a_first_process_accepts_at_once(tmp_path: Path) -> None:
    parts = Parts()
    await front(parts, tmp_path, has_backlog=False).start()
    assert parts.calls == ["wake", "open", "accept"]


async def test_a_successor_waits_for_the_functions_that_were_awake(tmp_path: Path) -> None:
    parts = Parts()
    starting = asyncio.create_task(front(parts, tmp_path, has_backlog=True).start())
    await asyncio.sleep(0.1)
    assert parts.calls == ["wake"]
    parts.is_awake = True
    await starting
    assert parts.calls == ["wake", "open", "accept"]
