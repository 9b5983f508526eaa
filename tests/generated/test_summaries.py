"""Summaries of functions: the first line of a docstring is what OpenAPI, AsyncAPI and `capsule.dev/summary` show."""

from functools import cache
from typing import Any

import pytest
import yaml

from functions.describe.catalog import Catalog, known_events
from functions.describe.services import MAX_NAME_LENGTH, SUMMARY
from functions.kernel import Declaration, Event
from functions.runtime.config.registry import Registry
from tests.generated.kinds import PROJECT

DECLARATIONS = Catalog.of(Registry.load().declarations).declarations
MAX_LENGTH = 60
MAX_EVENT_LENGTH = 72
VERBS = frozenset(
    """
    Acknowledge Add Allow Append Apply Attach Begin Bind Cancel Change Charge Clean Close Confirm Continue Create Decide Delete Deploy Detach Download
    E-mail End Erase Evaluate Exchange Export Fire Get Grant Handle Inspect Invoice Keep Learn Link List Mark Measure Observe Open Pay Promote
    Publish Read Record Redeem Refresh Refund Refuse Register Remove Rename Replace Replay Report Request Reset Resize Resolve Restart Restore
    Resume Revoke Roll Rotate Route Run Send Set Show Sign Start Stop Store Stream Suspend Sweep Take Tell Transfer Turn Unbind Undo Update
    Verify
    """.split()  # noqa: SIM905
)
"""Imperatives that summaries begin with. A new verb is fine: add it here."""


def summary_faults(summary: str) -> list[str]:
    """Return what is wrong with the summary of a function."""
    faults = []
    if summary.split()[0] not in VERBS:
        faults.append("does not begin with an imperative (add a new verb to VERBS)")
    if len(summary) > MAX_LENGTH:
        faults.append(f"has {len(summary)} characters, at most {MAX_LENGTH}")
    if not summary.endswith("."):
        faults.append("is not a sentence with a full stop, or goes on in the next line")
    if ";" in summary or " who " in summary:
        faults.append("has a subordinate clause: use a main clause")
    return faults


def test_every_function_has_a_short_imperative_summary() -> None:
    faults = [f"{each.name}: {each.summary!r} {fault}" for each in DECLARATIONS for fault in summary_faults(each.summary)]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize(
    "summary",
    [
        "A user makes an application of a git repository",
        "What was or is wrong.",
        "Creates an application.",
        "Create an application from a git repository, build it and route its traffic.",
        "Deploy an application; what becomes of it is told by its row.",
    ],
)
def test_a_summary_that_breaks_the_rules_is_rejected(summary: str) -> None:
    assert summary_faults(summary)


@pytest.mark.parametrize("event", known_events(), ids=lambda event: event.type)
def test_the_summary_of_an_event_is_one_short_sentence(event: type[Event]) -> None:
    assert event.__doc__ and event.__doc__ != event.__base__.__doc__
    summary = event.__doc__.strip().splitlines()[0]
    assert len(summary) <= MAX_EVENT_LENGTH and summary.endswith("."), summary


@cache
def services(context: str) -> dict[str, Any]:
    manifests = yaml.load_all((PROJECT / f"knative/base/{context}.yaml").read_text(), yaml.CSafeLoader)
    return {each["metadata"]["name"]: each for each in manifests if each and each["kind"] == "Service"}


@pytest.mark.parametrize("declaration", DECLARATIONS, ids=lambda declaration: declaration.name)
def test_the_service_of_a_function_has_a_short_name_and_its_summary(declaration: Declaration) -> None:
    names = services(declaration.context)
    assert len(declaration.resource_name) <= MAX_NAME_LENGTH
    assert names[declaration.resource_name]["metadata"]["annotations"] == {SUMMARY: declaration.summary}
