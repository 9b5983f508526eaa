"""The authority of the cluster's API, as functions verify it: Python's default is strict since 3.13 (RFC 5280, section 4.2.1.3)."""

from collections.abc import Iterator

from cryptography import x509

from knative.cluster.connection import ClusterApi
from knative.cluster.overlay import Overlay
from knative.machine.doctor.finding import Finding, Level

ROOTS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt", "namespace": "default"}}
"""Kubernetes puts it into every namespace, and pods get it with their token."""


def check(cluster: ClusterApi, _: Overlay) -> Iterator[Finding]:
    found = cluster.present(ROOTS) or {}
    if pem := (found.get("data") or {}).get("ca.crt"):
        yield finding(pem)


def finding(pem: str) -> Finding:
    """`pem`: the certificates that pods trust."""
    for each in x509.load_pem_x509_certificates(pem.encode()):
        if (problem := _problem(each)) is not None:
            summary = f"the cluster's authority {each.subject.rfc4514_string()} {problem}: functions would refuse the API's certificate"
            return Finding("authority", Level.FAULT, summary, "Renew it from the same key with the key usage keyCertSign, as kubeadm makes it.")
    return Finding("authority", Level.GOOD, "functions can verify the API's certificate")


def _problem(certificate: x509.Certificate) -> str | None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return "has no key usage extension"
    return None if usage.key_cert_sign else "may not sign certificates"
