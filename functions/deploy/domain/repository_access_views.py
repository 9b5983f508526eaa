"""How the API shows the credentials of a repository: never a private key or a token."""

from datetime import datetime
from typing import Self
from uuid import UUID

from functions.deploy.domain.application import Application
from functions.deploy.domain.repository_access import AccessToken, DeployKey, HostKey, RepositoryAccess
from functions.kernel import Model


class DeployKeyView(Model):
    public_key: str
    """A line of authorized_keys: add it to the deploy keys of the repository at its host."""
    fingerprint: str
    """As ssh-keygen and git hosts show it: `SHA256:…`."""
    created_at: datetime

    @classmethod
    def of(cls, key: DeployKey) -> Self:
        return cls(public_key=key.public_key, fingerprint=key.fingerprint, created_at=key.created_at)


class RepositoryTokenView(Model):
    server: str
    """The only server that gets the token."""
    user: str
    set_at: datetime

    @classmethod
    def of(cls, token: AccessToken) -> Self:
        return cls(server=token.server, user=token.user, set_at=token.set_at)


class HostKeyView(Model):
    host: str
    type: str
    key: str
    fingerprint: str

    @classmethod
    def of(cls, key: HostKey) -> Self:
        return cls(host=key.names, type=key.type, key=key.key, fingerprint=key.fingerprint)


class RepositoryAccessView(Model):
    id: UUID
    repository: str | None
    deploy_key: DeployKeyView | None
    token: RepositoryTokenView | None
    host_keys: list[HostKeyView]
    """Of ssh servers: set by the user, or learned at the first clone."""

    @classmethod
    def of(cls, application: Application, access: RepositoryAccess) -> Self:
        return cls(
            id=application.id,
            repository=application.repository,
            deploy_key=DeployKeyView.of(access.key) if access.key else None,
            token=RepositoryTokenView.of(access.token) if access.token else None,
            host_keys=[HostKeyView.of(each) for each in access.host_keys],
        )
