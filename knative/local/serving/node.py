"""What every pod of this machine shares: the store, the images, the ways to start a process, the sandbox there is, who takes the logs."""

import asyncio
import hashlib
import json
import logging
import os
import signal
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from knative.local.images import PLATFORM, PROJECT, Images
from knative.local.images.handover import HandOver
from knative.local.images.keeper import Keeper
from knative.local.images.migration import Migration
from knative.local.launcher import Launcher
from knative.local.objects import Object
from knative.local.processes import Command, Process, Reach, Unstartable, send, start_time
from knative.local.processes_limits import Group, Groups, Limits
from knative.local.processes_network import RESOLVER, Unconnected, connect
from knative.local.processes_zygote import Zygote, can_fork
from knative.local.sandbox import seccomp
from knative.local.sandbox.disks import Disks, attached
from knative.local.sandbox.identities import USER, Identities
from knative.local.sandbox.isolation import Abilities, Isolation, abilities, become_subreaper, standing
from knative.local.sandbox.plan import Mount, make_etc, system_mounts
from knative.local.serving.confined import ConfinedPrograms
from knative.local.serving.environment import Missing
from knative.local.serving.platform_view import PlatformView, platform_mounts, unreadable
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

    def add_lines(self, pod_object: Object, stream: str, lines: list[str]) -> None: ...

    def add_request(self, service_object: Object, revision: str, status: int, seconds: float) -> None: ...


Queues = Callable[[str, str], Sequence[Any]]
"""(namespace, Service) → the queues of its Triggers"""


class Node:
    def __init__(self, store: Store, settings: Settings, tokens: Tokens, authority: Path) -> None:
        self.store = store
        self.settings = settings
        self.trash = Trash(settings.state / "trash")
        self.images = Images(settings.state, self.trash)
        self.keeper = Keeper(self.images, store, settings.state)
        self.programs = ConfinedPrograms(self)
        self.hand_over = HandOver(self.images, self.keeper, self.programs)
        self.migration = Migration(self.images, self.hand_over, store, settings.state)
        self.pods = settings.state / "pods"
        self.caches = settings.state / "caches"
        self.collector: Collector | None = None
        self.queues: Queues = lambda namespace, service: ()
        self.refusal: Callable[[Object], str | None] = lambda pod: None
        """Why a tenant's pod may not start now (`eviction`)."""
        self._tokens = tokens
        self._authority = authority
        self.abilities = Abilities(Isolation.NONE, has_disks=False, has_filter=False, has_mapped_mounts=False, has_overlay=False)
        self.networks = False
        """Whether tenants have networks of their own."""
        self.ways = Ways()
        self.identities = Identities(settings.state / "identities")
        self.disks = Disks(settings.state / "disk-templates")
        self.filter: bytes | None = None
        self.resolver = settings.state / "skeleton" / "resolv.conf"
        """Of containers with a network of their own."""
        self._etc = settings.state / "skeleton" / "etc"
        self.view: PlatformView | None = None
        """Of the platform's own processes, when root starts them."""
        self.launcher = Launcher()
        self.zygote = Zygote(settings.home / "log" / "zygote.log", self.launcher)
        self._warming: asyncio.Task[None] | None = None
        self._caching: dict[str, str] = {}
        """Namespace → uid of the build that has its cache."""
        self._groups: Groups | None = None
        self._own_groups: Groups | None = None
        """Of the platform's functions, beside those of tenants."""

    @property
    def isolation(self) -> Isolation:
        return self.abilities.isolation

    def open(self) -> None:
        """Tries what this machine allows, and ends what a former run left."""
        become_subreaper()
        self.abilities = abilities(self.settings.state)
        self.filter = seccomp.compile_filter() if self.abilities.has_filter else None
        lacking = self._try_networks()
        name = f"capsule-{hashlib.sha256(str(self.settings.home).encode()).hexdigest()[:10]}"
        self._groups, self._own_groups = Groups(name), Groups(f"{name}-own", OWN_WEIGHT)
        found = standing(self.abilities, lacking, self._groups.available)
        (self.settings.state / "isolation").write_text(found.words + "\n")  # for `up` and `status`
        (log.info if found.whole else log.warning)("%s", found.words)
        self.pods.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_etc(self._etc)
        self.resolver.write_text(RESOLVER)
        self.resolver.chmod(0o644)
        self._end_leftovers()
        self.identities.open(lambda owner: (self.pods / owner).is_dir())
        self.trash.on_empty = self.identities.free_retired
        for folder in self.settings.shared_folders:
            folder.mkdir(parents=True, exist_ok=True)
        self._forget_caches_after_boot()
        if self.isolation is Isolation.ROOT:
            self._open_view()

    def _open_view(self) -> None:
        """For processes of the platform: where they write, and that the group of all of them may. Raises OSError when they could not read the
        code."""
        if (closed := unreadable()) is not None:
            raise PermissionError(f"{closed} is not readable by other users, and functions do not run as root: chmod -R a+rX {PROJECT}")
        own = [self.pods / namespace for namespace in PLATFORM_NAMESPACES]
        for folder in own:
            folder.mkdir(exist_ok=True, mode=0o711)
        for folder in self.settings.shared_folders:
            share(folder, self.identities.platform_group)
        groups = [] if self._own_groups is None else self._own_groups.parents
        writable = [*own, *self.settings.shared_folders, *groups]
        self.view = PlatformView(
            self.settings.home, self.settings.state / "view", self.identities, writable, self.settings.readable_folders, self.filter
        )
        self.zygote.view = self.view.sandbox(None, None)

    def _forget_caches_after_boot(self) -> None:
        """A cache whose disk was not unmounted may be damaged; nothing in it is missed."""
        record = self.caches / "boot"
        if not record.exists() or record.read_text() != boot():
            self.trash.throw(self.caches)
        self.caches.mkdir(exist_ok=True, mode=0o700)
        record.write_text(boot())

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

    @property
    def platform_group(self) -> int | None:
        return self.view.group if self.view else None

    def platform_user(self, pod: Object) -> int | None:
        """As whom a pod of the platform runs; None: as whoever runs us, who is not root."""
        return self.view.user(pod) if self.view else None

    def viewed(self, command: Command) -> Command:
        """A command of the platform's with its view of the file system, unless the warmed parent, which has it, forks it."""
        return command if self.view is None or can_fork(command) else self.view.contained(command)

    def system_mounts(self) -> tuple[list[Mount], list[tuple[str, str]]]:
        """What every tenant's container sees of this machine."""
        return system_mounts(self._etc)

    def platform_mounts(self) -> list[Mount]:
        """What a build and other users of the platform's image see beside that."""
        return platform_mounts(self.settings.home)

    def cache_for(self, namespace: str, pod_uid: str) -> Path | None:
        """The cache of an application's builds (with disks an image, else a folder) while no other build has it; None: this build has none."""
        if self.isolation is Isolation.ROOT and not self.abilities.has_mapped_mounts:
            return None
        if self._caching.setdefault(namespace, pod_uid) != pod_uid:
            return None
        place = self.caches / (f"{namespace}.img" if self.abilities.has_disks else namespace)
        if not self.abilities.has_disks:
            place.mkdir(exist_ok=True, mode=0o700)
            if self.isolation is Isolation.ROOT:
                os.chown(place, USER, USER)
        return None if attached([place]) else place

    def release_cache(self, namespace: str, pod_uid: str) -> None:
        if self._caching.get(namespace) == pod_uid:
            del self._caching[namespace]

    def unused_caches(self) -> list[Path]:
        """Of applications none of whose builds runs now."""
        return [each for each in self.caches.glob("*") if each.name != "boot" and each.name.removesuffix(".img") not in self._caching]

    def forget_cache(self, namespace: str) -> None:
        """Its application was deleted."""
        for place in (self.caches / namespace, self.caches / f"{namespace}.img"):
            self.trash.throw(place)

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
                command = self.view.contained(command) if self.view else command
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
        pid, started, reach = process.pid, process.started, process.reach
        if process.inner is not None:
            pid, started, reach = process.inner.pid, process.inner.started, Reach.INIT
        (folder / "process.json").write_text(json.dumps({"pid": pid, "started": started, "boot": boot(), "reach": reach.name}))

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
                send(os.kill if said.get("reach") == Reach.INIT.name else os.killpg, pid, signal.SIGKILL)
        for groups in self._all_groups():
            for group in groups.leftovers():
                group.kill()
                group.remove()


def share(folder: Path, group: int) -> None:
    """What is in a folder of `up`'s belongs to the platform's group too. The folder is this machine's own: no tenant writes there."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in (folder, *folder.rglob("*")):
        about = place.lstat()
        if not stat.S_ISLNK(about.st_mode) and about.st_gid != group:
            os.chown(place, -1, group, follow_symlinks=False)
            place.chmod(stat.S_IMODE(about.st_mode) | (0o2070 if stat.S_ISDIR(about.st_mode) else 0o060))


def boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
