"""A pod's container made ready to start: its files laid out, its environment worked out, its sandbox planned.

Nothing of the platform's process is inherited. A container with a file system of its own finds volumes at their paths; one without (single-tenant
mode, the platform's own) finds them under CAPSULE_ROOT."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.local.images import MOUNT, Image
from knative.local.objects import Object
from knative.local.processes import Command
from knative.local.processes_limits import Group, Limits
from knative.local.processes_network import Network
from knative.local.sandbox.identities import USER, Identity
from knative.local.sandbox.isolation import Isolation, init_program
from knative.local.sandbox.plan import Mount, Sandbox, arranged
from knative.local.serving import volumes
from knative.local.serving.environment import Find, expand_all, resolve
from knative.local.serving.node import Node
from knative.local.serving.pod_limits import Allowance, largest
from knative.local.serving.volumes import Mounted
from knative.local.serving.writable import HOME, TERMINATION_LOG, Places, Writable

KUBECONFIG = "/run/secrets/capsule/kubeconfig"
CACHE = "local.capsule.dev/cache"
"""Annotation of a build's template: the emptyDir that is kept for the next build."""
OWN_FOLDERS = ("root", "volumes", "sandbox", "tmp", "home", "disks", "writable")


@dataclass(frozen=True, slots=True)
class Prepared:
    command: Command
    group: Group | None
    termination: Path | None
    """A file of this machine with the container's last words; None: `last_words` is its path inside."""
    last_words: str
    limits: Limits
    allowed: Sequence[Allowance]
    """What is watched of its disk; empty for the platform's own, and where the kernel refuses."""
    is_on_disks: bool = False


class Box:
    """A pod's folder, and what its container is given."""

    def __init__(self, node: Node, pod: Object) -> None:
        self._node = node
        self._pod = pod
        self.namespace, self.name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self.folder = node.pods / self.namespace / self.name
        self.container: Mapping[str, Any] = pod["spec"]["containers"][0]
        self.identity: Identity | None = None
        cache = (pod["metadata"].get("annotations") or {}).get(CACHE) if node.is_build(pod) else None
        self.places = Places(self.folder, pod["spec"], self.container, node.trash, cache and Path(cache).name)

    def boxed(self, image: Image) -> bool:
        return not self._node.trusts(self._pod, image.platform) and self._node.isolation is not Isolation.NONE

    def prepare(self, image: Image, given: Mapping[str, str], network: Network | None) -> Prepared:
        """Raises environment.Missing when something it needs is not there."""
        node, pod = self._node, self._pod
        boxed = self.boxed(image)
        root = MOUNT if boxed and not image.platform else str(image.folder)
        image = image.placed(root)
        owner, uid = self._owner(boxed)
        on_disks = boxed and node.abilities.has_disks
        self._folders(owner if not boxed else None)
        mounted = self.fill(owner, on_disks)
        account = pod["spec"].get("serviceAccountName")
        access = account is not None and pod["spec"].get("automountServiceAccountToken", True)
        if access:
            kubeconfig = self.folder / "kubeconfig"
            node.give_access(kubeconfig, pod, account)
            if owner is not None:
                os.chown(kubeconfig, owner, owner)
            mounted.append(Mounted(kubeconfig, KUBECONFIG, False))
        limits = Limits.of(self.container, boxed, None if on_disks else largest(pod["spec"], self.container))
        group = node.group(pod["metadata"]["uid"], limits, trusted=not boxed)
        env = self._environment(image, given, boxed, access)
        words = self.container.get("command") or image.command
        argv = expand_all([*words, *(self.container.get("args") or [])], env)
        cwd = self.container.get("workingDir") or root
        rlimits = limits.rlimits(boxed, group is not None)
        paths = group.paths if group else ()
        last_words = str(self.container.get("terminationMessagePath", TERMINATION_LOG))
        if not boxed:
            return self._trusted(Command(argv, env, cwd, rlimits, paths, uid=uid, gid=node.platform_group), group, limits, mounted, last_words, owner)
        writable = self._writable(mounted, on_disks)
        sandbox = self._sandbox(image, mounted, writable, network)
        command = Command(argv, env, cwd, rlimits, paths, sandbox)
        return Prepared(command, group, writable.termination, last_words, limits, writable.allowed, on_disks)

    def _owner(self, boxed: bool) -> tuple[int | None, int | None]:
        """(whose its files are on this machine, as whom a process of the platform runs); None: whoever runs us."""
        node = self._node
        if node.isolation is not Isolation.ROOT:
            return None, None
        if not boxed:
            user = node.platform_user(self._pod)
            return user, user
        if self.identity is None:
            self.identity = node.identities.allocate(f"{self.namespace}/{self.name}")
        return self.identity.user, None

    def _trusted(self, command: Command, group: Group | None, limits: Limits, mounted: list[Mounted], last_words: str, owner: int | None) -> Prepared:
        """The platform's own, which finds its volumes under CAPSULE_ROOT."""
        termination = self.folder / "termination-log"
        termination.write_bytes(b"")
        if owner is not None:
            os.chown(termination, owner, owner)
        volumes.link(self.folder / "root", [*mounted, Mounted(termination, last_words, True)])
        return Prepared(self._node.viewed(command), group, termination, last_words, limits, ())

    def _writable(self, mounted: list[Mounted], on_disks: bool) -> Writable:
        node = self._node
        if self.places.cache and self.places.kept is None:
            self.places.kept = node.cache_for(self.namespace, self._pod["metadata"]["uid"])
        if on_disks:
            return self.places.on_disks(node.disks, mounted)
        return self.places.in_folders(mounted, self.identity.user if self.identity else None, node.abilities.has_mapped_mounts)

    def _sandbox(self, image: Image, mounted: list[Mounted], writable: Writable, network: Network | None) -> Sandbox:
        node = self._node
        mounts, links = node.system_mounts()
        resolver = node.resolver if network is not None else Path(os.path.realpath("/etc/resolv.conf"))
        mounts.append(Mount(str(resolver), "/etc/resolv.conf"))
        if image.platform:
            mounts += node.platform_mounts()
        else:
            can_write = self.places.is_root_writable and node.abilities.has_overlay
            mounts.append(Mount(str(image.folder), MOUNT, mapped=node.abilities.has_mapped_mounts, overlay=can_write))
        mounts += [Mount(str(each.source), each.target) for each in mounted if each.volume is None]
        placed, links_placed = arranged([*mounts, *writable.mounts], links)
        overlay = None
        if writable.overlay is not None and not image.platform and self.places.is_root_writable and node.abilities.has_overlay:
            overlay = (str(image.folder), *writable.overlay[1:])
        return Sandbox(
            node.isolation,
            USER if self.identity else None,
            str(self.folder / "sandbox"),
            placed,
            links_placed,
            join=network.join if network is not None else (),
            identity=self.identity,
            disks=writable.disks,
            hostname=self.name,
            layer=writable.layer,
            overlay=overlay,
            filter=node.filter,
            init=init_program(),
        )

    def fill(self, owner: int | None, on_disks: bool) -> list[Mounted]:
        """The volumes as they should be at a start."""
        return volumes.materialise(self.folder / "volumes", self._pod["spec"], self.container, self._pod, self.find(), owner, on_disks)

    def refresh(self, image: Image) -> None:
        """A Secret or ConfigMap changed. Raises environment.Missing when one is not there any more."""
        volumes.rewrite(self.folder / "volumes", self._pod["spec"], self._pod, self.find(), self._owner(self.boxed(image))[0])

    def find(self) -> Find:
        return lambda kind, name: self._node.store.find(kind, self.namespace, name)

    def references(self) -> set[tuple[str, str]]:
        return volumes.references(self._pod["spec"].get("volumes") or [])

    def volume_at(self, path: str) -> tuple[Path, str] | None:
        """The volume that holds a path: its folder on this machine and where the container sees it. None when the path is in none."""
        for mount in self.container.get("volumeMounts") or []:
            target = mount["mountPath"].rstrip("/")
            if path.startswith(target + "/"):
                return self.folder / "volumes" / mount["name"], target
        return None

    def release(self) -> None:
        """Its container will not be started again: its identity is retired, the cache of its application is free."""
        if self.identity is not None:
            self._node.identities.retire(self.identity)
            self.identity = None
        self._node.release_cache(self.namespace, self._pod["metadata"]["uid"])

    def tidy(self, keep_log: bool) -> None:
        """Into the trash: all of it, or all but its log."""
        if not keep_log:
            self._node.trash.throw(self.folder)
            return
        for name in (*OWN_FOLDERS, "kubeconfig", "process.json", "termination-log"):
            self._node.trash.throw(self.folder / name)

    def _folders(self, owner: int | None) -> None:
        """`owner`: of a process of the platform, which is to reach what is its own."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("root", "volumes", "sandbox", "tmp", "home"):
            (self.folder / name).mkdir(exist_ok=True, mode=0o700)
        if owner is not None:
            for place in (self.folder, *(self.folder / name for name in ("root", "volumes", "tmp", "home"))):
                os.chown(place, owner, owner)

    def _environment(self, image: Image, given: Mapping[str, str], boxed: bool, access: bool) -> dict[str, str]:
        root = self.folder / "root"
        basis = {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "HOSTNAME": self.name}
        basis |= {"HOME": HOME, "TMPDIR": "/tmp"} if boxed else {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}
        basis |= image.env
        env = resolve(self.container, self._pod, self.find(), {**basis, **given})
        if not boxed:
            env["CAPSULE_ROOT"] = str(root)
        if access:
            env["KUBECONFIG"] = KUBECONFIG if boxed else str(root) + KUBECONFIG
        return env
