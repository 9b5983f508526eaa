"""The objects of a domain in the cluster: its claim, its mapping, and the Secret or the Certificate of cert-manager.

https://knative.dev/docs/serving/services/custom-domains/, https://cert-manager.io/docs/usage/certificate/
"""

import base64
from uuid import UUID

from functions.deploy.domain.certificate import CertificateSource
from functions.deploy.domain.domains import Domain
from functions.deploy.domain.manifests import APPLICATION, ENVIRONMENT, MANAGED, Manifest
from functions.deploy.domain.names import namespace_of, service_of

DOMAIN = "capsule.dev/domain"
"""Label with the id of a domain."""
HTTP_PROTOCOL = "networking.knative.dev/http-protocol"
THUMBPRINT = "local.capsule.dev/acme-thumbprint"
HSTS = "local.capsule.dev/hsts"
"""Annotations that only the one-machine Knative reads."""


def secret_name_of(domain_id: UUID) -> str:
    return f"domain-{domain_id.hex[-12:]}"


def claim(domain: Domain, application: str) -> Manifest:
    return {
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "ClusterDomainClaim",
        "metadata": {"name": domain.host, "labels": {MANAGED: "true", APPLICATION: str(domain.application_id)}},
        "spec": {"namespace": namespace_of(application)},
    }


def mapping(domain: Domain, application: str, thumbprint: str | None) -> Manifest:
    has_certificate = domain.certificate.source is not None
    annotations = {
        HTTP_PROTOCOL: "Redirected" if has_certificate and domain.redirects else "Enabled",
        **({THUMBPRINT: thumbprint} if thumbprint else {}),
        **({HSTS: f"max-age={domain.hsts_seconds}"} if domain.hsts_seconds is not None else {}),
    }
    return {
        "apiVersion": "serving.knative.dev/v1beta1",
        "kind": "DomainMapping",
        "metadata": {**_metadata(domain, application), "name": domain.host, "annotations": annotations},
        "spec": {
            "ref": {
                "apiVersion": "serving.knative.dev/v1",
                "kind": "Service",
                "name": service_of(application, domain.environment),
                "namespace": namespace_of(application),
            },
            **({"tls": {"secretName": secret_name_of(domain.id)}} if has_certificate else {}),
        },
    }


def secret(domain: Domain, application: str, key: str) -> Manifest:
    assert domain.certificate.chain is not None
    pair = {"tls.crt": domain.certificate.chain, "tls.key": key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**_metadata(domain, application), "name": secret_name_of(domain.id)},
        "type": "kubernetes.io/tls",
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in pair.items()},
    }


def certificate(domain: Domain, application: str, issuer: str) -> Manifest:
    """The Certificate that cert-manager keeps in the Secret. `issuer`: a ClusterIssuer."""
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {**_metadata(domain, application), "name": secret_name_of(domain.id)},
        "spec": {
            "secretName": secret_name_of(domain.id),
            "dnsNames": [domain.host],
            "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer},
            "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        },
    }


def is_of_cluster(domain: Domain) -> bool:
    return domain.certificate.source is CertificateSource.CLUSTER


def _metadata(domain: Domain, application: str) -> Manifest:
    labels = {APPLICATION: str(domain.application_id), ENVIRONMENT: domain.environment, DOMAIN: str(domain.id), MANAGED: "true"}
    return {"namespace": namespace_of(application), "labels": labels}
