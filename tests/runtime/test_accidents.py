"""Processes killed at each point between taking a message and having told the world, with many messages under way: after recovery each command
has one effect and one outcome, and each event one effect at each of its subscribers.

And the proof that these tests prove something: with the claim, the outbox, the confirms or the delay exchange taken away, they fail.
"""

import threading

import pytest

from tests.proof import proof
from tests.runtime.accidents import CELLS, MESSAGES, Line, audit, nothing_is_left, send
from tests.runtime.harness import World, until
from tests.runtime.messages import deposit, request

IN_EACH_RUN = frozenset((("probe.deposit", "before-marking"), ("probe.on_deposited", "after-commit")))
"""An event that was published and not marked, and one that was committed and not published. The proof has all points."""
POINTS = [
    pytest.param(function, point, marks=() if (function, point) in IN_EACH_RUN else proof("recovery"))
    for function, points in CELLS.items()
    for point in points
]


@pytest.mark.parametrize(("function", "point"), POINTS)
def test_a_process_killed_at_any_point_loses_nothing_and_doubles_nothing(world: World, function: str, point: str) -> None:
    flag = world.folder / f"{function}-{point}"
    line = Line(world, ACCIDENT=f"{function}/{point}", ACCIDENT_AT="7", ACCIDENT_DEATHS="2", ACCIDENT_FLAG=str(flag))
    audit(world, send(world, MESSAGES, f"{function}-{point}"))
    nothing_is_left(world, line)
    assert line.deaths == 2, "the accident did not happen"


def _two_workers_same_message(world: World, **environment: str) -> tuple[list[int], int]:
    workers = [world.worker(**environment), world.worker(**environment)]
    command = request("probe.deposit")
    answers: list[int] = []
    threads = [threading.Thread(target=lambda w=worker: answers.append(w.post(command, deposit(account="both", how="slow")))) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in workers:
        headers, body = world.reply(command["correlationid"])
        assert (headers["outcome"], body) == ("done", {"total": 100})
    return answers, world.count("deposits WHERE account = 'both'")


def test_the_same_message_at_two_workers_at_once_has_one_effect_and_both_give_the_same_answer(fresh_world: World) -> None:
    assert _two_workers_same_message(fresh_world) == ([204, 204], 1)


@proof("recovery")
def test_without_the_claim_the_tests_fail(fresh_world: World) -> None:
    line = Line(fresh_world, ACCIDENT="probe.deposit/after-commit", ACCIDENT_AT="7", SWITCHED_OFF="claim")
    sent = send(fresh_world)
    with pytest.raises(AssertionError):
        audit(fresh_world, sent, seconds=5)
    line.end()


@proof("recovery")
def test_without_the_outbox_the_tests_fail(fresh_world: World) -> None:
    line = Line(fresh_world, ACCIDENT="probe.deposit/before-publish", ACCIDENT_AT="7", SWITCHED_OFF="outbox")
    sent = send(fresh_world)
    with pytest.raises(AssertionError, match="to be deposited"):
        audit(fresh_world, sent, seconds=8)
    line.end()


def _the_bell_is_away_until_all_have_tried(world: World, **environment: str) -> None:
    away = world.folder / "bell-is-away"
    away.touch()
    line = Line(world, PROBE_BELL_AWAY=str(away), **environment)
    sent = send(world, 20)

    def tried() -> set[str]:
        ring = [entry for entry in line.worker.lines() if entry["function"] == "probe.on_deposited_ring"]
        return {entry["message"] for entry in ring if entry["outcome"] in ("retried", "dead")}

    until(lambda: len(tried()) >= 20, 20, "for each to have met the bell away")
    if environment:
        until(lambda: world.count("dead_letters"), 20, "for one to have given up at once")
    away.unlink()
    try:
        audit(world, sent, seconds=15)
    finally:
        line.end()


def test_what_fails_for_a_moment_is_tried_again_later_and_succeeds(fresh_world: World) -> None:
    _the_bell_is_away_until_all_have_tried(fresh_world)


@proof("recovery")
def test_without_the_delay_exchange_the_tests_fail(fresh_world: World) -> None:
    with pytest.raises(AssertionError, match="to be rung"):
        _the_bell_is_away_until_all_have_tried(fresh_world, SWITCHED_OFF="delays")
    assert fresh_world.count("dead_letters") > 0
