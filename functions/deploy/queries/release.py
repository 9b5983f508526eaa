"""One release: what can run again, whole."""

from datetime import datetime
from typing import Any
from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound, ReleaseNotFound
from functions.deploy.ports import Applications, Releases
from functions.kernel import Caller, Model, query


class ShowRelease(Model):
    application_id: UUID
    number: int


class ShownRelease(Model):
    id: UUID
    number: int
    commit: str
    image: str
    kind: str
    config_version: int
    release_command: str | None
    manifest: dict[str, Any]
    """The pod that it runs as, without an environment's size and configuration."""
    created_at: datetime


@query(http="GET /v1/apps/{application_id}/releases/{number}", rejects=[ApplicationNotFound, ReleaseNotFound])
async def release(asked: ShowRelease, applications: Applications, releases: Releases, caller: Caller) -> ShownRelease:
    application = (await applications.get(asked.application_id)).owned_by(caller.user_id)
    shown = await releases.numbered(application.id, asked.number)

    return ShownRelease(
        id=shown.id,
        number=shown.number,
        commit=shown.commit,
        image=shown.image,
        kind=shown.kind,
        config_version=shown.config_version,
        release_command=shown.command,
        manifest=dict(shown.manifest),
        created_at=shown.created_at,
    )
