"""An inspection: a Job that clones and plans, in a namespace of its own, with the limits of a build."""

import json
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from functions.deploy.commands.inspect_repository import InspectRepository
from functions.deploy.domain.inspection import MAX_ACTIVE, MAX_HOURLY, InspectionState
from functions.deploy.domain.inspection_rejections import InspectionNotFound, TooManyInspections
from functions.deploy.domain.inspection_views import InspectionView
from functions.deploy.domain.rejections import InvalidAccessToken, InvalidRepository, InvalidSettings, RepositoryNotAllowed, TeamNotFound
from functions.deploy.ports import ClusterUnavailable, Inspections
from functions.deploy.queries.inspection import ShowInspection
from functions.kernel import new_id
from tests.deploy.deploy_capsule import COMMIT, OWNER, REPOSITORY, STRANGER, DeployCapsule

PLAN = {
    "kind": "python", "reason": "requirements.txt", "directory": ".",
    "toolchains": [{"name": "python", "version": "3.12", "source": ".python-version"}],
    "steps": [{"title": "Installing", "command": "uv pip install"}], "start": "uvicorn main:app", "release": "", "processes": [], "health": "",
    "port": None, "dockerfile": "", "isSite": False, "notices": [], "gaps": ["No lock file."], "isShortened": False,
    "variables": [{"name": "DATABASE_URL", "source": ".env.example", "example": "postgres://", "isRequired": True}],
}  # fmt: skip


async def request(capsule: DeployCapsule, **fields: Any) -> UUID:
    accepted = await capsule.call(InspectRepository(repository=fields.pop("repository", REPOSITORY), **fields), caller=OWNER)
    return UUID(str(accepted.id))


def place(inspection_id: UUID) -> tuple[str, str]:
    return f"app-inspect-{inspection_id.hex}", f"inspect-{inspection_id.hex}"


async def end(capsule: DeployCapsule, inspection_id: UUID, report: Any, **outcome: Any) -> InspectionView:
    namespace, name = place(inspection_id)
    capsule.cluster.job_ended(namespace, name, json.dumps(report), **outcome)
    await capsule.update_object("Job", namespace, name)
    return await show(capsule, inspection_id)


async def show(capsule: DeployCapsule, inspection_id: UUID, caller: Any = OWNER) -> InspectionView:
    view: InspectionView = await capsule.call(ShowInspection(inspection_id=inspection_id), caller=caller)
    return view


async def test_the_plan_is_shown_and_nothing_stays_in_the_cluster(capsule: DeployCapsule) -> None:
    inspection_id = await request(capsule, branch="main", directory="api", start_command="run")
    await capsule.settle()
    namespace, name = place(inspection_id)
    job = capsule.cluster.objects["Job", namespace, name]
    pod = job["spec"]["template"]["spec"]
    [clone], [plan] = pod["initContainers"], pod["containers"]
    assert clone["command"][-1] == "knative.builder.clone" and plan["command"][-1] == "knative.builder.inspection"
    assert [each["name"] for each in plan["volumeMounts"]] == ["workspace"], "what plans has no credentials"
    assert plan["securityContext"] == clone["securityContext"] and plan["resources"] == clone["resources"]
    for container in (clone, plan):
        env = {each["name"]: each["value"] for each in container["env"]}
        assert (env["REPOSITORY"], env["REF"], env["BASE_DIRECTORY"], env["START_COMMAND"]) == (REPOSITORY, "main", "api", "run")
    assert job["spec"]["activeDeadlineSeconds"] == 120 and job["spec"]["template"]["metadata"]["labels"]["capsule.dev/collect"] == "false"
    assert {"ResourceQuota", "NetworkPolicy", "Namespace"} <= {kind for kind, _, _ in capsule.cluster.objects}
    assert (await show(capsule, inspection_id)).state is InspectionState.RUNNING

    view = await end(capsule, inspection_id, {"commit": COMMIT, "plan": PLAN})
    assert (view.state, view.commit, view.problem) == (InspectionState.SUCCEEDED, COMMIT, None)
    assert view.plan is not None and view.plan.start == "uvicorn main:app" and view.plan.variables[0].name == "DATABASE_URL"
    assert not [key for key in capsule.cluster.objects if namespace in key]
    await capsule.advance(hours=25)
    await capsule.housekeeping()
    with pytest.raises(InspectionNotFound):
        await show(capsule, inspection_id)


@pytest.mark.parametrize(
    ("report", "outcome", "reason"),
    [
        ({"reason": "not-recognized", "detail": "Nothing is recognized."}, {"code": 1}, "not-recognized"),
        ({"reason": "made-up", "detail": "x"}, {"code": 1}, "build-failed"),
        ({"commit": COMMIT}, {}, "build-failed"),
        ({"commit": COMMIT, "plan": {**PLAN, "start": "x" * 301}}, {}, "build-failed"),
        ({"commit": COMMIT, "plan": {**PLAN, "port": "many"}}, {}, "build-failed"),
        ("no object", {}, "build-failed"),
    ],
)
async def test_a_failure_and_an_odd_report_have_a_reason(capsule: DeployCapsule, report: Any, outcome: dict[str, Any], reason: str) -> None:
    inspection_id = await request(capsule)
    await capsule.settle()
    view = await end(capsule, inspection_id, report, **outcome)
    assert view.state is InspectionState.FAILED and view.plan is None and view.problem is not None and view.problem.reason == reason


async def test_the_token_of_a_private_repository_is_kept_until_the_end_only(capsule: DeployCapsule) -> None:
    inspection_id = await request(capsule, token=SecretStr("a-secret-token"))
    await capsule.settle()
    namespace, name = place(inspection_id)
    secret = capsule.cluster.objects["Secret", namespace, name]
    assert list(secret["data"]) == ["repository.token"]
    stored = await capsule.port(Inspections).find(inspection_id)
    assert stored is not None and stored.token is not None
    await end(capsule, inspection_id, {"commit": COMMIT, "plan": PLAN})
    stored = await capsule.port(Inspections).find(inspection_id)
    assert stored is not None and stored.token is None


async def test_numbers_are_limited(capsule: DeployCapsule) -> None:
    for _ in range(MAX_ACTIVE):
        await request(capsule)
    with pytest.raises(TooManyInspections, match="run already"):
        await request(capsule)
    for _ in range(MAX_HOURLY - MAX_ACTIVE):
        await capsule.advance(seconds=121)
        await request(capsule)
    await capsule.advance(minutes=2)
    with pytest.raises(TooManyInspections, match="last hour"):
        await request(capsule)
    await capsule.advance(hours=1)
    await request(capsule)


async def test_an_end_that_was_not_noticed_is_found_by_housekeeping(capsule: DeployCapsule) -> None:
    lost, stuck = await request(capsule), await request(capsule)
    await capsule.settle()
    capsule.cluster.job_ended(*place(lost), json.dumps({"commit": COMMIT, "plan": PLAN}))
    await capsule.advance(minutes=6)
    await capsule.housekeeping()
    await capsule.settle()
    assert (await show(capsule, lost)).state is InspectionState.SUCCEEDED
    view = await show(capsule, stuck)
    assert view.problem is not None and view.problem.reason == "timed-out"
    assert not [key for key in capsule.cluster.objects if "inspect" in str(key)]


async def test_a_failed_deletion_is_tried_again_and_the_plan_stays(capsule: DeployCapsule, monkeypatch: pytest.MonkeyPatch) -> None:
    inspection_id = await request(capsule)
    await capsule.settle()

    async def unavailable(*_: Any) -> None:
        raise ClusterUnavailable("still being deleted")

    with monkeypatch.context() as patched:
        patched.setattr(capsule.cluster, "delete_namespace", unavailable)
        view = await end(capsule, inspection_id, {"commit": COMMIT, "plan": PLAN})
        assert view.state is InspectionState.SUCCEEDED
    await capsule.advance(minutes=5)
    assert not [key for key in capsule.cluster.objects if "inspect" in str(key)]


@pytest.mark.parametrize(
    ("fields", "rejection"),
    [
        ({"repository": "no address"}, InvalidRepository),
        ({"repository": "http://169.254.169.254/latest"}, RepositoryNotAllowed),
        ({"repository": "https://10.0.0.1/x.git"}, RepositoryNotAllowed),
        ({"repository": "https://localhost/x.git"}, RepositoryNotAllowed),
        ({"directory": "../up"}, InvalidSettings),
        ({"branch": "--upload-pack=x"}, InvalidSettings),
        ({"repository": "git@git.example.com:a/b.git", "token": SecretStr("x")}, InvalidAccessToken),
        ({"team_id": new_id()}, TeamNotFound),
    ],
)
async def test_what_a_build_would_refuse_is_refused(capsule: DeployCapsule, fields: dict[str, Any], rejection: type[Exception]) -> None:
    with pytest.raises(rejection):
        await request(capsule, **fields)


async def test_only_the_team_sees_it(capsule: DeployCapsule) -> None:
    inspection_id = await request(capsule)
    for caller, requested_id in ((STRANGER, inspection_id), (OWNER, new_id())):
        with pytest.raises(InspectionNotFound):
            await show(capsule, requested_id, caller)


async def test_a_refused_job_is_a_failed_inspection(capsule: DeployCapsule) -> None:
    inspection_id = await request(capsule)
    capsule.cluster.refusal = "no room"
    await capsule.settle()
    view = await show(capsule, inspection_id)
    assert view.problem is not None and view.problem.reason == "cluster-refused" and "no room" in view.problem.detail
