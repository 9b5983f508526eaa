"""How the API shows what a command of monitor has started: a delivery to a webhook, or the test of an alert channel."""

from typing import Self
from uuid import UUID

from functions.kernel import OperationBase, OperationProblem, OperationState, OperationStepView
from functions.monitor.domain.notifications import Delivery, DeliveryState
from functions.monitor.domain.webhook_delivery import WebhookDelivery
from functions.monitor.domain.webhook_events import TEST

STATES = {
    DeliveryState.PENDING: OperationState.RUNNING,
    DeliveryState.DELIVERED: OperationState.SUCCEEDED,
    DeliveryState.FAILED: OperationState.FAILED,
}


class DeliveryOperationView(OperationBase):
    kind: str
    """`webhook-test`, `webhook-delivery` or `alert-test`."""
    webhook_id: UUID | None
    """Of a webhook of the team."""
    application_id: UUID | None
    """Of an alert channel."""
    resource: str
    """The path of the list with the delivery."""

    @classmethod
    def of_webhook(cls, delivery: WebhookDelivery) -> Self:
        return cls._of(
            delivery,
            kind="webhook-test" if delivery.payload.type == TEST else "webhook-delivery",
            answer=delivery.response,
            resource=f"/v1/webhooks/{delivery.webhook_id}/deliveries",
            webhook_id=delivery.webhook_id,
        )

    @classmethod
    def of_alert(cls, delivery: Delivery) -> Self:
        return cls._of(
            delivery,
            kind="alert-test",
            answer=delivery.answer,
            resource=f"/v1/apps/{delivery.application_id}/alert-deliveries",
            application_id=delivery.application_id,
        )

    @classmethod
    def _of(
        cls,
        delivery: WebhookDelivery | Delivery,
        *,
        kind: str,
        answer: str,
        resource: str,
        webhook_id: UUID | None = None,
        application_id: UUID | None = None,
    ) -> Self:
        """`answer`: to the last attempt, or why there was none."""
        state, is_delivered = STATES[delivery.state], delivery.state is DeliveryState.DELIVERED
        error = answer if answer and not is_delivered else None
        problem = None
        if state is OperationState.FAILED:
            problem = OperationProblem(title="The delivery failed", detail=answer, reason="delivery-failed")
        step = OperationStepView(
            step="delivery", started_at=delivery.created_at, finished_at=delivery.finished_at, attempts=max(delivery.attempts, 1), error=error
        )
        if state is OperationState.RUNNING:
            summary = "The delivery is running." if not delivery.attempts else f"The delivery is running: {delivery.attempts} failed."
        else:
            summary = f"The delivery {state}: {answer}" if answer else f"The delivery {state}."
        return cls(
            id=delivery.id,
            kind=kind,
            state=state,
            webhook_id=webhook_id,
            application_id=application_id,
            summary=summary,
            steps=[step],
            resource=resource,
            problem=problem,
            requested_at=delivery.created_at,
            finished_at=delivery.finished_at,
        )
