"""Prepare a pod's container for its start: create its files, resolve its environment, plan its sandbox.

Nothing of the platform's process is inherited. A sandboxed container finds volumes at their paths; one without a file
system of its own (single-tenant mode, the platform's own) finds them under CAPSULE_ROOT.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.runtime.config.variables import ROOT
from knative.builder.parameter_variables import BUILDS_IMAGES
from knative.local.images import MOUNT, Image
from knative.local.objects import Object
from knative.local.processes.control_groups import ControlGroup
from knative.local.processes.network.namespaces import Network
from knative.local.processes.process import Command
from knative.local.processes.resource_limits import ResourceLimits
from knative.local.sandbox.identities import APPLICATION_USER, Identity
from knative.local.sandbox.isolation import init_program
from knative.local.sandbox.plan import Isolation, Mount, Sandbox, arrange, write_hosts
from knative.local.serving.node import Node
from knative.local.serving.pods import volumes
from knative.local.serving.pods.disk_limits import DiskQuota, largest_quota_bytes
from knative.local.serving.pods.environment import FindObject, MissingReference, expand_all, resolve
from knative.local.serving.pods.own_roots import NO_OWN_ROOTS, with_mounting, with_own_root
from knative.local.serving.pods.volumes import MountedVolume
from knative.local.serving.pods.writable import HOME, TERMINATION_LOG, WritableMounts, WritableStorage
from knative.local.serving.process_records import RECORD

KUBECONFIG = "/run/secrets/capsule/kubeconfig"
CACHE = "local.capsule.dev/cache"
"""Annotation of a build's template: the emptyDir that is kept for the application's next build."""
HOSTS = "hosts"
FOLDERS = ("root", "volumes", "sandbox", "tmp", "home", "disks", "writable")


@dataclass(frozen=True, slots=True)
class PreparedContainer:
    command: Command
    group: ControlGroup | None
    termination_file: Path | None
    """A file of this machine with the container's termination message; None: it is at `termination_path` inside the
    container."""
    termination_path: str
    limits: ResourceLimits
    disk_quotas: Sequence[DiskQuota]
    """Quotas to poll; empty for the platform's own containers and where the kernel enforces them."""
    is_on_disks: bool = False


class ContainerSetup:
    """A pod's folder on this machine, and everything that its container receives."""

    def __init__(self, node: Node, pod: Object) -> None:
        self._node = node
        self._pod = pod
        self.namespace, self.name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self.folder = node.pods_folder / self.namespace / self.name
        self.own_container: Mapping[str, Any] = pod["spec"]["containers"][0]
        self.init_containers: Sequence[Mapping[str, Any]] = pod["spec"].get("initContainers") or ()
        self.container = self.own_container
        """The container that is prepared and run: an init container (`use`), or the pod's own."""
        self.identity: Identity | None = None
        self.claims: Mapping[str, Path] = {}
        """The folders of its persistent volumes, by the names of their claims."""
        cache = (pod["metadata"].get("annotations") or {}).get(CACHE) if node.is_build(pod) else None
        self.storage = WritableStorage(self.folder, pod["spec"], self.container, node.trash, cache and Path(cache).name)

    def use(self, container: Mapping[str, Any]) -> None:
        """Prepare another container of the pod from now on. It shares the volumes that both mount, and nothing else."""
        self.container = self.storage.container = container
        for name in ("root", "tmp", "home", "sandbox"):
            self._node.trash.discard(self.folder / name)

    def is_sandboxed(self, image: Image) -> bool:
        return not self._node.is_trusted(self._pod, image.platform) and self._node.isolation is not Isolation.NONE

    def prepare(self, image: Image, env: Mapping[str, str], network: Network | None) -> PreparedContainer:
        """Prepare the next start.

        `env`: variables from the pod's owner, such as PORT. Raises MissingReference, IdentitiesExhausted.
        """
        node, pod = self._node, self._pod
        is_sandboxed = self.is_sandboxed(image)
        root = MOUNT if is_sandboxed and not image.platform else str(image.folder)
        if image.own_root is not None and not (is_sandboxed and node.abilities.has_own_roots):
            raise MissingReference(NO_OWN_ROOTS)
        image = image.placed(root)
        owner, uid = self._owner(is_sandboxed, image)
        is_on_disks = is_sandboxed and node.abilities.has_disks
        self._create_folders(owner if not is_sandboxed else None)
        mounted = self._create_volumes(owner, is_on_disks)
        account = pod["spec"].get("serviceAccountName")
        has_api_access = account is not None and pod["spec"].get("automountServiceAccountToken", True)
        if has_api_access:
            kubeconfig = self.folder / "kubeconfig"
            node.write_kubeconfig(kubeconfig, pod, account)
            if owner is not None:
                os.chown(kubeconfig, owner, owner)
            mounted.append(MountedVolume(kubeconfig, KUBECONFIG, False))
        limits = ResourceLimits.of(self.container, is_sandboxed, None if is_on_disks else largest_quota_bytes(pod["spec"], self.container))
        group = node.create_control_group(self._group_name, limits, is_trusted=not is_sandboxed)
        env = self._environment(image, env, is_sandboxed, has_api_access)
        argv = expand_all([*(self.container.get("command") or image.command), *(self.container.get("args") or [])], env)
        cwd = self.container.get("workingDir") or (image.own_root.directory if image.own_root else root)
        rlimits = limits.rlimits(is_sandboxed, group is not None)
        cgroups = group.paths if group else ()
        if not is_sandboxed:
            command = Command(argv, env, cwd, rlimits, cgroups, uid=uid, gid=node.platform_group)
            return self._prepare_trusted(command, group, limits, mounted, owner)
        writable = self._create_writable(image, mounted, owner, is_on_disks)
        sandbox = self._plan_sandbox(image, mounted, writable, network)
        command = Command(argv, env, cwd, rlimits, cgroups, sandbox)
        return PreparedContainer(command, group, writable.termination_file, self._termination_path, limits, writable.disk_quotas, is_on_disks)

    @property
    def _is_init(self) -> bool:
        return self.container is not self.own_container

    @property
    def _builds_images(self) -> bool:
        """Whether the container may mount what a Dockerfile's build needs; never an init container, such as the clone."""
        return self._node.builds_images(self._pod) and not self._is_init

    @property
    def _group_name(self) -> str:
        uid = str(self._pod["metadata"]["uid"])
        return f"{uid}-{self.container['name']}" if self._is_init else uid

    @property
    def _termination_path(self) -> str:
        return str(self.container.get("terminationMessagePath", TERMINATION_LOG))

    def _owner(self, is_sandboxed: bool, image: Image) -> tuple[int | None, int | None]:
        """Return (the owner of its files on this machine, the user of a process of the platform).

        None: the user who runs the platform.
        """
        node = self._node
        if node.isolation is not Isolation.ROOT:
            return None, None
        if not is_sandboxed:
            user = node.platform_user(self._pod)
            return user, user
        if self.identity is None:
            self.identity = node.identities.allocate(f"{self.namespace}/{self.name}")
        return (self.identity.user if image.own_root is None else self.identity.first + image.own_root.uid), None

    def _prepare_trusted(
        self, command: Command, group: ControlGroup | None, limits: ResourceLimits, mounted: list[MountedVolume], owner: int | None
    ) -> PreparedContainer:
        """The platform's own container, which finds its volumes under CAPSULE_ROOT."""
        termination_file = self.folder / "termination-log"
        with open(termination_file, "wb") as created:
            if owner is not None:
                os.fchown(created.fileno(), owner, owner)
        volumes.link(self.folder / "root", [*mounted, MountedVolume(termination_file, self._termination_path, True)])
        return PreparedContainer(self._node.with_platform_view(command), group, termination_file, self._termination_path, limits, ())

    def _create_writable(self, image: Image, mounted: list[MountedVolume], owner: int | None, is_on_disks: bool) -> WritableMounts:
        node = self._node
        if self.storage.cache_volume and self.storage.cache_path is None:
            self.storage.cache_path = node.build_caches.acquire(self.namespace, self._pod["metadata"]["uid"])
        if is_on_disks:
            return self.storage.create_on_disks(node.disks, mounted, image.own_root is not None)
        return self.storage.create_in_folders(mounted, owner, node.abilities.has_mapped_mounts, image.own_root is not None)

    def _plan_sandbox(self, image: Image, mounted: list[MountedVolume], writable: WritableMounts, network: Network | None) -> Sandbox:
        node = self._node
        mounts, links = node.system_mounts() if image.own_root is None else (node.name_mounts(), [])
        resolv_conf = node.resolv_conf if network is not None else Path(os.path.realpath("/etc/resolv.conf"))
        hosts = self.folder / HOSTS
        write_hosts(hosts, self.name)
        mounts += [Mount(str(resolv_conf), "/etc/resolv.conf"), Mount(str(hosts), "/etc/hosts")]
        has_overlay = not image.platform and self.storage.is_root_writable and node.abilities.has_overlay
        if image.platform:
            mounts += node.platform_mounts()
            mounts += node.image_build_mounts() if self._builds_images else []
        elif image.own_root is not None:
            mounts.append(Mount(str(image.folder), "/", mapped=True, overlay=True))
        else:
            mounts.append(Mount(str(image.folder), MOUNT, mapped=node.abilities.has_mapped_mounts, overlay=has_overlay))
        mounts += [
            Mount(str(each.source), each.target, each.is_claim and each.writable, mapped=each.is_claim) for each in mounted if each.empty_dir is None
        ]
        arranged_mounts, arranged_links = arrange([*mounts, *writable.mounts], links)
        sandbox = Sandbox(
            node.isolation,
            APPLICATION_USER if self.identity else None,
            str(self.folder / "sandbox"),
            arranged_mounts,
            arranged_links,
            join=network.join if network is not None else (),
            identity=self.identity,
            disks=writable.disks,
            hostname=self.name,
            layer=writable.layer,
            overlay=(str(image.folder), *writable.overlay) if has_overlay and writable.overlay is not None else None,
            filter=node.filter,
            init=init_program(),
        )
        if image.own_root is not None:
            return with_own_root(sandbox, image.own_root, self.storage.is_root_writable)
        return with_mounting(sandbox, node.mounting_filter) if self._builds_images else sandbox

    def _create_volumes(self, owner: int | None, is_on_disks: bool) -> list[MountedVolume]:
        place, find = self.folder / "volumes", self._find_object()
        return volumes.create_volumes(place, self._pod["spec"], self.container, self._pod, find, owner, is_on_disks, self.claims)

    async def attach_claims(self, image: Image) -> None:
        """Mount its persistent volumes on this machine. Raises MissingReference."""
        names = volumes.claims_of(self._pod["spec"])
        if names and self.is_sandboxed(image):
            owner = image.own_root.uid if image.own_root is not None else APPLICATION_USER
            self.claims = await self._node.volumes.attach(self.namespace, names, owner)

    def refresh_volumes(self, image: Image) -> None:
        """Write the present content of Secrets and ConfigMaps into the volumes.

        Raises MissingReference when one no longer exists.
        """
        volumes.rewrite(self.folder / "volumes", self._pod["spec"], self._pod, self._find_object(), self._owner(self.is_sandboxed(image), image)[0])

    def _find_object(self) -> FindObject:
        return lambda kind, name: self._node.store.find(kind, self.namespace, name)

    def volume_references(self) -> set[tuple[str, str]]:
        """Return the (kind, name) of every Secret and ConfigMap in its volumes."""
        return volumes.references(self._pod["spec"].get("volumes") or [])

    def volume_at(self, path: str) -> tuple[Path, str] | None:
        """Return the volume that holds a path: its folder on this machine and its mount path.

        None when no volume holds the path.
        """
        for mount in self.container.get("volumeMounts") or []:
            target = mount["mountPath"].rstrip("/")
            if path.startswith(target + "/"):
                return self.folder / "volumes" / mount["name"], target
        return None

    def release(self) -> None:
        """Retire its user ids and release the build cache. Call it when the container will not start again."""
        if self.identity is not None:
            self._node.identities.retire(self.identity)
            self.identity = None
        self._node.build_caches.release(self.namespace, self._pod["metadata"]["uid"])

    def delete_files(self, keep_log: bool) -> None:
        """Move the pod's folder into the trash, or everything in it but its log."""
        if not keep_log:
            self._node.trash.discard(self.folder)
            return
        for name in (*FOLDERS, "kubeconfig", HOSTS, RECORD, "termination-log"):
            self._node.trash.discard(self.folder / name)

    def _create_folders(self, owner: int | None) -> None:
        """`owner`: the user of a process of the platform, which must reach its folders; None: nobody but the platform itself."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = str(self.folder)
        if owner is not None:
            os.chown(place, owner, owner)
        for name in ("root", "volumes", "sandbox", "tmp", "home"):
            inner = f"{place}/{name}"
            if not os.path.isdir(inner):
                os.mkdir(inner, 0o700)
            if owner is not None and name != "sandbox":
                os.chown(inner, owner, owner, follow_symlinks=False)

    def _environment(self, image: Image, owner_env: Mapping[str, str], is_sandboxed: bool, has_api_access: bool) -> dict[str, str]:
        root = self.folder / "root"
        defaults = {"LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "HOSTNAME": self.name}
        if image.own_root is not None:
            defaults["HOME"] = "/"
        else:
            defaults |= {"HOME": HOME, "TMPDIR": "/tmp"} if is_sandboxed else {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}
        defaults |= image.env
        env = resolve(self.container, self._pod, self._find_object(), {**defaults, **owner_env})
        if not is_sandboxed:
            env[ROOT.name] = str(root)
        if is_sandboxed and self._builds_images:
            env[BUILDS_IMAGES.name] = "1"
        if has_api_access:
            env["KUBECONFIG"] = KUBECONFIG if is_sandboxed else str(root) + KUBECONFIG
        return env
