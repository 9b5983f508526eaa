"""A pod's volumes as folders: Secrets, ConfigMaps, projections of both, the pod's own fields, and empty ones.

Files are replaced as the kubelet does it (`..data` is a link that moves in one step), so that a rotated secret is seen whole and without
a redeploy.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knative.local.objects import Object
from knative.local.serving.environment import Find, Missing, config_data, field_value, secret_data

DEFAULT_MODE = 0o644
_SOURCES = (("secret", "Secret", "secretName", secret_data), ("configMap", "ConfigMap", "name", config_data))


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Mounted:
    source: Path
    target: str
    writable: bool
    volume: str | None = None
    """The name of an empty volume, which its container fills."""
    sub_path: str = ""


def contents(volume: Mapping[str, Any], pod: Object, find: Find) -> dict[str, File] | None:
    """The files of a volume by their paths in it; None for one that the pod fills itself."""
    if "emptyDir" in volume:
        return None
    sources = volume["projected"].get("sources", []) if "projected" in volume else [volume]
    mode = next((volume[each].get("defaultMode") for each in ("projected", "secret", "configMap", "downwardAPI") if each in volume), None)
    files: dict[str, File] = {}
    for source in sources:
        files.update(_of_source(source, pod, find, mode or DEFAULT_MODE, volume["name"]))
    return files


def _of_source(source: Mapping[str, Any], pod: Object, find: Find, mode: int, volume: str) -> dict[str, File]:
    for field, kind, named, data in _SOURCES:
        if field in source:
            said = source[field]
            name = said.get(named) or said.get("name")
            object = find(kind, name)
            if object is None and not said.get("optional"):
                raise Missing(f'MountVolume.SetUp failed for volume "{volume}" : {kind.lower()} "{name}" not found')
            return _chosen(data(object or {}), said, mode, f'{kind.lower()} "{name}"', volume)
    if "downwardAPI" in source:
        items = source["downwardAPI"].get("items") or []
        return {item["path"]: File(field_value(item["fieldRef"]["fieldPath"], pod).encode(), item.get("mode", mode)) for item in items}
    raise Missing(f'volume "{volume}" is of a sort that one machine does not have: {", ".join(sorted(set(source) - {"name"}))}')


def _chosen(data: Mapping[str, bytes], said: Mapping[str, Any], mode: int, source: str, volume: str) -> dict[str, File]:
    if not said.get("items"):
        return {key: File(value, mode) for key, value in data.items()}
    files = {}
    for item in said["items"]:
        if item["key"] in data:
            files[item["path"]] = File(data[item["key"]], item.get("mode", mode))
        elif not said.get("optional"):
            raise Missing(f'MountVolume.SetUp failed for volume "{volume}" : {source} has no key {item["key"]}')
    return files


def references(volumes: list[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(kind, name) of every Secret and ConfigMap that they show."""
    found = set()
    for volume in volumes:
        for source in volume["projected"].get("sources", []) if "projected" in volume else [volume]:
            for field, kind, named, _ in _SOURCES:
                if field in source:
                    found.add((kind, source[field].get(named) or source[field].get("name")))
    return found


def write(folder: Path, files: Mapping[str, File] | None, uid: int | None) -> None:
    """Makes the folder hold these files, in one step; nothing is touched when it does already."""
    if files is None:
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o700)
            if uid is not None:
                os.chown(folder, uid, uid)
        return
    folder.mkdir(parents=True, exist_ok=True)
    if uid is not None:
        os.chown(folder, uid, uid)
    folder.chmod(0o500 if uid is not None else 0o700)
    data = folder / "..data"
    if data.is_symlink() and _read(data) == {path: file.content for path, file in files.items()}:
        return
    before = os.readlink(data) if data.is_symlink() else None
    fresh = folder / f"..{int(before[2:]) + 1 if before else 1}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    for path, file in files.items():
        place = fresh / path
        if not place.resolve().is_relative_to(fresh.resolve()):
            raise Missing(f"{path!r} leads out of its volume")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
        place.chmod(file.mode & 0o700)
    if uid is not None:
        for each in (fresh, *fresh.rglob("*")):
            os.chown(each, uid, uid)
    moving = folder / "..data_tmp"
    moving.unlink(missing_ok=True)
    moving.symlink_to(fresh.name)
    moving.rename(data)
    _link_names(folder, {path.split("/", 1)[0] for path in files})
    if before:
        shutil.rmtree(folder / before, ignore_errors=True)


def _read(data: Path) -> dict[str, bytes]:
    return {str(each.relative_to(data)): each.read_bytes() for each in data.rglob("*") if each.is_file()}


def _link_names(folder: Path, names: set[str]) -> None:
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for each in folder.iterdir():
        if not each.name.startswith("..") and each.name not in names:
            each.unlink()


def rewrite(folder: Path, spec: Mapping[str, Any], pod: Object, find: Find, uid: int | None) -> None:
    """The volumes that the platform fills, as they should be now; also while the container runs, which sees them read-only."""
    for volume in spec.get("volumes") or []:
        if "emptyDir" not in volume:
            write(folder / volume["name"], contents(volume, pod, find), uid)


def materialise(
    folder: Path, spec: Mapping[str, Any], container: Mapping[str, Any], pod: Object, find: Find, uid: int | None, on_disks: bool = False
) -> list[Mounted]:
    """Every volume under `folder`; what of it the container sees and where. `on_disks`: empty volumes lie elsewhere (`writable`)."""
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or []}
    for name in [name for name, volume in volumes.items() if "emptyDir" in volume and not on_disks]:
        write(folder / name, None, uid)
    rewrite(folder, spec, pod, find, uid)
    mounted = []
    for mount in container.get("volumeMounts") or []:
        if mount["name"] not in volumes:
            raise Missing(f'volumeMounts: there is no volume "{mount["name"]}"')
        source, sub, empty = folder / mount["name"], _sub_path(mount), "emptyDir" in volumes[mount["name"]]
        if sub and not (empty and on_disks):
            source = _within(source, sub, make=empty, uid=uid)
        writable = empty and not mount.get("readOnly", False)
        mounted.append(Mounted(source, mount["mountPath"].rstrip("/"), writable, mount["name"] if empty else None, sub))
    return mounted


def _sub_path(mount: Mapping[str, Any]) -> str:
    sub = str(mount.get("subPath") or "")
    if sub.startswith("/") or ".." in sub.split("/"):
        raise Missing(f'volumeMounts: subPath "{sub}" leads out of its volume')
    return "/".join(part for part in sub.split("/") if part not in ("", "."))


def _within(volume: Path, sub: str, make: bool, uid: int | None) -> Path:
    """A place in a volume, not through a link that its container has made. Raises Missing."""
    place = volume
    for part in sub.split("/"):
        place = place / part
        if make and not os.path.lexists(place):
            place.mkdir(mode=0o700)
            if uid is not None:
                os.chown(place, uid, uid, follow_symlinks=False)
        if make and not (place.is_dir() and not place.is_symlink()):
            raise Missing(f'volumeMounts: subPath "{sub}" is no folder of its volume')
    return place


def link(root: Path, mounted: list[Mounted]) -> None:
    """For a process without a file system of its own: the same places under its CAPSULE_ROOT."""
    for each in mounted:
        place = root / each.target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink():
            place.symlink_to(each.source)
