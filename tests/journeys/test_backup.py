"""A Capsule is lost and restored into another folder: its user signs in, the application answers with its rows, and is deployed again.
Backups that are killed, find no space or are damaged are no backups, and say why."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from functions.wire.backups import BackupKey
from knative.machine.backup import destination
from knative.machine.backup.outcome import Outcome
from tests.journeys.people import Person
from tests.journeys.test_data_services import deployed, visit, with_database
from tests.journeys.whole import Json, Whole
from tests.proof import proof
from tests.servers import discard, fresh_home

pytestmark = proof("backup")


@pytest.fixture(scope="module")
def user(own_whole: Whole) -> Person:
    return Person(own_whole, timeout_seconds=60).become_a_user()


@pytest.fixture(scope="module")
def application(user: Person) -> tuple[Json, str]:
    application, url = deployed(user, "notes")
    with_database(user, application)
    for _ in range(3):
        assert visit(user.whole, url, "/write").status_code == 200
    return application, url


@pytest.fixture(scope="module")
def stored(own_whole: Whole, application: tuple[Json, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a backup of the running Capsule."""
    folder = tmp_path_factory.mktemp("backups")
    print(own_whole.task("backup", str(folder)))
    return folder


@pytest.fixture
def empty() -> Iterator[Whole]:
    whole = Whole(fresh_home("capsule-restored-"))
    yield whole
    discard(whole.home)


def refused(whole: Whole, *words: str, **environment: str) -> str:
    """What a task prints that ends with an error."""
    changed = replace(whole.home, environment={**whole.home.environment, **environment})
    task = Whole(changed).start_task(*words, output=subprocess.PIPE)
    output = " ".join(task.communicate(timeout=300)[0].decode().split())
    assert task.returncode == 1, output
    return output


def key(whole: Whole) -> str:
    return destination.keys(whole.home).current.text


def listed(folder: Path) -> list[str]:
    return sorted(each.parent.name for each in folder.glob("capsule/*/manifest"))


def test_a_backup_that_is_killed_is_not_listed(own_whole: Whole, stored: Path) -> None:
    before = listed(stored)
    task = own_whole.start_task("backup", str(stored), output=subprocess.PIPE)
    assert task.stdout is not None
    for line in task.stdout:
        if "Databases" in line.decode():
            break
    task.kill()
    task.wait()
    task.stdout.close()
    assert len(list((stored / "capsule").iterdir())) == len(before) + 1, "its parts are there"
    assert listed(stored) == before
    assert before[0] in own_whole.task("backup", str(stored), "--list")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_ends_a_backup_with_its_reason(own_whole: Whole, stored: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tmp_path], check=True)
    try:
        assert "No space left on device" in refused(own_whole, "backup", str(tmp_path))
        assert listed(tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    outcome = Outcome.read(own_whole.home)
    assert outcome is not None and "No space left" in outcome.error and outcome.last_good_at


def test_what_cannot_be_restored_is_refused_before_anything_is_written(own_whole: Whole, empty: Whole, stored: Path, tmp_path: Path) -> None:
    other = BackupKey.generate().text
    assert "was encrypted with the backup key" in refused(empty, "restore", str(stored), CAPSULE_BACKUP_KEY=other)
    assert "needs the backup key" in refused(empty, "restore", str(stored))
    assert "This is no backup key" in refused(empty, "restore", str(stored), CAPSULE_BACKUP_KEY=key(own_whole)[:-1])

    damaged = tmp_path / "damaged"
    shutil.copytree(stored, damaged)
    part = damaged / "capsule" / listed(stored)[-1] / "database-deploy"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    output = refused(empty, "restore", str(damaged), CAPSULE_BACKUP_KEY=key(own_whole))
    assert "database-deploy is damaged" in output and "Nothing was written" in output
    assert "Capsule runs in" in refused(own_whole, "restore", str(stored), "--force")
    assert not any(each.name not in ("run", "log", "secrets") for each in empty.home.path.iterdir())


def test_everything_answers_after_a_restore(own_whole: Whole, user: Person, application: tuple[Json, str], empty: Whole, stored: Path) -> None:
    view, url = application
    visit(own_whole, url, "/write")  # after the backup: it is not in it
    backup_key = key(own_whole)
    own_whole.task("down")
    own_whole.home.path.rename(own_whole.home.path.with_name(f"{own_whole.home.path.name}-lost"))
    own_whole.home.path.mkdir()

    restored = Whole(replace(own_whole.home, path=empty.home.path, environment={**empty.home.environment, "CAPSULE_BACKUP_KEY": backup_key}))
    print(restored.task("restore", str(stored), "--id", listed(stored)[0]))
    print(restored.up())
    again = replace(user, whole=restored, session={})
    again.sign_in()
    assert visit(restored, url).text == "1,2,3"
    assert again.get(f"/v1/apps/{view['id']}")["id"] == view["id"]
    (service,) = again.get(f"/v1/apps/{view['id']}/services")["items"]
    assert service["state"] == "ready"

    assert visit(restored, url, "/write").text == "4"
    ended = again.deploy(view)
    assert ended["status"] == "succeeded", (ended, again.log(view, "build"))
    assert visit(restored, url).text == "1,2,3,4"
    shutil.rmtree(own_whole.home.path.with_name(f"{own_whole.home.path.name}-lost"))
