"""A release is what can run again, here or in another environment: an image by its digest, the commit it came from, the version of the
configuration, and the pod it runs as. It never changes; its number counts the releases of its application. A changed configuration makes another
release of the same image: nothing is built for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from functions.deploy.domain.environment import Terms
from functions.deploy.domain.manifests import pod_of
from functions.deploy.domain.observation import Built
from functions.kernel import new_id


@dataclass(frozen=True, slots=True)
class Release:
    id: UUID
    application_id: UUID
    image: str
    commit: str
    kind: str
    created_at: datetime
    number: int = 0
    """Given by the store, counting from 1."""
    config_version: int = 0
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """`spec.template.spec` of its Service, but for size and configuration, which are the environment's."""
    command: str | None = None
    """What runs before it takes traffic."""

    @classmethod
    def of(cls, built: Built, application_id: UUID, terms: Terms, at: datetime) -> Self:
        return cls(
            id=new_id(),
            application_id=application_id,
            image=built.image,
            commit=built.commit,
            kind=built.kind,
            created_at=at,
            config_version=terms.config_version,
            manifest=pod_of(built.image, terms.health_path),
            command=terms.release_command or built.release_command,
        )

    def configured(self, config_version: int, at: datetime) -> Self:
        """The same image with another configuration: another release, whose number the store gives."""
        return replace(self, id=new_id(), number=0, config_version=config_version, created_at=at)

    @property
    def tag(self) -> str:
        return f"r{self.number}"
