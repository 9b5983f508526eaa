"""The image store and the disk."""

import json
import os
from datetime import datetime
from itertools import islice

from knative.local.sandbox.disks import used_bytes
from knative.local.serving.disk_pressure import reserve_from
from knative.machine.backup.outcome import Outcome
from knative.machine.home import Home
from knative.machine.status.row import Row, State, plural, size

IMAGES_STATUS, PRESSURE_STATUS = "images.json", "disk-pressure.json"
"""Files that knative/local writes: images/garbage_collection.py and serving/eviction.py."""
MAX_DISKS = 10_000


def images(home: Home) -> Row:
    """Images of applications as the last retention run counted them. A full image store refuses builds."""
    try:
        counts = json.loads((home.path / "knative" / IMAGES_STATUS).read_text())
        count, used, limit = int(counts["images"]), int(counts["bytes"]), int(counts["limit_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return Row("images", State.IDLE, "not known yet")
    details = () if used < limit else ("the image store is full: builds are refused. CAPSULE_IMAGE_STORE_GIB raises the limit",)
    return Row("images", State.GOOD if used < limit else State.BAD, f"{plural(count, 'image')}, {size(used)} of {size(limit)}", details)


def disk(home: Home) -> Row:
    """Free space of the state folder's file system, against the reserve that knative/local/serving/eviction.py keeps."""
    info = os.statvfs(home.path)
    free, total = info.f_bavail * info.f_frsize, info.f_blocks * info.f_frsize
    try:
        pressure = json.loads((home.path / "knative" / PRESSURE_STATUS).read_text())
        reserve = int(pressure["reserve_bytes"])
        is_under_pressure = bool(pressure["is_under_pressure"]) and free < int(pressure["ends_at_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        reserve, is_under_pressure = reserve_from(os.environ, total).begins_below_bytes, False
    is_low = free < reserve or is_under_pressure
    summary = f"{size(free)} of {size(total)} free, reserve {size(reserve)}; {container_disks(home)}"
    details = ("DiskPressure: builds wait, the pods with the most data are evicted",) if is_low else ()
    return Row("disk", State.BAD if is_low else State.GOOD, summary, details)


def backups(home: Home, now: datetime) -> Row:
    """How old the last good backup of the installation is, and whether the last one failed."""
    outcome = Outcome.read(home)
    if outcome is None or not outcome.last_good_at:
        return Row("backups", State.IDLE if outcome is None else State.BAD, "none yet", (outcome.error,) if outcome else ())
    hours = int((now - datetime.fromisoformat(outcome.last_good_at)).total_seconds() // 3600)
    summary = f"the last good one is {plural(hours, 'hour')} old"
    return Row("backups", State.BAD if outcome.error else State.GOOD, summary, (outcome.error,) if outcome.error else ())


def container_disks(home: Home) -> str:
    """What the disk images of containers allocate: one stat(2) each, nothing inside them is read."""
    disks = list(islice((home.path / "knative" / "pods").glob("*/*/disks/*.img"), MAX_DISKS))
    if not disks:
        return "no container disks"
    count = f"{MAX_DISKS} or more container disks" if len(disks) == MAX_DISKS else plural(len(disks), "container disk")
    return f"{count}, {size(sum(used_bytes(each) for each in disks))}"
