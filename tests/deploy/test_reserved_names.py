"""No application can have a host name of the platform, and none reaches what is private."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from functions.deploy.domain import names, tenancy
from functions.deploy.domain.application import Application, Quota
from functions.deploy.domain.environment import Environment
from functions.deploy.domain.names import ApplicationName, demand_own_host
from functions.deploy.domain.observation import NotServing, read_rollout
from functions.deploy.domain.rejections import HostNameReserved, InvalidApplicationName
from knative.local.processes.network import routes
from tests.deploy.world import OWNER, World
from tests.generated.kinds import PROJECT

ENVIRONMENT = re.compile(r"[a-z][a-z0-9]{0,19}")
SERVING = "serving.knative.dev/"


def platform_services() -> dict[str, Path]:
    """Of every manifest that is applied anywhere, generated or written by hand."""
    found = {}
    for folder in ("base", "components", "overlays"):
        for file in sorted((PROJECT / "knative" / folder).rglob("*.yaml")):
            for manifest in yaml.load_all(file.read_text(), yaml.CSafeLoader):
                if manifest and manifest.get("kind") == "Service" and manifest["apiVersion"].startswith(SERVING):
                    found[manifest["metadata"]["name"]] = file
    return found


def test_no_application_and_environment_make_a_service_of_the_platform() -> None:
    services = platform_services()
    assert len(services) > 50 and {"edge-gateway", "dead-letters", "samples", "stripe-stand-in", "auth-register"} <= services.keys()
    for service, file in services.items():
        application, _, environment = service.rpartition("-")
        if not application or not ENVIRONMENT.fullmatch(environment):
            continue
        with pytest.raises((HostNameReserved, InvalidApplicationName)) as refused:
            demand_own_host(str(ApplicationName(application)), environment)
        assert service in str(refused.value), f"{service} of {file}: add its first word to names.PLATFORM_WORDS"


def test_every_word_is_needed() -> None:
    assert {service.partition("-")[0] for service in platform_services()} <= names.PLATFORM_WORDS
    assert not names.PLATFORM_WORDS & names.RESERVED_NAMES


@pytest.mark.parametrize("name", ["capsule", "capsule-status", "kube-system", "knative-serving", "kubernetes", "default", "localhost"])
def test_names_of_the_system_are_refused(name: str) -> None:
    with pytest.raises(InvalidApplicationName) as refused:
        ApplicationName(name)
    assert refused.value.errors[0].pointer == "/name" and name in refused.value.detail


@pytest.mark.parametrize("name", ["capsules", "api", "www", "billing", "auth-service", "stripe-webhooks", "monitor", "kubectl", "my-capsule"])
def test_names_that_only_look_like_them_are_not(name: str) -> None:
    for environment in ("staging", "production"):
        demand_own_host(str(ApplicationName(name)), environment)


async def test_an_environment_that_would_make_one_is_refused_with_the_way_out(world: World) -> None:
    made = await world.create("stripe-stand")
    with pytest.raises(HostNameReserved) as refused:
        await world.create_environment(made.id, "in")
    assert refused.value.errors[0].pointer == "/name"
    assert "'stripe-stand-in' is reserved" in refused.value.detail and "staging and production" in refused.value.detail
    await world.deploy(made.id)  # an application of that name does what others do


async def test_one_from_before_is_not_deployed_and_nothing_of_it_is_begun(world: World) -> None:
    made = await world.create("stripe-stand")
    await world.arrived((await world.deploy(made.id)).id)
    await world.environments.add(Environment(made.id, "in", world.clock.now()))
    facts, objects, quota = len(world.facts), dict(world.cluster.objects), await world.quotas.find(OWNER.user_id)
    for attempt in (
        world.deploy(made.id, "in"),
        world.promote(made.id, "staging", "in"),
        world.roll_back(made.id, "in"),
        world.scale(made.id, "in", max_scale=3),
    ):
        with pytest.raises(HostNameReserved):
            await attempt
    assert len(world.facts) == facts and world.cluster.objects == objects
    assert await world.quotas.find(OWNER.user_id) == quota
    await world.delete_environment(made.id, "in")


async def test_an_application_from_before_under_a_name_of_the_system_is_not_deployed(world: World) -> None:
    application = Application(uuid4(), OWNER.user_id, "capsule-login", "https://git.example.com/x.git", world.clock.now())
    await world.applications.add(application, Quota.default(OWNER.user_id, world.clock.now()))
    with pytest.raises(HostNameReserved) as refused:
        await world.deploy(application.id)
    assert "another name" in refused.value.detail


def test_a_host_that_is_another_s_ends_the_deployment_with_that_reason() -> None:
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
    assert read_rollout(service, None, deployment) == NotServing("host-name-taken", message)


def egress(*allowed: str) -> list[dict[str, object]]:
    (policy,) = [each for each in tenancy.tenancy("shop", uuid4(), allowed) if each["kind"] == "NetworkPolicy"]
    return [block["ipBlock"] for rule in policy["spec"]["egress"] for block in rule["to"] if "ipBlock" in block]


def test_one_machine_and_a_cluster_refuse_the_same_networks() -> None:
    (everywhere,) = [block for block in egress() if block["cidr"] == "0.0.0.0/0"]
    assert sorted(everywhere["except"]) == sorted(routes.REFUSED)  # type: ignore[call-overload]
    assert routes.PRIVATE == tenancy.PRIVATE and routes.SPECIAL == tenancy.NEVER


def test_what_an_operator_opens_is_opened_on_both() -> None:
    text = "10.1.0.0/16, 192.168.7.7"
    assert tenancy.egress_networks(text) == routes.parse_allowed_networks(text) == ("10.1.0.0/16", "192.168.7.7/32")
    assert {"cidr": "10.1.0.0/16"} in egress("10.1.0.0/16", "192.168.7.7/32")
    plan = routes.RoutePlan.of(["10.1.2.3", "8.8.8.8"], ["10.1.0.0/16", "192.168.0.0/16"], ["172.16.5.5", "8.8.4.4", "10.1.2.3"])
    assert plan.through_gateway == ("10.1.0.0/16", "172.16.5.5/32"), "public ones need no route, and this machine is never reached"
    assert {"10.0.0.0/8", "10.1.2.3/32", "8.8.8.8/32", "169.254.0.0/16"} <= set(plan.refused) and "192.168.0.0/16" not in plan.refused


@pytest.mark.parametrize("text", ["0.0.0.0/0", "169.254.169.254", "127.0.0.0/8", "8.8.8.8", "10.0.0.1/8", "shop.internal", "fd00::/8", "10.0.0.0/7"])
def test_what_is_no_private_network_cannot_be_opened(text: str) -> None:
    for read in (tenancy.egress_networks, routes.parse_allowed_networks):
        with pytest.raises(ValueError, match="CAPSULE_EGRESS_ALLOW") as refused:
            read(text)
        assert text in str(refused.value)
