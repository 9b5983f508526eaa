"""DomainMappings: give a Service another host name, with the certificate of a Secret.

As Knative's (serving, pkg/reconciler/domainmapping): the name of the object is the domain; its ClusterDomainClaim names the one namespace that
may map it; `spec.tls.secretName` is a Secret of the same namespace. `networking.knative.dev/http-protocol: Redirected` redirects plain HTTP.
Two annotations are of one machine only: the thumbprint that answers challenges, and the Strict-Transport-Security header.
"""

import base64
import logging
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from knative.local.controller import RequeueAfter
from knative.local.objects import Object, now
from knative.local.serving.conditions import TRUE, Condition, condition_entries, summarize
from knative.local.serving.domains import Domain, Domains
from knative.local.serving.http.tls_contexts import load_pair
from knative.local.serving.naming import url
from knative.local.serving.routes import ROUTE
from knative.local.store import Store

log = logging.getLogger(__name__)

DOMAIN_MAPPING = "DomainMapping.serving.knative.dev"
CLAIM = "ClusterDomainClaim.networking.internal.knative.dev"
HTTP_PROTOCOL = "networking.knative.dev/http-protocol"
THUMBPRINT = "local.capsule.dev/acme-thumbprint"
HSTS = "local.capsule.dev/hsts"
_HSTS_VALUE = re.compile(r"max-age=[0-9]{1,10}(; includeSubDomains)?")
_THUMBPRINT_VALUE = re.compile(r"[A-Za-z0-9_-]{43}")
SECRET_PAUSE_SECONDS = 2.0


class DomainMappings:
    kind = DOMAIN_MAPPING

    def __init__(self, store: Store, domains: Domains, https_port: int) -> None:
        self._store, self._domains, self._https_port = store, domains, https_port
        self._reconciled: set[tuple[str, str]] = set()
        self._contexts: dict[tuple[str, str], tuple[str, ssl.SSLContext]] = {}

    def watches(self) -> Mapping[str, Callable[[Object], Iterable[tuple[str | None, str]]]]:
        def of_claim(object: Object) -> Iterable[tuple[str | None, str]]:
            name = object["metadata"]["name"]
            return [(entry.key[1], entry.key[2]) for entry in self._store.entries(DOMAIN_MAPPING) if entry.key[2] == name]

        def of_namespace(object: Object) -> Iterable[tuple[str | None, str]]:
            return [(entry.key[1], entry.key[2]) for entry in self._store.entries(DOMAIN_MAPPING, object["metadata"]["namespace"])]

        return {CLAIM: of_claim, "Secret": of_namespace, ROUTE: of_namespace}

    async def on_deleted(self, object: Object) -> None:
        metadata = object["metadata"]
        if self._store.find(DOMAIN_MAPPING, metadata["namespace"], metadata["name"]) is None:
            self._domains.remove(metadata["name"], metadata["namespace"])
            self._contexts.pop((metadata["namespace"], metadata["name"]), None)
            self._reconciled.discard((metadata["namespace"], metadata["name"]))

    def is_loaded(self) -> bool:
        """Whether each stored mapping has been reconciled since the start."""
        return all(entry.key[1:] in self._reconciled for entry in self._store.entries(DOMAIN_MAPPING))

    async def reconcile(self, object: Object) -> None:
        metadata, spec = object["metadata"], object["spec"]
        namespace, host = metadata["namespace"], metadata["name"]
        annotations = metadata.get("annotations") or {}
        conditions = {"DomainClaimed": self._claimed(namespace, host), "ReferenceResolved": self._resolved(namespace, spec["ref"]["name"])}
        context, provisioned = self._certificate(namespace, host, spec.get("tls"))
        conditions |= {"CertificateProvisioned": provisioned, "IngressReady": TRUE}
        if conditions["DomainClaimed"] == TRUE:
            hsts, thumbprint = annotations.get(HSTS, ""), annotations.get(THUMBPRINT, "")
            domain = Domain(
                host=host.lower(),
                namespace=namespace,
                service=spec["ref"]["name"],
                is_redirected=annotations.get(HTTP_PROTOCOL, "").lower() == "redirected",
                hsts=hsts if _HSTS_VALUE.fullmatch(hsts) else "",
                thumbprint=thumbprint if _THUMBPRINT_VALUE.fullmatch(thumbprint) else "",
                context=context,
            )
            self._domains.put(domain)
        else:
            self._domains.remove(host, namespace)
            conditions["IngressReady"] = Condition("Unknown", "IngressNotConfigured")
        order = ("DomainClaimed", "ReferenceResolved", "CertificateProvisioned", "IngressReady")
        conditions["Ready"] = summarize(conditions, order)
        before = object.get("status") or {}
        address = url(host, self._https_port if context else 80, is_https=context is not None)
        status: dict[str, Any] = {"observedGeneration": metadata["generation"], "url": address, "address": {"url": address}}
        status["conditions"] = condition_entries(conditions, before.get("conditions") or [], now())
        self._store.set_status(DOMAIN_MAPPING, namespace, host, status)
        self._reconciled.add((namespace, host))
        if provisioned.status == "Unknown":
            raise RequeueAfter(SECRET_PAUSE_SECONDS, provisioned.message)

    def _claimed(self, namespace: str, host: str) -> Condition:
        claim = self._store.find(CLAIM, None, host)
        if claim is None:
            return Condition("False", "DomainClaimNotOwned", f'there is no ClusterDomainClaim for "{host}"')
        if claim["spec"]["namespace"] != namespace:
            return Condition("False", "DomainAlreadyClaimed", f'The domain name "{host}" is already in use.')
        return TRUE

    def _resolved(self, namespace: str, service: str) -> Condition:
        if self._store.find(ROUTE, namespace, service) is None:
            return Condition("False", "ResolveFailed", f'services.serving.knative.dev "{service}" not found')
        return TRUE

    def _certificate(self, namespace: str, host: str, tls: Mapping[str, str] | None) -> tuple[ssl.SSLContext | None, Condition]:
        """Return the context, which is one object while the Secret does not change, so that sessions are resumed. The former one stays while
        the Secret is missing or damaged."""
        key = (namespace, host)
        if tls is None:
            self._contexts.pop(key, None)
            return None, Condition("True", "TLSNotEnabled", "autoTLS is not enabled")
        version, former = self._contexts.get(key, ("", None))
        secret = self._store.find("Secret", namespace, tls["secretName"])
        if secret is None:
            return former, Condition("Unknown", "SecretMissing", f'secrets "{tls["secretName"]}" not found')
        current = f"{secret['metadata']['uid']} {secret['metadata']['resourceVersion']}"
        if current != version or former is None:
            try:
                data = secret.get("data") or {}
                pair = base64.b64decode(data["tls.crt"]) + b"\n" + base64.b64decode(data["tls.key"])
                former = load_pair(pair, ssl.TLSVersion.TLSv1_2)
            except (KeyError, ValueError, OSError) as error:  # ssl.SSLError is an OSError
                log.warning("Secret %s/%s has no usable certificate for %s: %s", namespace, tls["secretName"], host, error)
                return former, Condition("False", "CertificateInvalid", f"the Secret {tls['secretName']} has no usable certificate: {error}")
            self._contexts[key] = current, former
        return former, TRUE
