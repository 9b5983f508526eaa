"""A process that keeps its log's pipe open after its container has ended writes nowhere: to no file and no connection of others."""

import secrets
import threading
from pathlib import Path

import httpx

from tests.hostile.deployment import attacker, neighbour_of
from tests.journeys.people import Person
from tests.journeys.whole import Whole
from tests.proof import proof

pytestmark = proof("tenant-isolation")
ROUNDS = 3
FAULTS = ("Bad file descriptor", "Traceback", "not a socket", "Broken pipe")


def test_output_of_a_daemon_reaches_nobody_else(platform: Whole) -> None:
    log = platform.home.log / "knative.log"
    start = log.stat().st_size
    neighbour, _ = neighbour_of(platform, Person(platform).become_a_user())
    assert neighbour.deploy()["status"] == "succeeded", neighbour.deployment
    person, word = Person(platform).become_a_user(), f"overheard-{secrets.token_hex(12)}"
    procfile = f"web: exec python3 app.py\nrelease: python3 -m probes.talking {word} 30\n"
    found = attacker(platform, person, Procfile=procfile)
    ended, answers = threading.Event(), [0]
    overheard: list[str] = []

    def listen() -> None:
        """Open and close connections all the time: they reuse the numbers of closed descriptors."""
        while not ended.is_set():
            for ask in (neighbour.get, lambda: platform.send("GET", "/v1/users/me")):
                try:
                    text = ask().text
                except httpx.HTTPError as error:  # its message contains the bytes that were not a response
                    text = f"{word if word in str(error) else ''} {error!r}"
                answers[0] += 1
                if word in text:
                    overheard.append(text)

    threads = [threading.Thread(target=listen) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(ROUNDS):
            found.commit(round=number)
            assert found.deploy()["status"] == "succeeded", found.deployment
            found.post("/talk", word=word, seconds=30)  # by the instance that the next deployment ends
        found.delete()
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert answers[0] > 100 and overheard == []
    own = {f"app-{found.application['name']}"}
    strangers = [path for path in platform.home.path.rglob("*.log*") if path.is_file() and not own & set(path.parts) and holds(path, word)]
    assert strangers == []
    with log.open("rb") as file:
        file.seek(start)
        logged = file.read().decode(errors="replace")
    assert [fault for fault in FAULTS if fault in logged] == [], logged[-3000:]


def holds(path: Path, word: str) -> bool:
    return word.encode() in path.read_bytes()
