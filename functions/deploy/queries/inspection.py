"""Show an inspection, with its plan when it has ended."""

from uuid import UUID

from functions.deploy.domain.inspection_rejections import InspectionNotFound
from functions.deploy.domain.inspection_views import InspectionView
from functions.deploy.ports import Inspections
from functions.deploy.services.access_control import AccessControl
from functions.kernel import Model, Permission, Permit, query


class ShowInspection(Model):
    inspection_id: UUID


@query(http="GET /v1/inspections/{inspection_id}", permission=Permission.APP_CREATE, rejects=[InspectionNotFound])
async def inspection(request: ShowInspection, inspections: Inspections, control: AccessControl, permit: Permit) -> InspectionView:
    missing = InspectionNotFound.of(request.inspection_id)
    found = await inspections.find(request.inspection_id)
    if found is None:
        raise missing
    await control.to_team(permit, found.team_id, missing)
    return InspectionView.of(found)
