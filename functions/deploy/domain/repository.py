"""Which repositories may be cloned.

This check works on the URL alone. Commands do not use the network, so `create_application` cannot know whether the
repository answers; the build is the first to connect. It fails within seconds for a host that does not resolve, and the
builder repeats the address check on what the name resolves to.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from functions.deploy.domain.rejections import InvalidRepository, RepositoryNotAllowed
from functions.kernel import FieldError
from functions.wire.addresses import is_listed, is_public_host
from functions.wire.git_urls import BadGitUrl, GitUrl


@dataclass(frozen=True, slots=True)
class Repository:
    """URL of a git repository: http(s), ssh or `git@host:owner/repository.git`.

    Without credentials: they would end up in logs and manifests.
    """

    url: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Repository":
        """Raises InvalidRepository."""
        try:
            url = GitUrl.parse(text)
        except BadGitUrl as error:
            raise InvalidRepository(f"The repository URL is not valid: {error}.", errors=[FieldError("/repository", str(error))]) from error
        return cls(url.text, url.host, url.port)


@dataclass(frozen=True, slots=True)
class RepositoryPolicy:
    """Allows public hosts and those that the operator lists (`host` or `host:port`). Private addresses would give
    builds access to internal networks."""

    allowed_hosts: Collection[str] = field(default_factory=frozenset)

    def lists(self, repository: Repository) -> bool:
        """Whether the operator has allowed the host by name."""
        return is_listed(repository.host, repository.port, self.allowed_hosts)

    def admit(self, text: str) -> Repository:
        """Parse the URL and check its host. Raises InvalidRepository, RepositoryNotAllowed."""
        repository = Repository.parse(text)
        if self.lists(repository):
            return repository
        if not is_public_host(repository.host):
            detail = f"{repository.host} is a private address. An operator can allow it with CAPSULE_REPOSITORY_HOSTS"
            raise RepositoryNotAllowed(f"{detail}.", errors=[FieldError("/repository", detail)])
        return repository
