"""Steps of a task, and when they began and ended."""

import io

from rich.console import Console

from knative.machine.progress import Progress, Timing


def test_timings_are_in_the_order_of_beginnings() -> None:
    output = io.StringIO()
    progress = Progress(Console(file=output, highlight=False, width=80))
    with progress.step("Outer"), progress.step("Inner"):
        pass
    assert [each.title for each in progress.timings] == ["Inner", "Outer"]
    inner, outer = progress.timings
    assert 0 <= outer.began <= inner.began <= inner.ended <= outer.ended
    progress.timings = [Timing("Knative", 1.0, 2.0), Timing("RabbitMQ", 0.0, 4.0)]
    output.truncate(0)
    output.seek(0)
    progress.print_timings()
    assert [line.rstrip() for line in output.getvalue().splitlines()] == [
        "RabbitMQ      0.00   4.00 s  " + "█" * 40,
        "Knative       1.00   2.00 s  " + " " * 10 + "█" * 10,
    ]


def test_a_step_that_fails_has_no_timing() -> None:
    progress = Progress(Console(file=io.StringIO()))
    try:
        with progress.step("Broken"):
            raise ValueError
    except ValueError:
        assert progress.timings == []
