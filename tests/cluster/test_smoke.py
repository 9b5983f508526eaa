"""The link of the verification e-mail reaches `./taskw cluster smoke` by a pipe, and a missing one is named."""

import io
import sys

import pytest

from knative.cluster.smoke import typed_link
from knative.machine.problems import Problem


def test_the_link_is_read_from_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("https://capsule.example.org/verify#1\n"))

    assert typed_link("you@example.org") == "https://capsule.example.org/verify#1"


def test_a_closed_pipe_is_a_problem_that_names_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    with pytest.raises(Problem, match=r"you@example\.org"):
        typed_link("you@example.org")
