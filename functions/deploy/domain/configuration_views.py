"""How the API shows a configuration and answers a change of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.application import Application
from functions.deploy.domain.configuration import Entry
from functions.deploy.domain.deployment import Deployment
from functions.deploy.domain.deployment.views import DeploymentAccepted
from functions.kernel import Model

Scope = Literal["application", "environment"]


def _scope(entry: Entry) -> Scope:
    return "environment" if entry.scope else "application"


class ConfigurationEntryView(Model):
    name: str
    secret: bool
    value: str | None
    """None for a secret: secrets are write-only."""
    version: int
    """The version that set it."""
    scope: Scope
    changed_at: datetime


class ConfigurationDifferenceView(Model):
    """A name whose value in the release differs from the newest. `before`: in the release, None if it does not have the name, and of a secret.
    `after`: the newest, None if the name was removed, and of a secret."""

    name: str
    change: Literal["added", "changed", "removed"]
    is_secret: bool
    """Of either value."""
    before: str | None
    after: str | None
    before_scope: Scope | None = None
    """Where the value of the release was set; None if the release does not have the name."""
    after_scope: Scope | None = None
    """Where the newest value is set; None if the name was removed."""
    before_version: int | None = None
    """The version that set the value of the release."""
    after_version: int | None = None
    """The version that set the newest value."""

    @classmethod
    def of(cls, name: str, released: Entry | None, newest: Entry | None) -> Self:
        return cls(
            name=name,
            change="added" if released is None else "removed" if newest is None else "changed",
            is_secret=any(each is not None and each.is_secret for each in (released, newest)),
            before=released.value if released else None,
            after=newest.value if newest else None,
            before_scope=_scope(released) if released else None,
            after_scope=_scope(newest) if newest else None,
            before_version=released.version if released else None,
            after_version=newest.version if newest else None,
        )


class ReleasedConfigurationView(Model):
    """How the newest configuration differs from the one of the release that serves: after a rollback, or a change that was
    not deployed."""

    release: int
    version: int
    added: list[str]
    """Names that the release does not have."""
    changed: list[str]
    """Names that have another value in the release."""
    removed: list[str]
    """Names that only the release has."""
    differences: list[ConfigurationDifferenceView] = Field(default_factory=list)
    """All of these, with their values, by name."""

    @classmethod
    def of(cls, release: int, version: int, released: Mapping[str, Entry], newest: Mapping[str, Entry]) -> Self:
        return cls(
            release=release,
            version=version,
            added=sorted(newest.keys() - released.keys()),
            changed=sorted(name for name in newest.keys() & released.keys() if not newest[name].has_value_of(released[name])),
            removed=sorted(released.keys() - newest.keys()),
            differences=[
                ConfigurationDifferenceView.of(name, released.get(name), newest.get(name))
                for name in sorted(released.keys() | newest.keys())
                if name not in released or name not in newest or not newest[name].has_value_of(released[name])
            ],
        )


class ConfigurationView(Model):
    version: int
    """The newest version. One counter covers the application and all its environments."""
    entries: list[ConfigurationEntryView]
    released: ReleasedConfigurationView | None
    """Of one environment; null for the configuration of all environments, and where nothing serves."""

    @classmethod
    def of(cls, version: int, entries: Iterable[Entry], released: ReleasedConfigurationView | None = None) -> Self:
        views = [
            ConfigurationEntryView(
                name=each.name,
                secret=each.is_secret,
                value=each.value,
                version=each.version,
                scope=_scope(each),
                changed_at=each.created_at,
            )
            for each in entries
        ]
        return cls(version=version, entries=views, released=released)


class ConfigurationAccepted(Model):
    version: int
    deployments: list[DeploymentAccepted]
    """One for each environment that is redeployed; each is an operation."""
    operation_id: UUID | None
    """Of the deployment, if there is exactly one."""

    @classmethod
    def of(cls, application: Application, deployments: Sequence[Deployment] = ()) -> Self:
        return cls(
            version=application.config_version,
            deployments=[DeploymentAccepted.of(each) for each in deployments],
            operation_id=deployments[0].id if len(deployments) == 1 else None,
        )
