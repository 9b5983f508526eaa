"""Find what a command has started, by its id: a delivery to a webhook, or the test of an alert channel."""

from uuid import UUID

from functions.kernel import OperationProgress, Permission, Permit
from functions.monitor.domain.alerts import Notice
from functions.monitor.domain.operation_views import DeliveryOperationView
from functions.monitor.domain.rejections import ApplicationNotFound, OperationNotFound, WebhookNotFound
from functions.monitor.ports import Deliveries, WebhookDeliveries
from functions.monitor.services.access_control import AccessControl
from functions.monitor.services.webhook_access import WebhookAccess


class OperationReader:
    def __init__(self, webhook_deliveries: WebhookDeliveries, deliveries: Deliveries, access: WebhookAccess, control: AccessControl) -> None:
        self._webhook_deliveries, self._deliveries, self._access, self._control = webhook_deliveries, deliveries, access, control

    async def to_operation(self, permit: Permit, operation_id: UUID) -> OperationProgress[DeliveryOperationView]:
        """`permit` is for what an alert's test shows; a delivery to a webhook needs what the list of deliveries needs.

        Raises OperationNotFound, and Forbidden for a member without the permission.
        """
        if found := await self._webhook_deliveries.find(operation_id):
            try:
                await self._access.to_webhook(Permit(permit.caller, Permission.WEBHOOKS_MANAGE), found.webhook_id)
            except WebhookNotFound:
                raise OperationNotFound.of(operation_id) from None
            return OperationProgress(DeliveryOperationView.of_webhook(found), found.version)
        delivery = await self._deliveries.get(operation_id)
        if delivery is None or delivery.notice is not Notice.TEST:  # other notices nobody has requested
            raise OperationNotFound.of(operation_id)
        try:
            await self._control.to_application(permit, delivery.application_id)
        except ApplicationNotFound:
            raise OperationNotFound.of(operation_id) from None
        return OperationProgress(DeliveryOperationView.of_alert(delivery), 2 * delivery.attempts + (delivery.finished_at is not None) + 1)
