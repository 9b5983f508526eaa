"""No application can get a host name of the platform, and none reaches private networks."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from functions.deploy.adapters.shared_variables import EGRESS_ALLOW
from functions.deploy.domain import names, tenancy
from functions.deploy.domain.application import Application
from functions.deploy.domain.cluster_readings import read_service
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.names import ApplicationName, check_host_name
from functions.deploy.domain.network_policies import Egress
from functions.deploy.domain.observation import ServiceFailed
from functions.deploy.domain.quota import Quota
from functions.deploy.domain.rejections import HostNameReserved, InvalidApplicationName
from functions.wire.settings import InvalidSetting
from knative.local.processes.network import routes
from tests.deploy.deploy_capsule import IMAGE, OWNER, DeployCapsule
from tests.generated.kinds import PROJECT

ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{0,19}")
SERVING = "serving.knative.dev/"


def platform_services() -> dict[str, Path]:
    """Names of the Knative Services in all manifests, generated and handwritten; with their files."""
    services = {}
    for folder in ("base", "components", "overlays"):
        for file in sorted((PROJECT / "knative" / folder).rglob("*.yaml")):
            for manifest in yaml.load_all(file.read_text(), yaml.CSafeLoader):
                if manifest and manifest.get("kind") == "Service" and manifest["apiVersion"].startswith(SERVING):
                    services[manifest["metadata"]["name"]] = file
    return services


def test_no_application_gets_the_name_of_a_platform_service() -> None:
    services = platform_services()
    assert len(services) > 50 and {"edge-gateway", "dead-letters", "samples", "stripe-stand-in", "auth-register"} <= services.keys()
    for service, file in services.items():
        application, _, environment = service.rpartition("-")
        if not application or not ENVIRONMENT.fullmatch(environment):
            continue
        with pytest.raises((HostNameReserved, InvalidApplicationName)) as rejection:
            check_host_name(str(ApplicationName(application)), environment)
        assert service in str(rejection.value), f"{service} of {file}: add its first word to names.PLATFORM_WORDS"


def test_every_platform_word_is_used() -> None:
    assert {service.partition("-")[0] for service in platform_services()} <= names.PLATFORM_WORDS
    assert not names.PLATFORM_WORDS & names.RESERVED_NAMES


@pytest.mark.parametrize("name", ["capsule", "capsule-status", "kube-system", "knative-serving", "kubernetes", "default", "localhost"])
def test_system_names_are_rejected(name: str) -> None:
    with pytest.raises(InvalidApplicationName) as rejection:
        ApplicationName(name)
    assert rejection.value.errors[0].pointer == "/name" and name in rejection.value.detail


@pytest.mark.parametrize("name", ["capsules", "api", "www", "billing", "auth-service", "stripe-webhooks", "monitor", "kubectl", "my-capsule"])
def test_names_that_resemble_system_names_are_accepted(name: str) -> None:
    for environment in ("staging", "production"):
        check_host_name(str(ApplicationName(name)), environment)


async def test_an_environment_with_a_reserved_host_name_is_rejected_with_the_remedy(capsule: DeployCapsule) -> None:
    created = await capsule.create("stripe-stand")
    with pytest.raises(HostNameReserved) as rejection:
        await capsule.create_environment(created.id, "in")
    assert rejection.value.errors[0].pointer == "/name"
    assert "'stripe-stand-in' is reserved" in rejection.value.detail and "staging and production" in rejection.value.detail
    await capsule.deploy(created.id)  # staging is not reserved


async def test_an_older_environment_with_a_reserved_host_name_is_not_deployed(capsule: DeployCapsule) -> None:
    created = await capsule.create("stripe-stand")
    await capsule.complete((await capsule.deploy(created.id)).id)
    await capsule.environments.add(Environment(created.id, "in", capsule.clock.now()))
    event_count, objects, quota = len(capsule.published), dict(capsule.cluster.objects), await capsule.quotas.find(OWNER.user_id)
    for call in (
        capsule.deploy(created.id, "in"),
        capsule.promote(created.id, "staging", "in"),
        capsule.roll_back(created.id, "in"),
        capsule.scale(created.id, "in", max_scale=3),
    ):
        with pytest.raises(HostNameReserved):
            await call
    assert len(capsule.published) == event_count and capsule.cluster.objects == objects
    assert await capsule.quotas.find(OWNER.user_id) == quota
    await capsule.delete_environment(created.id, "in")


async def test_an_older_release_under_a_reserved_host_name_is_not_configured(capsule: DeployCapsule, monkeypatch: pytest.MonkeyPatch) -> None:
    created = await capsule.create("stripe-stand")
    with monkeypatch.context() as before_the_reservation:
        before_the_reservation.setattr(names, "PLATFORM_WORDS", frozenset())
        await capsule.create_environment(created.id, "in")
        released = await capsule.release(created.id, "in", IMAGE.replace("hello", "stripe-stand"))
        assert released.status == "succeeded"
    await capsule.advance(minutes=1)
    for environment in ("in", None):
        with pytest.raises(HostNameReserved):
            await capsule.configure(created.id, environment, variables={"A": "1"})
    assert not await capsule.configurations.at(created.id, 9)


async def test_an_older_application_with_a_reserved_name_is_not_deployed(capsule: DeployCapsule) -> None:
    application = Application(uuid4(), OWNER.user_id, "capsule-login", "https://git.example.com/x.git", capsule.clock.now())
    await capsule.applications.add([(application, Quota.default(OWNER.user_id, capsule.clock.now()))])
    with pytest.raises(HostNameReserved) as rejection:
        await capsule.deploy(application.id)
    assert "another name" in rejection.value.detail


def test_a_host_name_of_another_service_is_reported_as_the_reason() -> None:
    deployment, message = uuid4(), 'Ingress rejected: the domain name "shop-staging.localhost" belongs to another Route.'
    service = {
        "metadata": {"generation": 1},
        "spec": {"template": {"metadata": {"labels": {"capsule.dev/deployment": str(deployment)}}}},
        "status": {
            "observedGeneration": 1,
            "url": "http://shop-staging.localhost",
            "conditions": [{"type": "Ready", "status": "False", "reason": "DomainConflict", "message": message}],
        },
    }
    assert read_service(service, None, deployment) == ServiceFailed("host-name-taken", message)


def egress(*allowed: str) -> list[dict[str, object]]:
    """What instances may reach, as IP blocks."""
    objects = tenancy.tenancy("shop", uuid4(), Egress(networks=allowed))
    (policy,) = [each for each in objects if (each["kind"], each["metadata"]["name"]) == ("NetworkPolicy", "instances")]
    return [block["ipBlock"] for rule in policy["spec"]["egress"] for block in rule["to"] if "ipBlock" in block]


def test_one_machine_and_a_cluster_exclude_the_same_networks() -> None:
    (everywhere,) = [block for block in egress() if block["cidr"] == "0.0.0.0/0"]
    assert sorted(everywhere["except"]) == sorted(routes.REFUSED)  # type: ignore[call-overload]


def test_networks_that_the_operator_allows_are_open_on_both() -> None:
    text = "10.1.0.0/16, 192.168.7.7"
    assert EGRESS_ALLOW.read({EGRESS_ALLOW.name: text}) == ("10.1.0.0/16", "192.168.7.7/32")
    assert {"cidr": "10.1.0.0/16"} in egress("10.1.0.0/16", "192.168.7.7/32")
    plan = routes.RoutePlan.of(["10.1.2.3", "8.8.8.8"], ["10.1.0.0/16", "192.168.0.0/16"], ["172.16.5.5", "8.8.4.4", "10.1.2.3"])
    assert plan.through_gateway == ("10.1.0.0/16", "172.16.5.5/32"), "public networks need no route, and this machine is never reachable"
    assert {"10.0.0.0/8", "10.1.2.3/32", "8.8.8.8/32", "169.254.0.0/16"} <= set(plan.refused) and "192.168.0.0/16" not in plan.refused


@pytest.mark.parametrize("text", ["0.0.0.0/0", "169.254.169.254", "127.0.0.0/8", "8.8.8.8", "10.0.0.1/8", "shop.internal", "fd00::/8", "10.0.0.0/7"])
def test_only_private_networks_can_be_allowed(text: str) -> None:
    with pytest.raises(InvalidSetting, match="CAPSULE_EGRESS_ALLOW") as rejection:
        EGRESS_ALLOW.read({EGRESS_ALLOW.name: text})
    assert text in str(rejection.value)
