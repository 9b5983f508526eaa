"""An image keeps the content that was hashed: neither its build, nor an instance, nor a tenant with equal source can change it."""

import secrets
import time
from pathlib import Path

import pytest

from tests.hostile import host
from tests.hostile.deployment import Application, application, attacker, files, is_clear_failure, kept_busy
from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.proof import proof

pytestmark = proof("tenant-isolation")
CONTENT = "content.txt"
ORIGINAL = "the original content, long enough to be written over: " + "." * 80


def test_a_daemon_of_the_build_cannot_write_into_the_image(platform: Whole) -> None:
    """The daemon keeps a file of the result open and writes to it, each 50 ms another number, from the moment at which the build has its result.

    What it wrote before the digest was computed is its own image's content. Nothing changes after that.
    """
    word = secrets.token_hex(20)
    found = attacker(
        platform,
        Person(platform).become_a_user(),
        [["daemon", "write_late", {"name": CONTENT, "parts": [word[:20], word[20:]]}]],
        **{CONTENT: ORIGINAL},
    )
    if found.deploy()["status"] == "succeeded":
        content = found.get().json()["content"]
        time.sleep(2)
        assert found.get().json()["content"] == content
        assert all(Path(each).read_text() == content for each in holding(platform.home.path, word))
    else:
        assert is_clear_failure(found.deployment), found.deployment
        assert holding(platform.home.path, word) == []


def test_an_instance_cannot_write_into_an_image_that_is_being_built(platform: Whole) -> None:
    """The instance opens files of the build through /proc and writes to them when the build has ended.

    Another tenant has equal source.
    """
    mallory, alice = Person(platform).become_a_user(), Person(platform).become_a_user()
    word = secrets.token_hex(20)
    found = attacker(platform, mallory, [], **{CONTENT: ORIGINAL})
    assert found.deploy()["status"] == "succeeded", found.deployment
    assert found.post("/hold", text=word, seconds=60).json()["searching"]
    contents = files(host.NOTHING, [["sleep", 4]], **{CONTENT: ORIGINAL, "second": "2"})
    found.repository.commit({"build.json": contents["build.json"], "second": "2"}, "Build for a while")
    with kept_busy(found):
        deployment = found.deploy()
    assert deployment["status"] == "succeeded", deployment
    equal = application(platform, alice, contents)
    assert equal.deploy()["status"] == "succeeded", equal.deployment
    assert [each.get().json()["content"] for each in (found, equal)] == [ORIGINAL, ORIGINAL]
    assert holding(platform.home.path, word) == []


def test_two_tenants_have_two_images(platform: Whole) -> None:
    """Equal source may give an equal digest, but never a shared file."""
    contents = {"index.html": secrets.token_hex(8)}
    references = []
    for _ in range(2):
        found = application(platform, Person(platform).become_a_user(), contents)
        assert found.deploy()["status"] == "succeeded", found.deployment
        references.append(image_of(found))
    assert references[0] != references[1], "one image for two applications"


def image_of(found: Application) -> str:
    """Return the reference of the image that an application runs."""
    name = found.application["name"]
    (service,) = found.whole.cluster.find("serving.knative.dev/v1", "Service", f"app-{name}")
    return str(service["spec"]["template"]["spec"]["containers"][0]["image"])


def holding(folder: Path, word: str) -> list[str]:
    """Return the files of the image store that contain a word."""
    places = [path for path in folder.glob("**/images") if path.is_dir()]
    assert places, f"no image store below {folder}"
    found = [path for place in places for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    return [str(path) for path in found if word.encode() in path.read_bytes()]


@pytest.mark.parametrize("place", ["application"])
def test_an_instance_writes_only_into_its_own_layer(platform: Whole, place: str) -> None:
    """What an instance writes to its image's folder is deleted with it; no later instance finds it."""
    found = attacker(platform, Person(platform).become_a_user(), [], **{CONTENT: ORIGINAL})
    assert found.deploy()["status"] == "succeeded", found.deployment
    word = secrets.token_hex(20)
    found.post("/overwrite", name=CONTENT, text=word)
    found.post("/exit")
    assert until_content(found) == ORIGINAL
    assert holding(platform.home.path, word) == []


def until_content(found: Application) -> str:
    """Return the content that the next instance serves. The ending one may still answer 502 for a moment."""
    for _ in range(60):
        answer = found.get()
        if answer.status_code == 200:
            return str(answer.json()["content"])
        time.sleep(0.25)
    raise AssertionError(answer.text)
