"""Show a release."""

from datetime import datetime
from typing import Any
from uuid import UUID

from functions.deploy.domain.rejections import ApplicationNotFound, ReleaseNotFound
from functions.deploy.ports import Applications, Releases
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Int32, Model, Permission, Permit, query


class ShowRelease(Model):
    application_id: UUID
    number: Int32


class ReleaseView(Model):
    id: UUID
    number: int
    commit: str
    image: str
    kind: str
    config_version: int
    release_command: str | None
    manifest: dict[str, Any]
    """The pod spec, without size and configuration of an environment."""
    created_at: datetime


@query(
    http="GET /v1/apps/{application_id}/releases/{number}",
    permission=Permission.APP_READ,
    rejects=[ApplicationNotFound, ReleaseNotFound],
)
async def release(request: ShowRelease, applications: Applications, releases: Releases, control: AccessControl, permit: Permit) -> ReleaseView:
    application = await applications.get(await control.to_application(permit, request.application_id))
    release = await releases.get_by_number(application.id, request.number)

    return ReleaseView(
        id=release.id,
        number=release.number,
        commit=release.commit,
        image=release.image,
        kind=release.kind,
        config_version=release.config_version,
        release_command=release.release_command,
        manifest=dict(release.manifest),
        created_at=release.created_at,
    )
