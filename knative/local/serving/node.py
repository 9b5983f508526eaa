"""What every pod of this machine shares: the store, the images, the ways to start a process, the sandbox there is, who takes the logs."""

import asyncio
import hashlib
import json
import logging
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from knative.local.images import PLATFORM, Images
from knative.local.images.handover import HandOver
from knative.local.images.keeper import Keeper
from knative.local.images.migration import Migration
from knative.local.images.plain import PlainRunner
from knative.local.objects import Object
from knative.local.processes import Command, Launcher, Process, Unstartable, send, start_time
from knative.local.processes_limits import Group, Groups, Limits
from knative.local.processes_network import Unconnected, connect
from knative.local.processes_sandbox import Isolation, detect, standing
from knative.local.processes_zygote import Zygote, can_fork
from knative.local.serving.environment import Missing
from knative.local.serving.pod_network import Ways
from knative.local.settings import Settings
from knative.local.store import Store
from knative.local.tokens import LONGEST_SECONDS, Tokens, write_kubeconfig
from knative.local.trash import Trash

log = logging.getLogger(__name__)

PLATFORM_NAMESPACES = frozenset({"capsule"})
PUSH = "local.capsule.dev/push"
OWN_WEIGHT = 8
"""What the platform's functions weigh together on a busy machine, in processes."""


class Collector(Protocol):
    """What eventing gives: cheap, synchronous, buffered."""

    def lines(self, pod_object: Object, stream: str, lines: list[str]) -> None: ...

    def request(self, service_object: Object, revision: str, status: int, seconds: float) -> None: ...


Queues = Callable[[str, str], Sequence[Any]]
"""(namespace, Service) → the queues of its Triggers"""


class Node:
    def __init__(self, store: Store, settings: Settings, tokens: Tokens, authority: Path) -> None:
        self.store = store
        self.settings = settings
        self.trash = Trash(settings.state / "trash")
        self.images = Images(settings.state, self.trash)
        self.keeper = Keeper(self.images, store, settings.state)
        self.hand_over = HandOver(self.images, self.keeper, PlainRunner())
        self.migration = Migration(self.images, self.hand_over, store, settings.state)
        self.pods = settings.state / "pods"
        self.caches = settings.state / "caches"
        self.collector: Collector | None = None
        self.queues: Queues = lambda namespace, service: ()
        self._tokens = tokens
        self._authority = authority
        self.isolation = Isolation.NONE
        self.networks = False
        """Whether tenants have networks of their own."""
        self.ways = Ways()
        self.zygote = Zygote(settings.home / "log" / "zygote.log")
        self.launcher = Launcher()
        self._warming: asyncio.Task[None] | None = None
        self._groups: Groups | None = None
        self._own_groups: Groups | None = None
        """Of the platform's functions, beside those of tenants."""

    def open(self) -> None:
        """Tries what this machine allows, and ends what a former run left."""
        self.isolation = detect()
        lacking = self._try_networks()
        name = f"capsule-{hashlib.sha256(str(self.settings.home).encode()).hexdigest()[:10]}"
        self._groups, self._own_groups = Groups(name), Groups(f"{name}-own", OWN_WEIGHT)
        said = standing(self.isolation, lacking, self._groups.available)
        (self.settings.state / "isolation").write_text(said.words + "\n")  # for `up` and `status`
        (log.info if said.whole else log.warning)("%s", said.words)
        self.pods.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._end_leftovers()

    def _try_networks(self) -> str:
        """ "" when they work, else why not. By making one: a policy or a container around us may forbid it."""
        if self.isolation is Isolation.NONE:
            return "there is no sandbox"

        async def trial() -> None:
            await (await connect(self.isolation)).close()

        try:
            asyncio.run(trial())
        except Unconnected as error:
            return str(error)
        self.networks = True
        return ""

    def close(self) -> None:
        for groups in self._all_groups():
            groups.remove()

    def trusts(self, pod: Object, platform_image: bool) -> bool:
        """Only the platform's own image in the platform's own namespace, and no build, runs without a sandbox."""
        metadata = pod["metadata"]
        return platform_image and metadata["namespace"] in PLATFORM_NAMESPACES and not self.is_build(pod)

    def is_build(self, pod: Object) -> bool:
        return PUSH in (pod["metadata"].get("annotations") or {})

    def give_access(self, path: Path, pod: Object, account: str) -> None:
        """A kubeconfig with the account's token, good as long as the pod is there."""
        namespace = pod["metadata"]["namespace"]
        known = self.store.find("ServiceAccount", namespace, account)
        if known is None:
            raise Missing(f'serviceaccount "{account}" not found')
        token, _ = self._tokens.issue(known, LONGEST_SECONDS, pod)
        path.unlink(missing_ok=True)
        write_kubeconfig(path, self.settings, self._authority.read_bytes(), token, account, namespace)

    def group(self, name: str, limits: Limits, trusted: bool) -> Group | None:
        groups = self._own_groups if trusted else self._groups
        return groups.make(name, limits) if groups else None

    def _all_groups(self) -> list[Groups]:
        return [groups for groups in (self._groups, self._own_groups) if groups is not None]

    async def start(self, command: Command, stdout: int, stderr: int) -> Process:
        if can_fork(command):
            try:
                return await self.zygote.start(command, stdout, stderr)
            except Unstartable as error:
                log.warning("%s; a pod is started without it", error)
        return await self.launcher.start(command, stdout, stderr)

    def expect(self, revision: Object) -> None:
        """There will be pods of the platform: its warmed parent is made ready before the first of them is in a hurry."""
        image = revision["spec"]["containers"][0]["image"]
        if self.zygote.pid is None and self._warming is None and image.startswith(PLATFORM) and self.trusts(revision, True):
            self._warming = asyncio.create_task(self._warm(), name="warm the zygote")

    async def _warm(self) -> None:
        try:
            await self.zygote.ready()
        except Unstartable as error:
            log.warning("%s; pods are started without it", error)

    def remember(self, folder: Path, process: Process) -> None:
        """So that another run finds it, if this one is killed."""
        (folder / "process.json").write_text(json.dumps({"pid": process.pid, "started": process.started, "boot": boot()}))

    def _end_leftovers(self) -> None:
        """kill -9 of this program leaves pods running; they are ended by pid and start time, never by pid alone."""
        for record in self.pods.glob("*/*/process.json"):
            try:
                said = json.loads(record.read_text())
            except ValueError:  # cut short by the same death
                said = {}
            pid = said.get("pid", 0)
            if pid and said.get("boot") == boot() and start_time(pid) == said.get("started"):
                log.info("ending process %d, left by a former run (%s)", pid, record.parent.name)
                send(os.killpg, pid, signal.SIGKILL)
        for groups in self._all_groups():
            for group in groups.leftovers():
                group.kill()
                group.remove()


def boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
