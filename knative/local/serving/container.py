"""A pod's container made ready to start: its files laid out, its environment worked out, its world bounded.

Nothing of ours is inherited. A process with a file system of its own finds volumes at their paths; one that shares ours finds them under
CAPSULE_ROOT.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.local.images import MOUNT, PROJECT, Image
from knative.local.objects import Object
from knative.local.processes import Command
from knative.local.processes_limits import Group, Limits
from knative.local.processes_network import RESOLVER, Network
from knative.local.processes_sandbox import Isolation, plan, uid_of
from knative.local.serving import volumes
from knative.local.serving.environment import Find, expand_all, resolve
from knative.local.serving.node import Node
from knative.local.serving.pod_limits import Allowance, allowances, largest
from knative.local.serving.volumes import Mounted

TERMINATION_LOG = "/dev/termination-log"
KUBECONFIG = "/run/secrets/capsule/kubeconfig"
HOME = "/home/app"
CACHE = "local.capsule.dev/cache"
"""Annotation of a build's template: the emptyDir that is kept for the next build."""


@dataclass(frozen=True, slots=True)
class Prepared:
    command: Command
    group: Group | None
    termination: Path
    limits: Limits
    allowed: list[Allowance]
    """Of the disk; empty for the platform's own."""


class Box:
    """A pod's folder: volumes/ root/ tmp/ home/ and the file for its last words."""

    def __init__(self, node: Node, pod: Object) -> None:
        self._node = node
        self._pod = pod
        self.namespace, self.name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self.folder = node.pods / self.namespace / self.name
        self.container: Mapping[str, Any] = pod["spec"]["containers"][0]

    def boxed(self, image: Image) -> bool:
        return not self._node.trusts(self._pod, image.platform) and self._node.isolation is not Isolation.NONE

    def prepare(self, image: Image, given: Mapping[str, str], network: Network | None) -> Prepared:
        """Raises environment.Missing when something it needs is not there."""
        node, pod = self._node, self._pod
        boxed = self.boxed(image)
        root = MOUNT if boxed and not image.platform else str(image.folder)
        image = image.placed(root)
        uid = uid_of(node.settings.home, self.namespace) if boxed and node.isolation is Isolation.ROOT else None
        self._folders(uid)
        mounted = self.fill(uid)
        termination = self.folder / "termination-log"
        termination.write_bytes(b"")
        if uid is not None:
            os.chown(termination, uid, uid)
        mounted.append(Mounted(termination, self.container.get("terminationMessagePath", TERMINATION_LOG), True))
        account = pod["spec"].get("serviceAccountName")
        access = account is not None and pod["spec"].get("automountServiceAccountToken", True)
        if access:
            kubeconfig = self.folder / "kubeconfig"
            node.give_access(kubeconfig, pod, account)
            if uid is not None:
                os.chown(kubeconfig, uid, uid)
            mounted.append(Mounted(kubeconfig, KUBECONFIG, False))
        limits = Limits.of(self.container, boxed, largest(pod["spec"], self.container))
        group = node.group(pod["metadata"]["uid"], limits, trusted=not boxed)
        env = self._environment(image, given, boxed, access)
        words = self.container.get("command") or image.command
        argv = expand_all([*words, *(self.container.get("args") or [])], env)
        sandbox = None
        if boxed:
            own = [(self.folder / "tmp", "/tmp"), (self.folder / "home", HOME)]
            own += [(each.source, each.target) for each in mounted if each.writable]
            seen = [(each.source, each.target) for each in mounted if not each.writable]
            if network is not None:
                resolver = self.folder / "resolv.conf"
                resolver.write_text(RESOLVER)
                resolver.chmod(0o644)
                seen.append((resolver, os.path.realpath("/etc/resolv.conf")))
            readable = [(each, str(each)) for each in (*_platform_files(node), *_interpreter())] if image.platform else [(image.folder, root)]
            sandbox = plan(node.isolation, uid, self.folder / "sandbox", [*readable, *seen], own, network.join if network is not None else ())
        else:
            volumes.link(self.folder / "root", mounted)
        cwd = self.container.get("workingDir") or root
        paths = group.paths if group else ()
        command = Command(argv, env, cwd, limits.rlimits(boxed, group is not None), paths, sandbox)
        allowed = allowances(self.folder, pod["spec"], self.container) if boxed else []
        return Prepared(command, group, termination, limits, allowed)

    def fill(self, uid: int | None) -> list[Mounted]:
        """The volumes as they should be now; again after a Secret or ConfigMap changed."""
        self._keep_cache()
        return volumes.materialise(self.folder / "volumes", self._pod["spec"], self.container, self._pod, self.find(), uid)

    def _keep_cache(self) -> None:
        """A build's volume that is its application's and outlives it: what installers fetched. Nobody else's builds see it."""
        name = (self._pod["metadata"].get("annotations") or {}).get(CACHE)
        if name is None or not self._node.is_build(self._pod):
            return
        kept = self._node.caches / self.namespace
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = self.folder / "volumes" / Path(name).name
        if not place.is_symlink():
            place.symlink_to(kept)

    def refresh(self, image: Image) -> None:
        boxed = not self._node.trusts(self._pod, image.platform) and self._node.isolation is Isolation.ROOT
        self.fill(uid_of(self._node.settings.home, self.namespace) if boxed else None)

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

    def _folders(self, uid: int | None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("root", "volumes", "sandbox", "tmp", "home"):
            (self.folder / name).mkdir(exist_ok=True, mode=0o700)
        if uid is not None:
            for name in ("tmp", "home"):
                os.chown(self.folder / name, uid, uid)

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


def _platform_files(node: Node) -> list[Path]:
    """The project as an image would hold it: no history, no state."""
    return [each for each in PROJECT.iterdir() if (not each.name.startswith(".") or each.name == ".venv") and each != node.settings.home]


def _interpreter() -> list[Path]:
    prefix = Path(sys.prefix)
    return [] if prefix.is_relative_to(PROJECT) else [prefix]
