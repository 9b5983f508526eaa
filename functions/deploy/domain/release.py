"""A release is what can run again, here or in another environment: an image by its digest, the commit it came from, the version of the
configuration, and the pod it runs as. It never changes; its number counts the releases of its application."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

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
    """`spec.template.spec` of its Service: the same in every environment."""

    @classmethod
    def of(cls, built: Built, application_id: UUID, at: datetime) -> Self:
        return cls(
            id=new_id(),
            application_id=application_id,
            image=built.image,
            commit=built.commit,
            kind=built.kind,
            created_at=at,
            manifest=pod_of(built.image),
        )

    @property
    def tag(self) -> str:
        return f"r{self.number}"
