"""Set a certificate of your own for a domain.

It replaces the present one at once and is not renewed: upload the next before it expires. The key is write-only.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from events.domains import DomainCertificateIssued, DomainRefreshRequested
from functions.deploy.domain.certificate import CertificateSource
from functions.deploy.domain.domain_rejections import DomainNotFound, DomainNotVerified, InvalidCertificate
from functions.deploy.domain.domain_views import DomainView
from functions.deploy.domain.domains import Host, PlatformNames
from functions.deploy.domain.rejections import ApplicationNotFound
from functions.deploy.ports import Applications, CertificateReader, Domains, Vault
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Change, Clock, Done, Model, Permission, Permit, SecretText, Text, command


class SetDomainCertificate(Model):
    application_id: UUID
    host: Host
    certificate: Annotated[Text, Field(max_length=32_000)]
    """PEM: the certificate, followed by its chain."""
    key: SecretText = Field(json_schema_extra={"writeOnly": True})
    """PEM, without a passphrase."""


@command(
    http="PUT /v1/apps/{application_id}/domains/{host}/certificate",
    permission=Permission.APP_CONFIGURE,
    rejects=[ApplicationNotFound, DomainNotFound, DomainNotVerified, InvalidCertificate],
    emits=[DomainCertificateIssued, DomainRefreshRequested],
)
async def set_domain_certificate(
    request: SetDomainCertificate,
    applications: Applications,
    domains: Domains,
    reader: CertificateReader,
    vault: Vault,
    names: PlatformNames,
    control: AccessControl,
    permit: Permit,
    clock: Clock,
) -> Done[DomainView]:
    checked = await control.to_some_environment(permit, request.application_id)
    application = await applications.lock(checked)
    domain = await domains.lock(application.id, request.host)
    checked.require_in(domain.environment)
    domain.require_verified()

    key, now = request.key.get_secret_value(), clock.now()
    certificate = reader.read(domain.host, request.certificate, key, now)
    reader.require_complete(request.certificate)
    certificate.source, certificate.sealed_key = CertificateSource.OWN, vault.seal(key)
    events = domain.record_certificate(application, certificate, now)
    await domains.save(domain)
    change = Change(after={"domain": domain.host, "certificate": certificate.issuer, "expiresAt": f"{certificate.expires_at:%Y-%m-%d}"})
    return Done(DomainView.of(domain, names), *events, change=change)
