"""`check`: each missing or unsuitable prerequisite is named with what would be right."""

from collections.abc import Iterable
from typing import Any

import pytest

from knative.cluster.checks import broker, capacity, connections, databases, kinds, names, operators, probe, storage, traffic, values
from knative.cluster.secrets.inputs import known_settings
from knative.machine import installation_objects
from knative.machine.doctor.finding import Finding, Level
from tests.cluster import small

FAULT, WARNING, GOOD, NOTE = Level.FAULT, Level.WARNING, Level.GOOD, Level.NOTE


def levels(findings: Iterable[Finding]) -> list[Level]:
    found = list(findings)
    assert all(each.remedy for each in found if each.level in (FAULT, WARNING)), "each says what would be right"
    return [each.level for each in found]


# -- versions and operators ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "level"), [((1, 29), FAULT), (None, FAULT), ((1, 30), GOOD), ((1, 36), GOOD), ((1, 40), GOOD)])
def test_kubernetes_needs_admission_policies(version: Any, level: Level) -> None:
    assert operators.kubernetes_finding(version, "v").level is level


def deployment(name: str, namespace: str, version: str = "1.23.0", available: int = 1) -> dict[str, Any]:
    labels = {"app.kubernetes.io/version": version} if version else {}
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "status": {"availableReplicas": available}}


def test_an_operator_is_found_by_its_deployments_and_its_version() -> None:
    serving = operators.COMPONENTS[0]
    complete = [deployment(name, "knative-serving") for name in serving.deployments]
    assert operators.component_finding(serving, complete).level is GOOD
    missing = operators.component_finding(serving, complete[1:])
    assert missing.level is FAULT and "controller" in missing.summary and "knative.dev" in missing.remedy
    old = operators.component_finding(serving, [deployment(name, "knative-serving", "1.19.2") for name in serving.deployments])
    assert old.level is FAULT and "1.23" in old.remedy
    down = operators.component_finding(serving, [*complete[:3], deployment("autoscaler", "knative-serving", available=0)])
    assert down.level is FAULT and "autoscaler" in down.summary
    unknown = operators.component_finding(serving, [deployment(name, "knative-serving", "") for name in serving.deployments])
    assert unknown.level is WARNING


def test_a_controller_of_the_same_name_elsewhere_does_not_count_before_the_right_one() -> None:
    serving = operators.COMPONENTS[0]
    own = [deployment(name, "knative-serving") for name in serving.deployments]
    assert operators.component_finding(serving, [deployment("controller", "metallb-system", "0.14", 0), *own]).level is GOOD


def test_each_missing_kind_names_what_provides_it() -> None:
    found = list(kinds.kind_findings([("rabbitmq.com/v1beta1", "User"), ("postgresql.cnpg.io/v1", "Cluster")], 9))
    assert [each.level for each in found] == [FAULT, FAULT]
    assert "CloudNativePG" in found[0].remedy and "topology" in found[1].remedy
    assert levels(kinds.kind_findings([], 9)) == [GOOD]


# -- RabbitMQ -----------------------------------------------------------------------------------------------------------------------


def server(allowed: str | None = "capsule", ready: str = "True", replicas: int = 3, **tls: Any) -> dict[str, Any]:
    annotations = {} if allowed is None else {broker.ALLOWED: allowed}
    ready_condition = {"type": "AllReplicasReady", "status": ready, "message": "0/1 Pods ready"}
    return {
        "metadata": {"name": "rabbitmq", "annotations": annotations},
        "spec": {"replicas": replicas, "tls": tls},
        "status": {"conditions": [ready_condition]},
    }


@pytest.mark.parametrize(
    ("present", "password", "requires_tls", "text"),
    [
        (None, None, False, "does not exist"),
        (server(None), None, False, "does not let the namespace capsule"),
        (server("other"), None, False, "does not let the namespace capsule"),
        (server(ready="False"), None, False, "0/1 Pods ready"),
        (server(), None, True, "no TLS"),
        (server(disableNonTLSListeners=True), None, False, "TLS only"),
        (server(), "a/b@c", False, "has / or @"),
    ],
)
def test_an_unsuitable_rabbitmq_is_a_fault(present: Any, password: str | None, requires_tls: bool, text: str) -> None:
    found = [each for each in broker.server_findings("rabbitmq/rabbitmq", present, password, requires_tls=requires_tls) if each.level is FAULT]
    assert len(found) == 1 and text in found[0].summary and found[0].remedy


def test_a_suitable_rabbitmq_is_good() -> None:
    assert levels(broker.server_findings("rabbitmq/rabbitmq", server("a, capsule", secretName="t"), "abc", requires_tls=True)) == [GOOD]
    assert levels(broker.server_findings("rabbitmq/rabbitmq", server("*", replicas=2), None, requires_tls=False)) == [WARNING, GOOD]


def test_a_topology_operator_that_trusts_no_authority_of_the_cluster_is_a_warning() -> None:
    def operator(*paths: str) -> dict[str, Any]:
        return {"spec": {"template": {"spec": {"containers": [{"name": "manager", "volumeMounts": [{"mountPath": each} for each in paths]}]}}}}

    assert levels([broker.trust_finding(operator("/tmp/k8s-webhook-server/serving-certs"))]) == [WARNING]
    assert levels([broker.trust_finding(operator("/tmp/k8s-webhook-server/serving-certs", "/etc/ssl/certs/capsule-ca.crt"))]) == [GOOD]


def test_the_class_of_a_broker_cannot_change() -> None:
    declared = {"metadata": {"name": "capsule"}}
    wrong = {"metadata": {"name": "capsule", "annotations": {broker.CLASS_ANNOTATION: "MTChannelBasedBroker"}}}
    assert broker.class_finding(declared, wrong).level is FAULT
    assert broker.class_finding(declared, None).level is NOTE


# -- names, storage, values ---------------------------------------------------------------------------------------------------------


def test_placeholders_are_faults() -> None:
    assert names.image_finding("registry.example.com/capsule/capsule:0.2.0").level is FAULT
    assert names.image_finding("ghcr.io/ada/capsule@sha256:" + "0" * 64).level is GOOD
    assert levels(names.placeholder_findings({"CAPSULE_PUBLIC_URL": "https://capsule.example.com"}, ["capsule.example.com"])) == [FAULT, FAULT]
    assert levels(names.placeholder_findings({"CAPSULE_PUBLIC_URL": "https://capsule.ada.dev"}, ["capsule.ada.dev"])) == [GOOD]


def test_the_domain_of_applications_must_be_configured() -> None:
    assert levels(names.domain_findings({"_example": "…", "svc.cluster.local": ""}, {}, set())) == [FAULT]
    assert levels(names.domain_findings({"example.com": ""}, {}, set())) == [FAULT]
    assert levels(names.domain_findings({"apps.ada.dev": ""}, {}, {"capsule.ada.dev"})) == [GOOD, FAULT]
    assert levels(names.domain_findings({"apps.ada.dev": ""}, {names.CLAIMS: "true"}, {"capsule.ada.dev"})) == [GOOD]
    assert names.dns_finding("capsule.ada.dev", []).level is WARNING


def test_a_default_storage_class_is_needed_where_data_is_stored() -> None:
    plain = {"metadata": {"name": "slow"}, "allowVolumeExpansion": True}
    marked = {"metadata": {"name": "fast", "annotations": {storage.DEFAULT: "true"}}, "allowVolumeExpansion": True}
    assert storage.class_finding([plain], "", has_claims=False).level is WARNING
    assert storage.class_finding([plain], "", has_claims=True).level is FAULT
    assert storage.class_finding([plain, marked], "", has_claims=True).level is GOOD
    assert storage.class_finding([marked], "slow", has_claims=False).level is FAULT
    assert storage.class_finding([{**marked, "allowVolumeExpansion": False}], "", has_claims=False).level is WARNING
    assert storage.feature_finding({}).level is WARNING and storage.feature_finding(dict.fromkeys(storage.FEATURES, "Enabled")).level is GOOD


def test_settings_of_knative_that_functions_and_the_collector_need_are_checked() -> None:
    assert storage.scale_finding({}).level is FAULT and storage.scale_finding({"allow-zero-initial-scale": "true"}).level is GOOD
    assert storage.requests_finding({}).level is FAULT and storage.requests_finding({"request-metrics-protocol": "none"}).level is FAULT
    assert storage.requests_finding({"request-metrics-protocol": "prometheus"}).level is GOOD


def test_a_login_that_the_topology_operator_would_not_see_is_named() -> None:
    login = installation_objects.amqp_secret("auth", "amqp://auth:x@rabbitmq/")
    assert levels(values.login_findings(login)) == []
    assert levels(values.login_findings({"metadata": {"name": "auth-amqp"}})) == [FAULT]


def test_a_missing_or_outdated_copy_of_a_secret_is_named() -> None:
    login = {"url": "amqp://x"}
    assert levels(values.copy_findings("collector-amqp", "capsule-collector", login, login)) == []
    assert levels(values.copy_findings("collector-amqp", "capsule-collector", login, None)) == [FAULT]
    assert levels(values.copy_findings("collector-amqp", "capsule-collector", login, {"url": "amqp://former"})) == [FAULT]


def test_missing_secrets_and_keys_are_named() -> None:
    required = {("Secret", "auth-database"): {"url"}, ("ConfigMap", "capsule-jwks"): set[str]()}
    found = list(values.value_findings(required, {("Secret", "auth-database"): {"reader": "x"}}))
    assert [each.level for each in found] == [FAULT, FAULT]
    assert "ConfigMap capsule-jwks" in found[0].summary and "auth-database has no key url" in found[1].summary
    complete = {("Secret", "auth-database"): {"url": "x"}, ("ConfigMap", "capsule-jwks"): {"jwks.json": "{}"}}
    assert levels(values.value_findings(required, complete)) == [GOOD]
    assert levels(values.value_findings(required, {**complete, ("Secret", "auth-database"): {"url": ""}})) == [FAULT]


def test_a_setting_that_functions_would_refuse_is_named_before() -> None:
    known = {each.name: each for each in known_settings()}
    settings = {"CAPSULE_PUBLIC_URL": "https://capsule.ada.dev", "CAPSULE_OBSERVATION_SECONDS": "soon"}
    found = list(values.setting_findings(settings, {("Secret", "auth-settings"): {"CAPSULE_MAIL_URL": "smtp://a.test"}}, known))
    assert [each.level for each in found] == [FAULT, GOOD] and "CAPSULE_OBSERVATION_SECONDS" in found[0].summary
    without_mail = list(values.setting_findings({}, {}, known))
    assert [each.level for each in without_mail] == [FAULT, FAULT, GOOD]


# -- connections --------------------------------------------------------------------------------------------------------------------

METRICS = """# TYPE rabbitmq_process_max_fds gauge
rabbitmq_process_max_fds 1024
rabbitmq_queue_messages{queue="a"} 3
"""


def limited(configuration: str = "", replicas: int = 1) -> dict[str, Any]:
    return {"spec": {"replicas": replicas, "rabbitmq": {"additionalConfig": configuration}}}


@pytest.mark.parametrize(
    ("present", "metrics", "triggers", "level", "text"),
    [
        (limited(), METRICS, 100, WARNING, "accepts 874 connections (1024 open files on each node), and functions open 1000"),
        (
            limited(),
            METRICS,
            500,
            FAULT,
            "accepts 474 connections (1024 open files on each node), and what always runs and 20 functions at work open 520",
        ),
        (limited(replicas=3), METRICS, 500, GOOD, "accepts 1422 connections"),
        (limited("log.console = true\nconnection_max = 100\n"), METRICS, 100, FAULT, "connection_max = 100"),
        (limited(), "", 100, NOTE, "does not say"),
    ],
)
def test_rabbitmq_has_a_connection_for_each_dispatcher_and_function(present: Any, metrics: str, triggers: int, level: Level, text: str) -> None:
    need = connections.Need(triggers + 20, 1000)
    found = connections.broker_finding("rabbitmq/rabbitmq", present, connections.metrics_of(metrics), need, triggers)
    assert found.level is level and text in found.summary


def test_what_always_runs_has_a_connection_and_so_have_twenty_functions() -> None:
    overlay = small.overlay(small.service(min_scale=1), *(small.service(f"f{number}") for number in range(30)), small.trigger())
    assert connections.of_broker(overlay, 3) == connections.Need(2 + 20, 2 + 30)


OWN = {"auth": connections.Pools((4, 2) + (2,) * 30, 700), "deploy": connections.Pools((2,) * 40, 900)}


def room(shared: int = 97, own: int | None = None, *, is_pooled: bool = False) -> dict[str, connections.Room]:
    return dict.fromkeys(OWN, connections.Room(shared, own, is_pooled))


@pytest.mark.parametrize(
    ("rooms", "expected"),
    [
        (room(1600), [(GOOD, "accepts 1600 connections, 42 to 1600 are opened")]),
        (room(97), [(WARNING, "accepts 97 connections, and functions open 1600")]),
        (room(41), [(FAULT, "accepts 41 connections, and 20 functions at work open 42")]),
        (room(1600, 10), [(FAULT, "auth may open 10"), (FAULT, "deploy may open 10"), (GOOD, "accepts 1600")]),
        (room(10, is_pooled=True), [(GOOD, "is a pooler: functions open 42 to 1600")]),
    ],
)
def test_postgresql_has_connections_for_functions_at_work(rooms: Any, expected: list[tuple[Level, str]]) -> None:
    found = list(connections.server_findings("db:5432", rooms, OWN))
    assert [each.level for each in found] == [level for level, _ in expected]
    assert all(text in each.summary for each, (_, text) in zip(found, expected, strict=True))


def test_the_pools_are_those_of_the_declarations() -> None:
    found = connections.need_of(connections.pools().values())
    assert capacity.BURST < found.burst < found.full


# -- capacity, databases, traffic ---------------------------------------------------------------------------------------------------


def node(cpu: str = "4", memory: str = "8Gi", pods: str = "110", **spec: Any) -> dict[str, Any]:
    status = {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}, "conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": {"name": "n"}, "spec": spec, "status": status}


def running(cpu: str = "1", memory: str = "1Gi", phase: str = "Running") -> dict[str, Any]:
    return {"metadata": {"namespace": "other"}, "spec": {"containers": [{"resources": {"requests": {"cpu": cpu, "memory": memory}}}]},
            "status": {"phase": phase}}  # fmt: skip


REQUESTS = {"requests": {"cpu": "500m", "memory": "512Mi"}}


def test_what_always_runs_is_summed() -> None:
    overlay = small.overlay(small.service(min_scale=3, resources=REQUESTS), small.service("a", resources=REQUESTS), *map(small.trigger, "abc"))
    need = capacity.always_on(overlay, 1)
    assert (str(need.cpu), int(need.memory), need.pods) == ("1.605", (3 * 512 + 3 * 64) << 20, 6), "queue-proxies count too"
    assert capacity.burst(overlay).pods == 1, "only functions at zero"


def test_too_little_room_is_a_fault_with_figures() -> None:
    overlay = small.overlay(small.service(min_scale=3, resources=REQUESTS))
    assert levels(capacity.capacity_findings([node()], [running()], overlay)) == [GOOD]
    assert levels(capacity.capacity_findings([node()], [running("3"), running("3", phase="Succeeded")], overlay)) == [FAULT]
    [finding] = capacity.capacity_findings([node(pods="2")], [], overlay)
    assert finding.level is FAULT and "3 pods, 2 free" in finding.summary
    tainted = node(taints=[{"effect": "NoSchedule"}])
    assert levels(capacity.capacity_findings([tainted, node(unschedulable=True)], [], overlay)) == [FAULT]


def test_a_database_inside_the_cluster_is_left_to_the_probe() -> None:
    found = databases.addresses({("Secret", "auth-database"): {"url": "postgresql://a:b@postgres.data.svc:5432/auth", "reader": "nonsense://"}})
    assert [each.title for each in found] == ["auth-database/url", "auth-database/reader"]
    assert [databases.probe(each).level for each in found] == [NOTE, FAULT]
    assert databases.login_finding("auth-database/url", "db", 140011).level is FAULT


def test_a_database_that_refuses_is_a_fault() -> None:
    closed = databases.Address("auth", "auth-database/url", "postgresql://a:b@127.0.0.1:1/auth")
    assert databases.probe(closed).level is FAULT


def test_the_probe_reads_the_logins_like_a_migration() -> None:
    mounts = [{"name": "authorities", "mountPath": "/etc/capsule/authorities"}]
    migration = small.job(volumeMounts=mounts)
    migration["spec"]["template"]["spec"]["volumes"] = [{"name": "authorities", "configMap": {"name": "capsule-authorities"}}]
    overlay = small.overlay(small.service(), migration)
    made = probe.probe_job(overlay, databases.addresses({("Secret", "auth-migration"): {"url": "postgresql://x"}}))
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "auth-migration", "key": "url"}
    assert container["volumeMounts"] == mounts and made["spec"]["template"]["spec"]["volumes"]
    assert levels(probe.outcome_findings("ImagePullBackOff: no such image")) == [FAULT]
    assert levels(probe.outcome_findings([{"title": "a", "version": 150000}, {"title": "b", "error": "refused"}])) == [GOOD, FAULT]


def test_a_pinned_split_is_a_warning() -> None:
    assert levels(traffic.traffic_findings(["auth-login: auth-login-00001 100 %"])) == [WARNING]
