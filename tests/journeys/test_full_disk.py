"""The disk of the whole platform is full: errors say so, nothing that was acknowledged is lost, and everything goes on when there is space again."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from tests.journeys.people import Person
from tests.journeys.test_data_services import deployed, visit, with_database
from tests.journeys.whole import Json, Whole, until
from tests.proof import proof
from tests.servers import discard, fresh_home

pytestmark = [proof("full-disk"), pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")]
DISK_BYTES = 4 << 30
ATTEMPTS = 60


@dataclass
class Disk:
    """A file system of its own for the state folder."""

    path: Path

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path).free

    @property
    def _ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self) -> None:
        """Leave no byte."""
        with self._ballast.open("ab") as file, suppress(OSError):
            for size in (1 << 26, 1 << 20, 1 << 12):
                with suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    image = tmp_path_factory.mktemp("disk") / "image"
    with image.open("wb") as file:
        file.truncate(DISK_BYTES)
    home = fresh_home("capsule-full-disk-")
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(home.path)], check=True)
    shutil.rmtree(home.path / "lost+found")
    home.path.chmod(0o711)
    yield Disk(home.path)
    subprocess.run(["umount", str(home.path)], check=True)
    home.path.rmdir()


@pytest.fixture(scope="module")
def ada(disk: Disk) -> Iterator[Person]:
    home = replace(fresh_home("capsule-unused-"), path=disk.path)
    whole = Whole(replace(home, environment={**home.environment, "CAPSULE_DISK_RESERVE_GIB": "0"}))
    try:
        whole.up()
        yield Person(whole, timeout_seconds=60).become_a_user()
    finally:
        discard(whole.home)


@pytest.fixture(scope="module")
def bound(ada: Person) -> tuple[Json, str]:
    application, url = deployed(ada, "notes")
    with_database(ada, application)
    return application, url


def write(whole: Whole, url: str) -> str | None:
    """The id of a row that was acknowledged; None after an answer with an error."""
    try:
        answer = visit(whole, url, "/write")
    except httpx.HTTPError:
        return None
    return answer.text if answer.status_code == 200 else None


def test_a_full_disk_loses_nothing_and_says_what_is_wrong(ada: Person, bound: tuple[Json, str], disk: Disk) -> None:
    application, url = bound
    acknowledged = {written for _ in range(5) if (written := write(ada.whole, url))}
    assert len(acknowledged) == 5

    disk.fill()
    assert disk.free_bytes < 1 << 20
    configured, refused = set(), []
    for number in range(ATTEMPTS):
        if written := write(ada.whole, url):
            acknowledged.add(written)
        answer = try_to_configure(ada, application, f"NUMBER_{number}")
        if answer is not None and answer.status_code == 202:
            configured.add(f"NUMBER_{number}")
        elif answer is not None:
            refused.append(answer)
        disk.fill()  # what was deleted meanwhile
    statuses = sorted({each.status_code for each in refused})
    print(f"full disk: {len(acknowledged)} rows and {len(configured)} variables acknowledged; errors: {statuses}")
    for each in refused:
        assert each.status_code in (503, 504) and each.headers["content-type"] == "application/problem+json", each.text
    doctor = task_output(ada.whole, "doctor")
    assert "disk" in doctor and "`up` needs 512 MiB" in doctor, doctor
    assert "MiB are free on the disk" in task_output(ada.whole, "up")

    disk.free()
    ada.whole.up()  # starts what has ended
    acknowledged.add(until(lambda: write(ada.whole, url), 120, "for a row after the disk has space", every=1) or "")
    assert acknowledged <= set(visit(ada.whole, url).text.split(","))
    ada.sign_in()
    stored = {each["name"] for each in ada.get(f"/v1/apps/{application['id']}/config")["entries"]}
    assert configured <= stored
    ended = ada.deploy(application)
    assert ended["status"] == "succeeded", ended
    assert acknowledged <= set(visit(ada.whole, url).text.split(","))


def try_to_configure(ada: Person, application: Json, name: str) -> httpx.Response | None:
    """None: there was no answer."""
    try:
        return ada.send("PATCH", f"/v1/apps/{application['id']}/config", {"variables": {name: "1"}, "deploy": False})
    except httpx.HTTPError:
        return None


def task_output(whole: Whole, *words: str) -> str:
    """What a task prints that reports a fault."""
    task = whole.start_task(*words, output=subprocess.PIPE)
    output = " ".join(task.communicate(timeout=300)[0].decode().split())
    assert task.returncode == 1, output
    return output
