"""Where the platform's functions run, read from Services and pods."""

from typing import Any

import pytest

from functions.deploy.domain.function_instances import FunctionState, read_functions
from functions.deploy.ports import ClusterUnavailable
from functions.deploy.queries.function_instances import ListFunctionInstances
from functions.kernel import Caller, Forbidden, new_id
from tests.capsule import Capsule
from tests.dashboard.furnished import run_functions

AT = "2026-11-29T12:00:00Z"


def service(name: str = "auth-login", functions: str = "auth.login", **status: Any) -> dict[str, Any]:
    container = {"env": [{"name": "CAPSULE_FUNCTION", "value": functions}] if functions else []}
    return {
        "metadata": {"name": name, "labels": {"app.kubernetes.io/component": "auth"}, "annotations": {"capsule.dev/summary": "Sign in."}},
        "spec": {"template": {"metadata": {"annotations": {"autoscaling.knative.dev/max-scale": "3"}}, "spec": {"containers": [container]}}},
        "status": {"conditions": [{"type": "Ready", "status": "True", **status}]},
    }


def pod(name: str, state: dict[str, Any], *, ready: bool = False, service: str = "auth-login", **more: Any) -> dict[str, Any]:
    labels = {"serving.knative.dev/service": service}
    container = {"name": "user-container", "ready": ready, "restartCount": 2, "state": state, **more}
    return {"metadata": {"name": name, "labels": labels, "creationTimestamp": AT}, "status": {"phase": "Running", "containerStatuses": [container]}}


WAITING = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(
    ("services", "pods", "state", "detail"),
    [
        ([service()], [], FunctionState.ZERO, ""),
        ([service()], [pod("a", {"running": {}}, ready=True)], FunctionState.RUNNING, ""),
        ([service()], [pod("a", {"waiting": {"reason": "ContainerCreating"}})], FunctionState.STARTING, ""),
        ([service()], [pod("a", WAITING, lastState={"terminated": {"exitCode": 137}})], FunctionState.FAILED, "a exited with code 137"),
        ([service(status="False", message="no such Secret")], [], FunctionState.FAILED, "no such Secret"),
        ([service(status="False", reason="RevisionMissing")], [], FunctionState.FAILED, "RevisionMissing"),
        ([service()], [pod("a", {"running": {}}, ready=True, service="auth-logout")], FunctionState.ZERO, ""),
    ],
)
def test_the_state_follows_from_conditions_and_pods(services: list[Any], pods: list[Any], state: FunctionState, detail: str) -> None:
    [found] = read_functions(services, pods)
    assert found.state is state and detail in found.detail and bool(detail) == bool(found.detail)


def test_a_grouped_service_has_all_its_functions_and_other_services_are_left_out() -> None:
    [found] = read_functions(
        [service("auth", "auth.login,auth.logout"), service("samples", "")], [pod("a", {"running": {}}, ready=True, service="auth")]
    )
    assert found.functions == ["auth.login", "auth.logout"] and (found.ready, found.restarts, found.max_scale) == (1, 2, 3)


async def test_administrators_list_them_and_others_do_not() -> None:
    capsule = Capsule()
    run_functions(capsule)
    root = Caller(new_id(), frozenset({"user", "admin"}))
    view = await capsule.call(ListFunctionInstances(), caller=root)
    assert (view.running, view.failed, view.instances) == (3, 1, 4) and view.zero == len(view.services) - 4
    by_name = {each.service: each for each in view.services}
    assert by_name["auth-login"].instances == 2 and by_name["auth-login"].functions == ["auth.login"] and by_name["auth-login"].summary
    with pytest.raises(Forbidden):
        await capsule.call(ListFunctionInstances(), caller=Caller(new_id()))


async def test_an_unreachable_cluster_is_an_error() -> None:
    capsule = Capsule()
    run_functions(capsule).is_unavailable = True
    with pytest.raises(ClusterUnavailable):
        await capsule.call(ListFunctionInstances(), caller=Caller(new_id(), frozenset({"user", "admin"})))
