"""Kinds of operators without a model in any package: the fields that Capsule uses, as schemas that reject others.

Sources: https://cloudnative-pg.io/documentation/current/cloudnative-pg.v1/, https://cert-manager.io/docs/reference/api-docs/,
https://keda.sh/docs/latest/concepts/authentication/, https://www.rabbitmq.com/kubernetes/operator/using-operator. RabbitmqCluster is checked
against its upstream CRD too, where that is at hand; the others follow the documentation only: their CRDs were not at hand.
"""

from typing import Any

Schema = dict[str, Any]
TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}
MAP = {"type": "object", "additionalProperties": TEXT}
ANY: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""A field of Kubernetes' own, such as affinity."""


def fields(required: str = "", /, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": required.split()}


def kind(required: str, /, **properties: Schema) -> Schema:
    return fields("spec", spec=fields(required, **properties))


NAMED = fields("name", name=TEXT)
RESOURCES = fields(requests=MAP, limits=MAP)
ISSUER = fields("name kind", name=TEXT, kind={"enum": ["Issuer", "ClusterIssuer"]}, group=TEXT)

KINDS: dict[tuple[str, str], Schema] = {
    ("postgresql.cnpg.io/v1", "Cluster"): kind(
        "instances storage",
        instances=NUMBER,
        imageName=TEXT,
        storage=fields("", size=TEXT, storageClass=TEXT, resizeInUseVolumes=FLAG),
        resources=RESOURCES,
        enableSuperuserAccess=FLAG,
        enablePDB=FLAG,
        bootstrap=fields(
            "",
            initdb=fields(
                "",
                database=TEXT,
                owner=TEXT,
                encoding=TEXT,
                dataChecksums=FLAG,
                postInitSQL=TEXTS,
                postInitApplicationSQL=TEXTS,
            ),
        ),
        affinity=fields(enablePodAntiAffinity=FLAG, topologyKey=TEXT),
        certificates=fields(serverAltDNSNames=TEXTS),
        postgresql=fields(
            parameters=MAP,
            pg_hba=TEXTS,
            shared_preload_libraries=TEXTS,
            extensions={"type": "array", "items": fields("name image", name=TEXT, image=fields("reference", reference=TEXT))},
            synchronous=fields("method number", method={"enum": ["any", "first"]}, number=NUMBER, dataDurability={"enum": ["required", "preferred"]}),
        ),
        managed=fields(
            roles={
                "type": "array",
                "items": fields(
                    "name",
                    name=TEXT,
                    ensure={"enum": ["present", "absent"]},
                    login=FLAG,
                    createdb=FLAG,
                    createrole=FLAG,
                    passwordSecret=NAMED,
                ),
            }
        ),
    ),
    ("postgresql.cnpg.io/v1", "Database"): kind(
        "name owner cluster",
        name=TEXT,
        owner=TEXT,
        cluster=NAMED,
        databaseReclaimPolicy={"enum": ["delete", "retain"]},
        extensions={"type": "array", "items": NAMED},
    ),
    ("postgresql.cnpg.io/v1", "Pooler"): kind(
        "cluster pgbouncer",
        cluster=NAMED,
        instances=NUMBER,
        type={"enum": ["rw", "ro", "r"]},
        pgbouncer=fields(poolMode={"enum": ["session", "transaction"]}, parameters=MAP),
    ),
    ("cert-manager.io/v1", "Certificate"): kind(
        "secretName issuerRef",
        secretName=TEXT,
        commonName=TEXT,
        dnsNames=TEXTS,
        duration=TEXT,
        renewBefore=TEXT,
        isCA=FLAG,
        privateKey=fields(algorithm={"enum": ["RSA", "ECDSA", "Ed25519"]}, size=NUMBER, rotationPolicy={"enum": ["Never", "Always"]}),
        usages=TEXTS,
        issuerRef=ISSUER,
    ),
    ("cert-manager.io/v1", "ClusterIssuer"): kind(
        "",
        selfSigned=fields(),
        ca=fields("secretName", secretName=TEXT),
        acme=fields(
            "server privateKeySecretRef",
            server=TEXT,
            email=TEXT,
            privateKeySecretRef=NAMED,
            solvers={"type": "array", "items": fields("http01", http01=fields("ingress", ingress=fields(ingressClassName=TEXT)))},
        ),
    ),
    ("keda.sh/v1alpha1", "TriggerAuthentication"): kind(
        "",
        secretTargetRef={"type": "array", "items": fields("parameter name key", parameter=TEXT, name=TEXT, key=TEXT)},
        configMapTargetRef={"type": "array", "items": fields("parameter name key", parameter=TEXT, name=TEXT, key=TEXT)},
    ),
    ("rabbitmq.com/v1beta1", "RabbitmqCluster"): kind(
        "",
        replicas=NUMBER,
        persistence=fields(storage=TEXT, storageClassName=TEXT),
        resources=RESOURCES,
        tls=fields(secretName=TEXT, caSecretName=TEXT, disableNonTLSListeners=FLAG),
        rabbitmq=fields(additionalConfig=TEXT),
        affinity=ANY,
    ),
}
