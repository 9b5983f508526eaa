"""Nothing of a deleted application stays on the machine: images, folders, processes, control groups.

And `status` shows the disk usage.
"""

import re
import secrets
import subprocess
import time
from pathlib import Path

import pytest

from tests.hostile import host
from tests.hostile.deployment import Application, application
from tests.hostile.test_image_store import image_of
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.proof import proof

pytestmark = proof("tenant-isolation")


@pytest.fixture(scope="module")
def deleted(whole: Whole) -> tuple[Application, str, list[str]]:
    """Return an application that ran and was deleted, the digest of its image, and the uids of its pods."""
    found = application(whole, Person(whole).become_a_user(), {"index.html": secrets.token_hex(8)})
    assert found.deploy()["status"] == "succeeded", found.deployment
    assert found.get().status_code == 200
    digest = image_of(found).rpartition(":")[2]
    uids = [pod["metadata"]["uid"] for pod in whole.cluster.find("v1", "Pod", f"app-{found.application['name']}")]
    assert uids and len(digest) == 64
    assert traces(whole.home.path, digest), "its image is nowhere while it runs"
    found.delete()
    return found, digest, uids


def traces(folder: Path, word: str) -> list[str]:
    """Return the paths whose last name contains a word. Files may be deleted while find(1) runs."""
    found = subprocess.run(["find", str(folder), "-xdev", "-name", f"*{word}*", "-prune"], capture_output=True, text=True, check=False)
    return found.stdout.split()


def left(folder: Path, word: str, seconds: float) -> list[str]:
    """Wait until no such path is left, at most `seconds`. Returns what is left."""
    end = time.monotonic() + seconds
    while (found := traces(folder, word)) and time.monotonic() < end:
        time.sleep(1)
    return found


def test_images_of_a_deleted_application_are_deleted(whole: Whole, deleted: tuple[Application, str, list[str]]) -> None:
    assert left(whole.home.path, deleted[1], 60) == []


def test_folders_of_a_deleted_application_are_deleted(whole: Whole, deleted: tuple[Application, str, list[str]]) -> None:
    """Folders of instances, builds, caches and images."""
    assert left(whole.home.path / "knative", f"app-{deleted[0].application['name']}", 30) == []


def test_processes_and_control_groups_of_a_deleted_application_end(whole: Whole, deleted: tuple[Application, str, list[str]]) -> None:
    found, _, uids = deleted
    until(lambda: not host.of_namespace(f"app-{found.application['name']}"), 30, "for its processes to end")
    groups = Path("/sys/fs/cgroup")
    until(lambda: not [path for uid in uids for path in groups.glob(f"**/*{uid}*")], 30, "for its control groups to be removed", every=1)


def test_status_shows_the_disk_usage_of_images(whole: Whole) -> None:
    row = next((line for line in whole.task("status").splitlines() if "image" in line.lower()), "")
    assert re.search(r"\d+(\.\d+)?\s*(B|[KMG]i?B)\b", row), f"no line with the disk that images use; the line about images: {row!r}"
