"""Least privilege of the platform itself: its functions, the deploying account, and each context's permissions in RabbitMQ."""

import base64
import contextlib
import json
import os
from urllib.parse import unquote, urlsplit

import httpx
import pika
import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from tests.hostile import host
from tests.journeys.people import Person
from tests.journeys.whole import Whole, until

CONTEXTS = ("auth", "billing", "deploy", "monitor")
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "not-allowed"},
    "spec": {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "serviceAccountName": "default",
                "containers": [{"name": "main", "image": "capsule.local/capsule:dev", "command": ["true"]}],
            }
        }
    },
}


@pytest.fixture(scope="module")
def functions(whole: Whole) -> dict[int, str]:
    """Return some running functions, which a request has started."""
    Person(whole).become_a_user()
    return until(lambda: host.functions(whole), 20, "for a running function")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account; an ordinary user's functions are its own")
def test_a_function_is_not_root(functions: dict[int, str]) -> None:
    """Neither outside nor in a user namespace that maps 0: its manifest says runAsNonRoot."""
    uids = {name: host.status(pid)["Uid"].split()[1] for pid, name in _alive(functions).items()}
    assert uids and "0" not in uids.values(), uids


def test_a_function_gains_no_privilege_and_has_a_filter(functions: dict[int, str]) -> None:
    """seccompProfile: RuntimeDefault and allowPrivilegeEscalation: false, as its manifest says."""
    for pid, name in _alive(functions).items():
        status = host.status(pid)
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), (name, status["NoNewPrivs"], status["Seccomp"])
        assert {int(status[each], 16) for each in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}, name


def test_no_anonymous_file_is_open_in_a_function(functions: dict[int, str]) -> None:
    for pid, name in _alive(functions).items():
        opened = []
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                opened.append(os.readlink(entry.path))
        assert [each for each in opened if "memfd" in each] == [], name


def _alive(functions: dict[int, str]) -> dict[int, str]:
    found = {pid: name for pid, name in functions.items() if os.path.exists(f"/proc/{pid}/status")}
    return found or functions


@pytest.fixture(scope="module")
def deployer(whole: Whole) -> client.ApiClient:
    """A client of the API with the account that deploys applications."""
    admin = config.new_client_from_config(str(whole.home.kubeconfig))
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    token = client.CoreV1Api(admin).create_namespaced_service_account_token("deploy-cluster", "capsule", request).status.token
    settings = admin.configuration
    found = client.Configuration()
    found.host, found.ssl_ca_cert, found.verify_ssl = settings.host, settings.ssl_ca_cert, settings.verify_ssl
    found.api_key = {"authorization": f"Bearer {token}"}
    return client.ApiClient(found)


def test_the_deploying_account_creates_no_job_in_the_platforms_namespace(deployer: client.ApiClient) -> None:
    with pytest.raises(ApiException) as refused:
        client.BatchV1Api(deployer).create_namespaced_job("capsule", JOB, dry_run="All")
    assert refused.value.status == 403, refused.value


@pytest.mark.parametrize("role", ["Role", "ClusterRole"])
def test_the_deploying_account_binds_no_role_in_the_platforms_namespace(deployer: client.ApiClient, role: str) -> None:
    binding = {
        "metadata": {"name": "not-allowed"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": "deploy-tenant"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "capsule"}],
    }
    with pytest.raises(ApiException) as refused:
        client.RbacAuthorizationV1Api(deployer).create_namespaced_role_binding("capsule", binding, dry_run="All")
    assert refused.value.status == 403, refused.value


@pytest.mark.parametrize("kind", ["secret", "config_map", "pod", "service_account"])
def test_the_deploying_account_reads_nothing_of_the_platform(deployer: client.ApiClient, kind: str) -> None:
    if kind in ("config_map", "pod", "service_account"):
        with pytest.raises(ApiException) as refused:
            getattr(client.CoreV1Api(deployer), f"delete_namespaced_{kind}")("not-there", "capsule", dry_run="All")
    else:
        with pytest.raises(ApiException) as refused:
            client.CoreV1Api(deployer).list_namespaced_secret("capsule")
    assert refused.value.status == 403, refused.value


def addresses_of_rabbitmq(whole: Whole) -> dict[str, str]:
    """Return context → the AMQP address of its functions, from the Secrets that their manifests name."""
    found = {}
    for secret in whole.cluster.find("v1", "Secret", "capsule"):
        for value in (secret.get("data") or {}).values():
            text = base64.b64decode(value).decode(errors="replace")
            context = next((each for each in CONTEXTS if secret["metadata"]["name"].startswith(each)), None)
            if text.startswith("amqp://") and context:
                found[context] = text
    return found


def test_every_context_has_its_own_rabbitmq_user(whole: Whole) -> None:
    users = {context: urlsplit(address).username for context, address in addresses_of_rabbitmq(whole).items()}
    assert set(users) == set(CONTEXTS), f"contexts without an address of their own: {sorted(set(CONTEXTS) - set(users))}"
    assert len(set(users.values())) == len(CONTEXTS), users


def test_a_context_reads_no_queue_of_another_context(whole: Whole) -> None:
    """ACCESS_REFUSED is 403 (AMQP 0-9-1, reply codes)."""
    addresses = addresses_of_rabbitmq(whole)
    assert "billing" in addresses, "the functions of billing have no address of their own"
    queues = [each["name"] for each in _queues(whole) if "auth" in each["name"]]
    assert queues, "no queue of auth"
    connection = pika.BlockingConnection(pika.URLParameters(addresses["billing"]))
    try:
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refused:
            connection.channel().basic_get(queues[0])
        assert refused.value.reply_code == 403, refused.value
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refused:
            connection.channel().exchange_delete("capsule.commands", if_unused=True)
        assert refused.value.reply_code == 403, refused.value
    finally:
        connection.close()


def test_the_user_of_a_context_administers_nothing(whole: Whole) -> None:
    for context, address in addresses_of_rabbitmq(whole).items():
        parts = urlsplit(address)
        answer = httpx.get(
            f"http://127.0.0.1:{whole.home.ports.management}/api/users",
            auth=(unquote(parts.username or ""), unquote(parts.password or "")),
            trust_env=False,
        )
        assert answer.status_code in (401, 403), f"{context} may list the users of RabbitMQ"
    assert addresses_of_rabbitmq(whole)


def _queues(whole: Whole) -> list[dict[str, str]]:
    password = (whole.home.secrets / "rabbitmq.password").read_text().strip()
    answer = httpx.get(f"http://127.0.0.1:{whole.home.ports.management}/api/queues", auth=("capsule", password), trust_env=False)
    assert answer.status_code == 200, answer.text
    return list(json.loads(answer.text))
