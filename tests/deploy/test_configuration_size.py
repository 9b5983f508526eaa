"""An environment that is too large is refused when it is set, and a configuration shows how it differs from the running release."""

from datetime import UTC, datetime
from typing import Any

import pytest

from functions.deploy.domain.configuration import Change, Entry
from functions.deploy.domain.configuration_size import MAX_ENVIRONMENT_BYTES, check_size, environment_size
from functions.deploy.domain.rejections import InvalidConfiguration
from functions.deploy.queries.environment_configuration import ShowEnvironmentConfiguration
from tests.deploy.deploy_capsule import OWNER, DeployCapsule

LARGE = "x" * 32_000
AT = datetime(2026, 11, 29, tzinfo=UTC)


def change(**variables: str) -> Change:
    return Change(variables, {}, frozenset())


def test_the_limit_is_below_those_of_the_kernel_and_of_kubernetes() -> None:
    assert MAX_ENVIRONMENT_BYTES < 1024 * 1024  # of a Secret; execve has 2 MiB


@pytest.mark.parametrize("scope", ["", "staging"])
def test_an_environment_holds_entries_of_both_scopes(scope: str) -> None:
    entries = [Entry("", f"A{number}", 1, AT, value=LARGE) for number in range(4)] + [
        Entry("staging", f"S{number}", 1, AT, value=LARGE) for number in range(4)
    ]
    check_size(entries, change(ONE="1"), scope)
    with pytest.raises(InvalidConfiguration, match=r"of environment staging would have \d{3},\d{3} bytes: use at most 262,144"):
        check_size(entries, change(LAST=LARGE), scope)
    check_size(entries, change(LAST=LARGE), "production")


def test_an_override_counts_once_and_unsetting_it_brings_the_shared_value_back() -> None:
    entries = [Entry("", "A", 1, AT, value=LARGE), Entry("staging", "A", 2, AT, value="small")]
    assert environment_size(entries, "staging") == len("A=small") + 1
    full = [*entries, *(Entry("staging", f"S{number}", 1, AT, value=LARGE) for number in range(8))]
    with pytest.raises(InvalidConfiguration):
        check_size(full, Change({}, {}, frozenset({"A"})), "staging")


def test_a_secret_counts_with_about_its_own_size() -> None:
    sealed = "sealed:k1:" + "x" * (32_000 * 4 // 3)
    assert 32_000 <= environment_size([Entry("", "A", 1, AT, sealed=sealed)], "staging") < 33_000


def test_what_is_too_large_already_may_shrink() -> None:
    entries = [Entry("", f"A{number}", 1, AT, value=LARGE) for number in range(10)]
    check_size(entries, Change({}, {}, frozenset({"A1"})), "")


async def test_a_request_that_makes_an_environment_too_large_changes_nothing(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    with pytest.raises(InvalidConfiguration, match="use at most 262,144"):
        await capsule.configure(application.id, variables={f"A{number}": LARGE for number in range(9)})
    accepted = await capsule.configure(application.id, variables={"HOST": "example.org", "HOSTNAME": "x"})
    assert accepted.version == 1


async def test_a_configuration_names_what_differs_from_the_release_that_serves(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    request = ShowEnvironmentConfiguration(application_id=application.id, environment="staging")
    assert (await capsule.call(request, caller=OWNER)).released is None
    await capsule.configure(application.id, variables={"KEPT": "1", "CHANGED": "1", "REMOVED": "1"})
    await capsule.release(application.id)
    released = (await capsule.call(request, caller=OWNER)).released
    assert (released.release, released.added, released.changed, released.removed) == (1, [], [], [])

    changes: dict[str, Any] = {"variables": {"CHANGED": "2", "NEW": "1"}, "secrets": {"TOKEN": "t"}, "unset": ["REMOVED"]}
    await capsule.configure(application.id, **changes, deploy=False)
    released = (await capsule.call(request, caller=OWNER)).released
    assert (released.version, released.added, released.changed, released.removed) == (1, ["NEW", "TOKEN"], ["CHANGED"], ["REMOVED"])
    assert [(each.name, each.change, each.before, each.after) for each in released.differences] == [
        ("CHANGED", "changed", "1", "2"),
        ("NEW", "added", None, "1"),
        ("REMOVED", "removed", "1", None),
        ("TOKEN", "added", None, None),
    ]


async def test_an_empty_request_releases_what_was_saved_once(capsule: DeployCapsule) -> None:
    application = await capsule.create()
    await capsule.release(application.id)
    assert (await capsule.configure(application.id)).deployments == [], "nothing is saved"
    await capsule.configure(application.id, variables={"A": "1"}, deploy=False)
    assert (await capsule.configure(application.id, deploy=False)).deployments == []
    await capsule.advance(minutes=1)
    [accepted] = (await capsule.configure(application.id, None)).deployments
    assert (accepted.environment, accepted.cause) == ("staging", "configuration")
    deployment = await capsule.complete(accepted.id)
    assert deployment.release == 2
    await capsule.advance(minutes=1)
    assert (await capsule.configure(application.id)).deployments == [], "the release has it"
