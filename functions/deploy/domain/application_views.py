"""How the API shows the settings of an application."""

from dataclasses import fields
from typing import Any
from uuid import UUID

from functions.deploy.domain.application import Application
from functions.deploy.domain.application_settings import Builder
from functions.kernel import Model


class SettingsFields(Model):
    """A null is not set: capsule.toml, Procfile and app.json, or else what the builder detects, decide."""

    repository: str | None
    image: str | None
    """An application has a repository or an image."""
    branch: str | None
    directory: str | None
    builder: Builder
    build_command: str | None
    start_command: str | None
    release_command: str | None
    health_path: str | None
    port: int | None
    waking_page: bool
    """Whether a browser that waits for the first instance gets a page that loads itself again."""


class ApplicationSettingsView(SettingsFields):
    id: UUID
    name: str

    @classmethod
    def of(cls, application: Application) -> "ApplicationSettingsView":
        return cls(id=application.id, name=application.name, **settings_fields(application))


def settings_fields(application: Application) -> dict[str, Any]:
    """Return the values of `SettingsFields`."""
    return {
        "repository": application.repository,
        "image": application.image,
        **{each.name: getattr(application.settings, each.name) for each in fields(application.settings)},
    }
