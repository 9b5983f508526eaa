"""A Django application in production: PostgreSQL, Redis, a worker, a nightly job, uploads on a volume, its own domain over HTTPS. Everything dies by
kill -9; then the machine is lost, restored from a backup, and the whole journey goes on.

The tests of this file are chapters of one story.
"""

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from knative.machine.backup import destination
from tests.journeys.gallery_site import Gallery, files, next_time
from tests.journeys.own_domain import DomainVisitor, add_domain, whole_with_domains
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until
from tests.pebble import Pebble
from tests.proof import proof

pytestmark = proof("production")
HOST = "gallery.example.com"
NEXT_MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("photos", "0001_initial")]
    operations = [migrations.AddField("Photo", "place", models.CharField(max_length=100, default="somewhere"))]
"""


@dataclass
class Production:
    """Of the story: the restored Capsule replaces the one that was lost."""

    whole: Whole
    pebble: Pebble
    gallery: Gallery
    domain: str = ""
    schedule: str = ""
    backups: Path = Path()
    serial_number: int = 0

    @property
    def visitor(self) -> DomainVisitor:
        return DomainVisitor(self.whole, HOST, self.pebble.root())


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with whole_with_domains(tmp_path_factory.mktemp("pebble")) as (whole, pebble):
        person = Person(whole, timeout_seconds=60).become_a_user()
        repository = whole.repository("gallery", files())
        yield Production(whole, pebble, Gallery(person, repository, person.create(repository.url)), backups=tmp_path_factory.mktemp("backups"))


def test_it_is_deployed_with_all_that_it_needs(production: Production) -> None:
    gallery = production.gallery
    gallery.configure(HOST)
    began = time.monotonic()
    gallery.bind("main", "postgres")
    print(f"database created and bound: {time.monotonic() - began:.2f} s")
    gallery.bind("cache", "redis")
    gallery.attach_volume()
    gallery.deploy()
    production.schedule = gallery.schedule_nightly()
    production.domain = add_domain(gallery.person, gallery.application, "production", HOST, production.pebble)
    until(lambda: production.visitor.plain("/").status_code == 308, why="for the certificate at the ingress")


def test_it_answers_over_https_on_its_own_domain(production: Production) -> None:
    visitor = production.visitor
    production.serial_number = visitor.serial_number()
    answer = visitor.get("/").json()
    assert (answer["secure"], answer["host"]) == (True, HOST) and answer["visits"] >= 1
    moved = visitor.plain("/photos?page=2")
    port = production.whole.home.ports.domains_https
    assert (moved.status_code, moved.headers["location"]) == (308, f"https://{HOST}:{port}/photos?page=2")
    login = visitor.get("/admin/login/?next=/admin/")
    assert login.status_code == 200 and "csrftoken" in login.cookies
    style = re.search(r'href="([^"]*admin/css/base[^"]*)"', login.text)
    assert style is not None and visitor.get(style[1]).status_code == 200, login.text


def test_uploads_are_stored_and_the_worker_handles_them(production: Production) -> None:
    visitor = production.visitor
    with visitor.client() as client:
        for size in (1, 5_000, 2_000_000):
            production.gallery.upload(visitor, client, os.urandom(size))
    production.gallery.check(visitor)


def test_the_nightly_job_runs_at_its_time(production: Production) -> None:
    production.gallery.wait_for_run(production.schedule, 0)
    assert production.visitor.get("/reports").json()["reports"]


@contextmanager
def uploads(production: Production) -> Iterator[list[int]]:
    """Two users who upload without a pause. Yields the ids of what was acknowledged."""
    acknowledged: list[int] = []
    ends = threading.Event()

    def use() -> None:
        visitor = production.visitor
        while not ends.is_set():
            try:
                with visitor.client() as client:
                    while not ends.is_set():
                        acknowledged.append(production.gallery.upload(visitor, client, os.urandom(1000)))
            except httpx.HTTPError:
                time.sleep(0.2)

    threads = [threading.Thread(target=use) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        yield acknowledged
    finally:
        ends.set()
        for each in threads:
            each.join()


def test_what_was_acknowledged_survives_kill_9_of_everything(production: Production) -> None:
    with uploads(production) as acknowledged:
        until(lambda: len(acknowledged) > 20, 60, "for uploads")
        assert production.whole.kill_everything() > 10
        production.whole.up()
        before = len(acknowledged)
        until(lambda: len(acknowledged) > before + 10, 120, "for uploads after the start")
    production.gallery.check(production.visitor)


def redis_lines(whole: Whole) -> list[str]:
    """What the one-machine Knative logged about Redis services: the reason of a failure."""
    logs = [each.read_text(errors="replace").splitlines() for each in whole.home.path.glob("**/knative*.log")]
    return [line for lines in logs for line in lines if "Redis" in line][-20:]


def test_a_lost_machine_is_restored(production: Production) -> None:
    lost, gallery = production.whole, production.gallery
    visits = production.visitor.get("/").json()["visits"]
    reports = production.visitor.get("/reports").json()
    gallery.check(production.visitor)
    before = dict(gallery.uploaded)
    with uploads(production):  # during the backup: these may be missing from it
        print(lost.task("backup", str(production.backups)))
    key = destination.keys(lost.home).current.text
    lost.task("down")
    moved = lost.home.path.with_name(f"{lost.home.path.name}-lost")
    lost.home.path.rename(moved)

    production.whole = Whole(replace(lost.home, environment={**lost.home.environment, "CAPSULE_BACKUP_KEY": key}))
    print(production.whole.task("restore", str(production.backups)))
    production.whole.up()
    shutil.rmtree(moved)
    gallery.person = replace(gallery.person, whole=production.whole, session={})
    gallery.person.sign_in()
    gallery.uploaded = before

    assert production.visitor.serial_number() == production.serial_number, "no other certificate was needed"
    gallery.check(production.visitor)
    assert production.visitor.get("/reports").json() == reports
    answer = production.visitor.get("/")
    assert answer.status_code == 200, "\n".join(redis_lines(production.whole))
    assert answer.json()["visits"] >= visits + 1


def test_the_whole_journey_goes_on(production: Production) -> None:
    gallery, visitor = production.gallery, production.visitor
    answer = visitor.get("/")
    assert answer.status_code == 200, "\n".join(gallery.person.log(gallery.application, "run")[-40:])
    tables = answer.json()["tables"]
    answer = gallery.person.patiently("PATCH", production.schedule, {"cron": next_time()})
    assert answer.status_code == 202, answer.text
    before = len(gallery.runs(production.schedule))
    models = files()["photos/models.py"]
    changed = models.replace("    digest =", '    place = models.CharField(max_length=100, default="somewhere")\n    digest =')
    views = files()["photos/views.py"].replace('values("id", "title", "digest")', 'values("id", "title", "digest", "place")')
    gallery.repository.commit(
        {"photos/models.py": changed, "photos/views.py": views, "photos/migrations/0002_place.py": NEXT_MIGRATION}, "Photos have a place"
    )
    gallery.deploy()
    assert {each["place"] for each in visitor.get("/photos").json()["photos"]} == {"somewhere"}
    assert visitor.get("/").json()["tables"] == tables
    with visitor.client() as client:
        gallery.upload(visitor, client, os.urandom(3_000))
    gallery.check(visitor)
    gallery.wait_for_run(production.schedule, before)
    domain = gallery.person.get(production.domain)
    assert (domain["state"], domain["certificate"]["failure"]) == ("verified", None)
