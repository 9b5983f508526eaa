"""What all pods of this machine share: the store, the images, the sandbox that this machine allows, and the ways to start a process."""

import asyncio
import logging
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from knative.local.images import PLATFORM, PROJECT, Images
from knative.local.images.garbage_collection import ImageGarbageCollector
from knative.local.images.handover import HandOver
from knative.local.images.migration import Migration
from knative.local.objects import Object
from knative.local.processes.control_groups import ControlGroup, ControlGroups, group_names
from knative.local.processes.launcher import Launcher
from knative.local.processes.network.namespaces import RESOLV_CONF, NetworkSetupError, create_network
from knative.local.processes.process import Command, Process, StartError
from knative.local.processes.resource_limits import ResourceLimits
from knative.local.processes.zygote import Zygote, can_fork
from knative.local.sandbox import seccomp
from knative.local.sandbox.disks import Disks
from knative.local.sandbox.identities import Identities
from knative.local.sandbox.isolation import Abilities, become_subreaper, detect_abilities, report_isolation
from knative.local.sandbox.plan import Isolation, Mount, make_etc, system_mounts
from knative.local.serving.build_caches import BuildCaches
from knative.local.serving.confined_programs import ConfinedPrograms
from knative.local.serving.platform_view import PlatformView, find_unreadable, platform_mounts
from knative.local.serving.pods.environment import MissingReference
from knative.local.serving.pods.network import PodNetworks
from knative.local.serving.postgres_services import PostgresFront, commands
from knative.local.serving.process_records import ProcessRecords
from knative.local.serving.redis_services import RedisFront
from knative.local.settings import Settings
from knative.local.store import Store
from knative.local.tokens import MAX_TOKEN_SECONDS, Tokens, write_kubeconfig
from knative.local.trash import Trash
from knative.local.volumes.attachments import Volumes

log = logging.getLogger(__name__)

PLATFORM_NAMESPACES = frozenset({"capsule"})
PUSH = "local.capsule.dev/push"
"""Annotation of a build's pod: the path of its image."""
INSPECTION = "local.capsule.dev/inspection"
"""Annotation of the pod that plans a build: it has a build's sandbox and makes no image."""
DOCKERFILES = "local.capsule.dev/dockerfiles"
"""Annotation of a build's pod whose program builds Dockerfiles and runs everything else of a tenant as an ordinary user: allowed."""
PLATFORM_WEIGHT = 8
"""CPU weight of the platform's functions together on a busy machine, in processes."""

SERVICES_WEIGHT = 8
"""CPU weight of the servers of data services together, in processes: beside those of the server that databases share, and all instances."""


class Collector(Protocol):
    """Receives what eventing publishes about pods and requests. Calls do not block."""

    def add_lines(self, pod_object: Object, stream: str, lines: list[str]) -> None: ...

    def add_request(self, service_object: Object, revision: str, status: int, seconds: float) -> None: ...


Queues = Callable[[str, str], Sequence[Any]]
"""(namespace, Service) → the queues of its Triggers."""


class Node:
    def __init__(self, store: Store, settings: Settings, tokens: Tokens, authority: Path) -> None:
        """`authority`: the certificate of the API's authority."""
        self.store = store
        self.settings = settings
        self.trash = Trash(settings.state / "trash")
        self.images = Images(settings.state, self.trash)
        self.image_collector = ImageGarbageCollector(self.images, store, settings.state)
        self.programs = ConfinedPrograms(self, settings.state / "programs")
        self.hand_over = HandOver(self.images, self.image_collector, self.programs)
        self.migration = Migration(self.images, self.hand_over, store, settings.state)
        self.pods_folder = settings.state / "pods"
        self.process_records = ProcessRecords(self.pods_folder)
        self.build_caches = BuildCaches(settings.state / "caches", self.trash)
        self.volumes = Volumes(store, settings.state, self.trash)
        self.collector: Collector | None = None
        self.queues: Queues = lambda namespace, service: ()
        self.start_refusal: Callable[[Object], str | None] = lambda pod: None
        """Returns why a tenant's pod may not start now (`eviction`); None when it may."""
        self._tokens = tokens
        self._authority = authority
        self.abilities = Abilities(Isolation.NONE, has_disks=False, has_filter=False, has_mapped_mounts=False, has_overlay=False)
        self.has_networks = False
        """Whether tenants' pods have networks of their own."""
        self.pod_networks = PodNetworks()
        self.identities = Identities(settings.state / "identities")
        self.disks = Disks(settings.state / "disk-templates")
        self.filter: bytes | None = None
        """The system call filter of containers."""
        self.mounting_filter: bytes | None = None
        """That of builds of Dockerfiles."""
        self.resolv_conf = settings.state / "skeleton" / "resolv.conf"
        """Of containers with a network of their own."""
        self._etc = settings.state / "skeleton" / "etc"
        self.platform_view: PlatformView | None = None
        """Of the platform's own processes, when root starts them."""
        self.launcher = Launcher()
        self.zygote = Zygote(settings.home / "log" / "zygote.log", self.launcher, PROJECT, settings.preload_modules, settings.rehearsal)

        def create_group(name: str, limits: ResourceLimits) -> ControlGroup | None:
            return self._service_groups.create(name, limits) if self._service_groups else None

        self.postgres_services = PostgresFront(
            settings.home / "services-dedicated",
            settings.services_dedicated_port,
            settings.services_postgres_port,
            self.launcher.start,
            create_group,
        )
        self.redis_services = RedisFront(
            settings.home / "services-redis",
            settings.services_redis_port,
            settings.services_redis_password,
            self.launcher.start,
            create_group,
            {commands.NAME: self.postgres_services.answer},
        )
        self._preloading: asyncio.Task[None] | None = None
        self._tenant_groups: ControlGroups | None = None
        self._platform_groups: ControlGroups | None = None
        self._service_groups: ControlGroups | None = None

    @property
    def isolation(self) -> Isolation:
        return self.abilities.isolation

    def open(self) -> None:
        """Detect what this machine allows, and end what a previous run left.

        Blocking; call it once, before the first pod.
        """
        become_subreaper()
        self.abilities = detect_abilities(self.settings.state)
        self.filter = seccomp.compile_filter() if self.abilities.has_filter else None
        network_error = self._try_network()
        self.mounting_filter = seccomp.compile_filter(allows_mounts=True) if self.abilities.has_own_roots else None
        self.has_networks = not network_error
        tenants, platform, services = group_names(self.settings.home)
        self._service_groups = ControlGroups(services, SERVICES_WEIGHT)
        self._tenant_groups, self._platform_groups = ControlGroups(tenants), ControlGroups(platform, PLATFORM_WEIGHT)
        report = report_isolation(self.abilities, network_error, self._tenant_groups.are_available)
        (self.settings.state / "isolation").write_text(report.text + "\n")  # for `up` and `status`
        (log.info if report.is_complete else log.warning)("%s", report.text)
        self.pods_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_etc(self._etc)
        self.resolv_conf.write_text(RESOLV_CONF)
        self.resolv_conf.chmod(0o644)
        self.process_records.end_leftovers(self._all_groups())
        self.identities.open(lambda owner: (self.pods_folder / owner).is_dir())
        self.trash.on_empty = self.identities.free_retired
        for folder in self.settings.shared_folders:
            folder.mkdir(parents=True, exist_ok=True)
        self.build_caches.open(self.abilities)
        self.volumes.open(self.abilities)
        if self.isolation is Isolation.ROOT:
            self._open_platform_view()

    def _open_platform_view(self) -> None:
        """Give the platform's processes their folders.

        Raises PermissionError when they could not read the project's code.
        """
        if (unreadable := find_unreadable()) is not None:
            raise PermissionError(f"{unreadable} is not readable by other users, and functions do not run as root: chmod -R a+rX {PROJECT}")
        folders = [self.pods_folder / namespace for namespace in PLATFORM_NAMESPACES]
        for folder in folders:
            folder.mkdir(exist_ok=True, mode=0o711)
        for folder in self.settings.shared_folders:
            share_folder(folder, self.identities.platform_group)
        groups = [] if self._platform_groups is None else self._platform_groups.parents
        writable = [*folders, *self.settings.shared_folders, *groups]
        self.platform_view = PlatformView(
            self.settings.home, self.settings.state / "view", self.identities, writable, self.settings.readable_folders, self.filter
        )
        self.zygote.view = self.platform_view.sandbox(None, None)

    def _try_network(self) -> str:
        """Create a network, since a policy or a surrounding container may forbid it.

        Returns "" when it works, else why not.
        """
        if self.isolation is Isolation.NONE:
            return "there is no sandbox"

        async def trial() -> None:
            await (await create_network(self.isolation)).close()

        try:
            asyncio.run(trial())
        except NetworkSetupError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Remove the control groups with everything that is left in them, and unmount volumes. Blocking."""
        for groups in self._all_groups():
            groups.remove()
        self.volumes.close()

    def is_trusted(self, pod: Object, is_platform_image: bool) -> bool:
        """Return whether a pod runs without a sandbox: only the platform's own image in the platform's own namespace, and no build."""
        return is_platform_image and self.runs_platform(pod)

    def runs_platform(self, pod: Object) -> bool:
        """Return whether a pod is the platform's own and runs nothing of a tenant's."""
        return pod["metadata"]["namespace"] in PLATFORM_NAMESPACES and not self.is_build(pod)

    def is_build(self, pod: Object) -> bool:
        annotations = pod["metadata"].get("annotations") or {}
        return PUSH in annotations or INSPECTION in annotations

    def builds_images(self, pod: Object) -> bool:
        """Return whether a pod is a build whose sandbox allows builds of Dockerfiles: not if its BUILDER or an operator excludes them."""
        is_declared = (pod["metadata"].get("annotations") or {}).get(DOCKERFILES) == "allowed"
        if not (self.is_build(pod) and is_declared and self.abilities.has_own_roots and self.settings.allows_dockerfiles):
            return False
        variables = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0].get("env") or []}
        return variables.get("BUILDER") not in ("native", "buildpack")

    @property
    def platform_group(self) -> int | None:
        return self.platform_view.group if self.platform_view else None

    def platform_user(self, pod: Object) -> int | None:
        """Return the user of a pod of the platform; None: the user who runs the platform, who is not root."""
        return self.platform_view.user(pod) if self.platform_view else None

    def with_platform_view(self, command: Command) -> Command:
        """Return a platform command with its view of the file system. A fork of the zygote has that view already."""
        return command if self.platform_view is None or can_fork(command) else self.platform_view.contain(command)

    def system_mounts(self) -> tuple[list[Mount], list[tuple[str, str]]]:
        """Return the (mounts, links) of the system that every tenant's container sees."""
        return system_mounts(self._etc)

    def name_mounts(self) -> list[Mount]:
        """Return the mounts by which a container with a root of its own finds names."""
        return [Mount(str(self._etc / name), f"/etc/{name}") for name in ("hosts", "hostname")]

    def image_build_mounts(self) -> list[Mount]:
        """Return the additional mounts of a build of Dockerfiles.

        buildah shows RUN instructions a /sys, which is empty here, and the builder mounts a folder for large files at
        /var/tmp.
        """
        empty = self._etc.with_name("empty")
        empty.mkdir(exist_ok=True, mode=0o755)
        return [Mount(str(empty), "/sys"), Mount(str(empty), "/var/tmp")]

    def platform_mounts(self) -> list[Mount]:
        """Return the additional mounts of a container with the platform's image, such as a build."""
        return platform_mounts(self.settings.home)

    def write_kubeconfig(self, path: Path, pod: Object, account: str) -> None:
        """Write a kubeconfig with a token of a ServiceAccount, valid while the pod exists. Raises MissingReference."""
        namespace = pod["metadata"]["namespace"]
        object = self.store.find("ServiceAccount", namespace, account)
        if object is None:
            raise MissingReference(f'serviceaccount "{account}" not found')
        token, _ = self._tokens.issue(object, MAX_TOKEN_SECONDS, pod)
        path.unlink(missing_ok=True)
        write_kubeconfig(path, self.settings, self._authority.read_bytes(), token, account, namespace)

    def create_control_group(self, name: str, limits: ResourceLimits, is_trusted: bool) -> ControlGroup | None:
        groups = self._platform_groups if is_trusted else self._tenant_groups
        return groups.create(name, limits) if groups else None

    def _all_groups(self) -> list[ControlGroups]:
        return [groups for groups in (self._tenant_groups, self._platform_groups, self._service_groups) if groups is not None]

    async def start(self, command: Command, stdout: int, stderr: int) -> Process:
        """Start a container's process: a fork of the zygote if possible, else with the launcher. Raises StartError."""
        if can_fork(command):
            try:
                return await self.zygote.start(command, stdout, stderr)
            except StartError as error:
                log.warning("%s; starting a pod without it", error)
                command = self.platform_view.contain(command) if self.platform_view else command
        return await self.launcher.start(command, stdout, stderr)

    def preload_for(self, revision: Object) -> None:
        """Start the zygote in the background when a revision of the platform appears, before its first pod is needed."""
        image = revision["spec"]["containers"][0]["image"]
        if self.zygote.pid is None and self._preloading is None and image.startswith(PLATFORM) and self.is_trusted(revision, True):
            self._preloading = asyncio.create_task(self._preload(), name="preload the zygote")

    async def _preload(self) -> None:
        try:
            await self.zygote.ready()
        except StartError as error:
            log.warning("%s; pods start without it", error)


def share_folder(folder: Path, group: int) -> None:
    """Give a folder and its files to the platform's group.

    The folder belongs to this machine: no tenant writes there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for place in (folder, *folder.rglob("*")):
        about = place.lstat()
        if not stat.S_ISLNK(about.st_mode) and about.st_gid != group:
            os.chown(place, -1, group, follow_symlinks=False)
            place.chmod(stat.S_IMODE(about.st_mode) | (0o2070 if stat.S_ISDIR(about.st_mode) else 0o060))
