"""A release: an image by its digest, its commit, a version of the configuration, and the pod to run.

A release is immutable and can run again, in any environment. Its number counts the releases of its application. A
changed configuration creates a new release of the same image, without a build.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from functions.deploy.domain.environment import Terms
from functions.deploy.domain.manifests import pod_spec
from functions.deploy.domain.observation import BuildJobSucceeded
from functions.kernel import new_id


@dataclass(frozen=True, slots=True)
class Release:
    id: UUID
    application_id: UUID
    image: str
    commit: str
    kind: str
    """How the builder recognized the repository, such as `python`."""
    created_at: datetime
    number: int = 0
    """Assigned by the store, from 1."""
    config_version: int = 0
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """`spec.template.spec` of its Service, without size and configuration: they belong to the environment."""
    release_command: str | None = None
    """Runs before the release takes traffic."""
    processes: Mapping[str, str] = field(default_factory=dict)
    """The commands of the process types beside web, by name."""

    @classmethod
    def from_build(cls, build: BuildJobSucceeded, application_id: UUID, terms: Terms, at: datetime) -> Self:
        return cls(
            id=new_id(),
            application_id=application_id,
            image=build.image,
            commit=build.commit,
            kind=build.kind,
            created_at=at,
            config_version=terms.config_version,
            manifest=pod_spec(build.image, terms.settings.health_path or build.health_path, terms.settings.port or build.port),
            release_command=terms.settings.release_command or build.release_command,
            processes=build.processes,
        )

    def with_configuration(self, config_version: int, at: datetime) -> Self:
        """Create a release of the same image with another version of the configuration. The store assigns its number."""
        return replace(self, id=new_id(), number=0, config_version=config_version, created_at=at)

    @property
    def tag(self) -> str:
        """`r1`, `r2` …"""
        return f"r{self.number}"
