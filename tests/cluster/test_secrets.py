"""`secrets`: what is generated, what the operator names, what stays, and what other systems write."""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from functions.runtime.security.encryption import public_key
from functions.runtime.security.tokens import public_jwks
from functions.wire.settings import InvalidSetting
from knative.cluster.secrets import inputs
from knative.cluster.secrets.catalog import Catalog
from knative.cluster.secrets.command import require_all
from knative.cluster.secrets.external import external_objects, store_document
from knative.cluster.secrets.inputs import Inputs
from knative.cluster.secrets.planned import EXTERNAL, Planned, Replacements, State, is_external
from knative.machine.problems import Problem
from tests.cluster import small
from tests.generated.kinds import PROJECT

CONTEXTS = ("auth", "billing", "deploy", "monitor")
INPUTS = {
    "CAPSULE_MAIL_URL": "smtp://user:password@mail.test:587",
    **{f"CAPSULE_{context.upper()}_DATABASE_URL": f"postgresql://{context}_functions:x@db.test/{context}" for context in CONTEXTS},
    **{f"CAPSULE_{context.upper()}_MIGRATION_URL": f"postgresql://{context}_owner:x@db.test/{context}" for context in CONTEXTS},
}
AUTHORITIES = small.overlay(
    {
        **small.service(),
        "spec": {
            "template": {"spec": {"containers": [{"image": "x"}], "volumes": [{"name": "authorities", "configMap": {"name": "capsule-authorities"}}]}}
        },
    },
    tls=True,
)


def plan(
    values: Mapping[str, str] = INPUTS,
    existing: Mapping[tuple[str, str], Mapping[str, str]] | None = None,
    *replace: str,
    external: frozenset[str] = frozenset(),
) -> dict[str, Planned]:
    catalog = Catalog(small.overlay(small.service()), Inputs(values), existing or {}, Replacements(frozenset(replace)), external)
    return {item.name: item for item in catalog.plan()}


def stored(items: Mapping[str, Planned]) -> dict[tuple[str, str], dict[str, str]]:
    return {(item.kind, item.name): dict(item.values) for item in items.values()}


def test_the_list_of_the_base_is_complete() -> None:
    """The comment that people read, the manifests, and what `secrets` makes are one list."""
    files = [file for folder in ("base", "components/buildpacks") for file in (PROJECT / "knative" / folder).rglob("*.yaml")]
    manifests = [each for file in files for each in yaml.load_all(file.read_text(), yaml.CSafeLoader)]
    from knative.cluster.overlay import Overlay

    base = Overlay("base", tuple(each for each in manifests if each and "metadata" in each))
    made = plan()
    for (kind, name), keys in base.required_values().items():
        assert made[name].kind == kind
        assert keys <= set(made[name].values), f"{kind} {name} lacks {keys - set(made[name].values)}"
    assert len(base.required_values()) >= 21


def test_public_parts_belong_to_the_private_ones() -> None:
    made = plan()
    signing = json.loads(made["auth-signing"].values["jwks.json"])
    assert json.loads(made["capsule-jwks"].values["jwks.json"]) == public_jwks(signing)
    assert "d" not in json.loads(made["capsule-jwks"].values["jwks.json"])["keys"][0]
    for context in CONTEXTS:
        private = json.loads(made[f"{context}-sealing"].values["keys.json"])
        assert json.loads(made["capsule-sealing"].values[f"{context}.json"]) == public_key(private)


def test_a_second_run_changes_nothing() -> None:
    first = plan()
    second = plan(INPUTS, stored(first))
    assert [item.name for item in second.values() if item.changes] == []
    assert stored(second) == stored(first)


def test_an_existing_value_stays_until_it_is_named() -> None:
    first = plan()
    changed = {**INPUTS, "CAPSULE_MAIL_URL": "smtps://other.test"}
    kept = plan(changed, stored(first))
    assert kept["auth-settings"].states["CAPSULE_MAIL_URL"] is State.DIFFERS
    assert kept["auth-settings"].values["CAPSULE_MAIL_URL"] == INPUTS["CAPSULE_MAIL_URL"] and not kept["auth-settings"].changes
    one = plan(changed, stored(first), "auth-settings/CAPSULE_MAIL_URL")
    assert one["auth-settings"].values["CAPSULE_MAIL_URL"] == "smtps://other.test" and not one["billing-settings"].changes
    every = plan(changed, stored(first), "CAPSULE_MAIL_URL")
    assert {name for name, item in every.items() if item.changes} == {f"{each}-settings" for each in (*CONTEXTS, "edge")}
    assert plan(changed, stored(first), "all")["auth-signing"].values == first["auth-signing"].values, "generated values are rotated, not replaced"


def test_keys_that_the_operator_added_stay() -> None:
    existing = {("Secret", "auth-settings"): {"CAPSULE_MAIL_URL": "smtp://a.test", "CAPSULE_ADMINISTRATORS": "ada@example.org"}}
    found = plan({}, existing)["auth-settings"]
    assert found.values["CAPSULE_ADMINISTRATORS"] == "ada@example.org" and not found.changes


def test_passwords_fit_into_urls_and_the_url_into_the_broker() -> None:
    item = plan()["auth-amqp"]
    parts = urlsplit(item.values["url"])
    assert (parts.username, parts.password) == ("auth", item.values["password"])
    assert parts.hostname == "rabbitmq.rabbitmq.svc" and parts.port == 5672 and item.values["password"].isalnum()


def test_with_tls_the_certificate_of_the_broker_is_verified() -> None:
    made = {item.name: item for item in Catalog(AUTHORITIES, Inputs(INPUTS, authorities="PEM"), {}).plan()}
    parts = urlsplit(made["auth-amqp"].values["url"])
    assert (parts.scheme, parts.port) == ("amqps", 5671)
    options = "{'cafile': '/etc/capsule/authorities/ca.crt', 'server_hostname': 'rabbitmq.rabbitmq.svc'}"
    assert unquote(parts.query.partition("=")[2]) == options
    assert made["capsule-authorities"].values == {"ca.crt": "PEM"}
    missing = {item.name: item for item in Catalog(AUTHORITIES, Inputs(INPUTS), {}).plan()}
    assert missing["capsule-authorities"].keys_in(State.MISSING) == ["ca.crt"]


def test_what_only_the_operator_knows_is_named_at_once() -> None:
    with pytest.raises(Problem) as problem:
        require_all(plan({}).values())
    for name in ("CAPSULE_MAIL_URL", "CAPSULE_AUTH_DATABASE_URL", "CAPSULE_MONITOR_MIGRATION_URL"):
        assert name in problem.value.message


def test_optional_objects_exist_only_when_they_are_named() -> None:
    assert not {"deploy-services", "deploy-backups", "registry", "capsule-authorities"} & set(plan())
    more = {**INPUTS, "CAPSULE_BACKUP_STORE": "s3://bucket/capsule", "CAPSULE_SERVICES_POSTGRES_URL": "postgresql://p:x@data.test/postgres"}
    made = plan(more)
    assert made["deploy-backups"].values["key"].startswith("capsule-backup-key-1-")
    assert made["deploy-services"].values == {"postgres": "postgresql://p:x@data.test/postgres"}


def test_external_secrets_name_each_key_and_hold_no_value() -> None:
    made = plan()
    objects = external_objects(made.values(), "vault")
    text = yaml.safe_dump_all(objects)
    values = [value for item in made.values() if item.kind == "Secret" for value in item.values.values() if len(value) > 12]
    assert not [value for value in values if value in text]
    kinds = {each["metadata"]["name"]: each["kind"] for each in objects}
    assert kinds["auth-signing"] == "ExternalSecret"
    assert "capsule-jwks" not in kinds, "its private part is not in the cluster yet"
    document = store_document(made.values())
    for each in objects:
        for reference in each["spec"].get("data", ()) if each["kind"] == "ExternalSecret" else ():
            assert reference["remoteRef"]["property"] in document[reference["remoteRef"]["key"]]
    later = plan(INPUTS, stored(made), external=frozenset(name for name, item in made.items() if item.kind == "Secret"))
    assert [name for name, item in later.items() if item.changes and not item.is_external] == []


def test_secrets_of_other_systems_are_recognized() -> None:
    assert is_external({"metadata": {"ownerReferences": [{"kind": "ExternalSecret"}]}})
    assert is_external({"metadata": {"annotations": {EXTERNAL: "vault"}}})
    assert not is_external({"metadata": {"ownerReferences": [{"kind": "Job"}]}})


def test_the_file_and_the_arguments_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "capsule.env"
    file.write_text("# comment\nCAPSULE_MAIL_URL='smtp://a.test'\nCAPSULE_MAIL_FROM=Capsule <a@b.test>\n")
    found = inputs.read(file, ["CAPSULE_MAIL_URL=smtps://b.test"])
    assert found.values == {"CAPSULE_MAIL_URL": "smtps://b.test", "CAPSULE_MAIL_FROM": "Capsule <a@b.test>"}
    with pytest.raises(Problem, match="CAPSULE_MAIL_ULR"):
        inputs.read(None, ["CAPSULE_MAIL_ULR=smtp://a.test"])
    with pytest.raises(InvalidSetting, match="CAPSULE_MAIL_URL"):
        inputs.read(None, ["CAPSULE_MAIL_URL=http://a.test"])
    with pytest.raises(Problem, match="cannot be read"):
        inputs.read(tmp_path / "none.env", [])


def test_servers_of_the_overlay_get_logins_addresses_and_their_authorities() -> None:
    """With the component cloudnativepg, the operator names no database."""
    text = (PROJECT / "knative" / "components" / "cloudnativepg" / "postgres.yaml").read_text()
    postgres = [each for each in yaml.load_all(text, yaml.CSafeLoader) if each]
    rabbitmq = {
        "apiVersion": "rabbitmq.com/v1beta1",
        "kind": "RabbitmqCluster",
        "metadata": {"name": "rabbitmq", "namespace": "rabbitmq"},
        "spec": {"tls": {"caSecretName": "rabbitmq-tls"}},
    }
    overlay = small.overlay(small.service(), *postgres, rabbitmq)
    assert sorted(overlay.own_authorities) == [("capsule", "postgres-ca"), ("rabbitmq", "rabbitmq-tls")]
    made = {item.name: item for item in Catalog(overlay, Inputs({"CAPSULE_MAIL_URL": "smtp://a.test"}), {}).plan()}
    require_all(made.values())
    password = made["postgres-auth-functions"].values["password"]
    assert (
        made["postgres-auth-functions"].values["username"] == "auth_functions" and made["postgres-auth-functions"].type == "kubernetes.io/basic-auth"
    )
    assert made["auth-database"].values["url"] == f"postgresql://auth_functions:{password}@postgres-pooler-rw.capsule.svc:5432/auth"
    assert urlsplit(made["auth-database"].values["reader"]).hostname == "postgres-pooler-rw.capsule.svc"
    replica = urlsplit(made["auth-database"].values["replica"])
    assert (replica.hostname, replica.username, replica.path) == ("postgres-pooler-ro.capsule.svc", "auth_reader", "/auth")
    assert urlsplit(made["auth-migration"].values["url"]).hostname == "postgres-rw.capsule.svc"
    roles = {role["name"] for role in postgres[0]["spec"]["managed"]["roles"]}
    assert roles == {f"{context}_{role}" for context in CONTEXTS for role in ("owner", "functions", "reader")}
    hosts = set(postgres[0]["spec"]["certificates"]["serverAltDNSNames"])
    assert hosts == {urlsplit(made["auth-database"].values[key]).hostname for key in ("url", "reader", "replica")}, "verify-full needs these names"


def test_a_secret_that_another_namespace_reads_is_copied_there() -> None:
    volume = {"name": "credentials", "projected": {"sources": [{"secret": {"name": "collector-amqp", "items": [{"key": "url", "path": "URL"}]}}]}}
    collector = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": small.metadata("capsule-collector", "capsule-collector"),
        "spec": {"template": {"spec": {"containers": [{"image": "x"}], "volumes": [volume]}}},
    }
    overlay = small.overlay(small.service(), collector)
    items = Catalog(overlay, Inputs(INPUTS), {}).plan()
    objects = [item.manifest for item in items]
    (copy,) = overlay.copies_of(objects)
    original = next(each for each in objects if each["metadata"]["name"] == "collector-amqp")
    assert copy["metadata"]["namespace"] == "capsule-collector" and copy["data"] == original["data"]
    assert original["metadata"]["labels"] == {"rabbitmq.com/topology-operator": "true"}, "topology operators see no other Secret"
    (external,) = overlay.copies_of(external_objects(items, "my-store"))
    assert external["spec"]["target"]["template"]["metadata"]["labels"] == {"rabbitmq.com/topology-operator": "true"}
    assert (external["kind"], external["metadata"]["namespace"]) == ("ExternalSecret", "capsule-collector")
    assert small.overlay(small.service()).copies_of(objects) == []
