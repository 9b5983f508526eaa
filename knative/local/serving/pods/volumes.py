"""A pod's volumes as folders: Secrets, ConfigMaps, projections of both, the pod's own fields, and emptyDirs.

Files are replaced as the kubelet does it: `..data` is a link that is replaced atomically. A container sees a rotated
secret whole and without a redeploy.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.local.objects import Object
from knative.local.serving.pods.environment import FindObject, MissingReference, config_data, field_value, secret_data

DEFAULT_MODE = 0o644
CLAIM = "persistentVolumeClaim"
NO_CLAIMS: Mapping[str, Path] = {}
_SOURCES = (("secret", "Secret", "secretName", secret_data), ("configMap", "ConfigMap", "name", config_data))
"""(field, kind, field of its name, decoder)."""


@dataclass(frozen=True, slots=True)
class VolumeFile:
    content: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class MountedVolume:
    source: Path
    target: str
    writable: bool
    empty_dir: str | None = None
    """The name of an emptyDir volume, which the container itself fills."""
    sub_path: str = ""
    is_claim: bool = False
    """A persistent volume, whose files have owners as they are inside containers."""


def contents(volume: Mapping[str, Any], pod: Object, find: FindObject) -> dict[str, VolumeFile] | None:
    """Return a volume's files by their paths in it; None for one that the container itself fills. Raises MissingReference."""
    if is_filled_by_container(volume):
        return None
    sources = volume["projected"].get("sources", []) if "projected" in volume else [volume]
    mode = next((volume[each].get("defaultMode") for each in ("projected", "secret", "configMap", "downwardAPI") if each in volume), None)
    files: dict[str, VolumeFile] = {}
    for source in sources:
        files.update(_source_files(source, pod, find, mode or DEFAULT_MODE, volume["name"]))
    return files


def is_filled_by_container(volume: Mapping[str, Any]) -> bool:
    return "emptyDir" in volume or CLAIM in volume


def claims_of(spec: Mapping[str, Any]) -> list[str]:
    """Return the names of the PersistentVolumeClaims of a pod."""
    return [volume[CLAIM]["claimName"] for volume in spec.get("volumes") or [] if CLAIM in volume]


def _source_files(source: Mapping[str, Any], pod: Object, find: FindObject, mode: int, volume: str) -> dict[str, VolumeFile]:
    for field, kind, name_field, data in _SOURCES:
        if field in source:
            projection = source[field]
            name = projection.get(name_field) or projection.get("name")
            object = find(kind, name)
            if object is None and not projection.get("optional"):
                raise MissingReference(f'MountVolume.SetUp failed for volume "{volume}" : {kind.lower()} "{name}" not found')
            return _projected_files(data(object or {}), projection, mode, f'{kind.lower()} "{name}"', volume)
    if "downwardAPI" in source:
        items = source["downwardAPI"].get("items") or []
        return {item["path"]: VolumeFile(field_value(item["fieldRef"]["fieldPath"], pod).encode(), item.get("mode", mode)) for item in items}
    raise MissingReference(f'volume "{volume}" has a type that is not supported on one machine: {", ".join(sorted(set(source) - {"name"}))}')


def _projected_files(data: Mapping[str, bytes], projection: Mapping[str, Any], mode: int, source: str, volume: str) -> dict[str, VolumeFile]:
    if not projection.get("items"):
        return {key: VolumeFile(value, mode) for key, value in data.items()}
    files = {}
    for item in projection["items"]:
        if item["key"] in data:
            files[item["path"]] = VolumeFile(data[item["key"]], item.get("mode", mode))
        elif not projection.get("optional"):
            raise MissingReference(f'MountVolume.SetUp failed for volume "{volume}" : {source} has no key {item["key"]}')
    return files


def references(volumes: list[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return the (kind, name) of every Secret and ConfigMap that the volumes contain."""
    found = set()
    for volume in (each for each in volumes if CLAIM not in each):
        for source in volume["projected"].get("sources", []) if "projected" in volume else [volume]:
            for field, kind, name_field, _ in _SOURCES:
                if field in source:
                    found.add((kind, source[field].get(name_field) or source[field].get("name")))
    return found


def write(folder: Path, files: Mapping[str, VolumeFile] | None, uid: int | None) -> None:
    """Replace a folder's files atomically; `files` None creates an empty folder.

    Does nothing when the files are the same already.

    `uid`: the owner; None: the user who runs the platform. Raises MissingReference for a path that leads out of the
    volume.
    """
    if files is None:
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o700)
            if uid is not None:
                os.chown(folder, uid, uid)
        return
    place = str(folder)  # and `os` from here on: a cold start waits for it, and `pathlib` takes as long as the kernel
    os.makedirs(place, exist_ok=True)
    if uid is not None:
        os.chown(place, uid, uid)
    os.chmod(place, 0o500 if uid is not None else 0o700)
    data = f"{place}/..data"
    before = os.readlink(data) if os.path.islink(data) else None
    if before and _read_files(folder / before) == {path: file.content for path, file in files.items()}:
        return
    fresh = f"..{int(before[2:]) + 1 if before else 1}"
    _create_empty(f"{place}/{fresh}")
    _write_files(f"{place}/{fresh}", files, uid)
    _replace_link(fresh, data)
    _link_names(place, {path.split("/", 1)[0] for path in files})
    if before:
        shutil.rmtree(f"{place}/{before}", ignore_errors=True)


def _create_empty(folder: str) -> None:
    """Create a folder, without what a process that was killed left under its name."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        shutil.rmtree(folder)
        os.mkdir(folder, 0o700)


def _replace_link(target: str, link: str) -> None:
    """Create a symbolic link, or replace it atomically."""
    moving = f"{link}_tmp"
    if os.path.lexists(moving):
        os.unlink(moving)
    os.symlink(target, moving)
    os.rename(moving, link)


def _write_files(root: str, files: Mapping[str, VolumeFile], uid: int | None) -> None:
    """Write files into a folder that has just been created: nothing in it is a link, so a path leads out of it only by its own text."""
    folders = {root}
    for path, file in files.items():
        inner = os.path.normpath(path)
        if os.path.isabs(path) or inner.split("/", 1)[0] in ("..", "."):
            raise MissingReference(f"{path!r} leads out of its volume")
        place = parent = f"{root}/{inner}"
        while (parent := os.path.dirname(parent)) not in folders:
            folders.add(parent)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as opened:
            opened.write(file.content)
            os.fchmod(opened.fileno(), file.mode & 0o700)
            if uid is not None:
                os.fchown(opened.fileno(), uid, uid)
    if uid is not None:
        for each in folders:
            os.chown(each, uid, uid)


def _read_files(data: Path) -> dict[str, bytes]:
    return {str(each.relative_to(data)): each.read_bytes() for each in data.rglob("*") if each.is_file()}


def _link_names(folder: str, names: set[str]) -> None:
    for name in names:
        if not os.path.islink(f"{folder}/{name}"):
            os.symlink(f"..data/{name}", f"{folder}/{name}")
    for name in os.listdir(folder):
        if not name.startswith("..") and name not in names:
            os.unlink(f"{folder}/{name}")


def rewrite(folder: Path, spec: Mapping[str, Any], pod: Object, find: FindObject, uid: int | None) -> None:
    """Write the volumes that the platform fills with the present state of their objects.

    Safe while the container runs. Raises MissingReference.
    """
    for volume in spec.get("volumes") or []:
        if not is_filled_by_container(volume):
            write(folder / volume["name"], contents(volume, pod, find), uid)


def create_volumes(
    folder: Path,
    spec: Mapping[str, Any],
    container: Mapping[str, Any],
    pod: Object,
    find: FindObject,
    uid: int | None,
    is_on_disks: bool = False,
    claims: Mapping[str, Path] = NO_CLAIMS,
) -> list[MountedVolume]:
    """Create every volume under `folder` and return the container's mounts.

    `is_on_disks`: emptyDirs are on disk images (`writable`). `claims`: the folders of the pod's claims, by their names.

    Raises MissingReference.
    """
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or []}
    for name in [name for name, volume in volumes.items() if "emptyDir" in volume and not is_on_disks]:
        write(folder / name, None, uid)
    rewrite(folder, spec, pod, find, uid)
    mounted = []
    for mount in container.get("volumeMounts") or []:
        if mount["name"] not in volumes:
            raise MissingReference(f'volumeMounts: there is no volume "{mount["name"]}"')
        if CLAIM in volumes[mount["name"]]:
            mounted.append(_mounted_claim(volumes[mount["name"]][CLAIM], mount, claims))
            continue
        source, sub_path, is_empty_dir = folder / mount["name"], _sub_path(mount), "emptyDir" in volumes[mount["name"]]
        if sub_path and not (is_empty_dir and is_on_disks):
            source = _resolve_sub_path(source, sub_path, create=is_empty_dir, uid=uid)
        writable = is_empty_dir and not mount.get("readOnly", False)
        mounted.append(MountedVolume(source, mount["mountPath"].rstrip("/"), writable, mount["name"] if is_empty_dir else None, sub_path))
    return mounted


def _mounted_claim(claim: Mapping[str, Any], mount: Mapping[str, Any], claims: Mapping[str, Path]) -> MountedVolume:
    """Raises MissingReference, also for a subPath: it would lead through folders that tenants wrote."""
    if mount.get("subPath"):
        raise MissingReference("volumeMounts: a subPath of a PersistentVolumeClaim is not supported on one machine")
    if claim["claimName"] not in claims:
        raise MissingReference(f'MountVolume.SetUp failed: claim "{claim["claimName"]}" can be mounted into a container with a sandbox only')
    is_writable = not (claim.get("readOnly") or mount.get("readOnly"))
    return MountedVolume(claims[claim["claimName"]], mount["mountPath"].rstrip("/"), is_writable, is_claim=True)


def _sub_path(mount: Mapping[str, Any]) -> str:
    sub_path = str(mount.get("subPath") or "")
    if sub_path.startswith("/") or ".." in sub_path.split("/"):
        raise MissingReference(f'volumeMounts: subPath "{sub_path}" leads out of its volume')
    return "/".join(part for part in sub_path.split("/") if part not in ("", "."))


def _resolve_sub_path(volume: Path, sub_path: str, create: bool, uid: int | None) -> Path:
    """Return a place in a volume, through no link that its container created. Raises MissingReference."""
    place = volume
    for part in sub_path.split("/"):
        place = place / part
        if create and not os.path.lexists(place):
            place.mkdir(mode=0o700)
            if uid is not None:
                os.chown(place, uid, uid, follow_symlinks=False)
        if create and not (place.is_dir() and not place.is_symlink()):
            raise MissingReference(f'volumeMounts: subPath "{sub_path}" is not a folder of its volume')
    return place


def link(root: Path, mounted: list[MountedVolume]) -> None:
    """Link the volumes at their mount paths under `root`, the CAPSULE_ROOT of a process without a file system of its own."""
    folders = {str(root)}
    for each in mounted:
        place = f"{root}/{each.target.lstrip('/')}"
        if (parent := os.path.dirname(place)) not in folders:
            os.makedirs(parent, exist_ok=True)
            folders.add(parent)
        if not os.path.islink(place):
            os.symlink(each.source, place)
