"""Checks what a caller may do with an application. Administrators read every application, and do everything with the platform."""

from uuid import UUID

from functions.kernel import ApplicationAccess, Membership, Permit, Role, check_application
from functions.monitor.domain.applications import Application
from functions.monitor.domain.rejections import ApplicationNotFound
from functions.monitor.ports import Applications, Memberships


class AccessControl:
    def __init__(self, applications: Applications, memberships: Memberships) -> None:
        self._applications = applications
        self._memberships = memberships

    async def to_application(self, permit: Permit, application_id: UUID) -> ApplicationAccess:
        """Raises ApplicationNotFound for somebody who is no member of its team, and Forbidden for a member without the permission."""
        application = await self._applications.find(application_id)
        membership = await self._membership(permit, application) if application else None
        return check_application(permit, application_id, membership, ApplicationNotFound(), foreign_id=application_id)

    async def _membership(self, permit: Permit, application: Application) -> Membership | None:
        found = await self._memberships.find(application.user_id, permit.caller.user_id)
        if not permit.caller.is_admin or (found and found.allows(permit.permission, application.id)):
            return found
        role = Role.OWNER if application.is_platform else Role.VIEWER
        return Membership(application.user_id, application.user_id, permit.caller.user_id, role)
