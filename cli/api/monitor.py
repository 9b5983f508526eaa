# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Operations of monitor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

from cli.api.monitor_models import AcknowledgedAlertView, AlertChannelPage, AlertDeliveryPage, AlertDeliveryView, AlertPage, AlertRulePage, AlertTestAccepted, AlertView, CreateAlertChannelBody, CreateAlertRuleBody, CreateWebhook, DeliveryOperationView, DeliveryState, FunctionLogsView, FunctionMetricsPage, LogsView, MetricsView, MonitorExport, NewAlertChannelView, NewAlertRuleView, NewWebhookView, QueuesView, TimelineView, UpdateWebhookBody, WebhookDeliveryAccepted, WebhookDeliveryPage, WebhookDeliveryView, WebhookEventTypePage, WebhookPage, WebhookSecretView, WebhookView
from cli.api.shared_models import DeadLettersView, SettleDeadLetters, SettledDeadLettersView
from cli.api.transport import Operations, segment


class Monitor(Operations):
    def alerts(
        self,
        *,
        state: Literal['pending', 'firing', 'resolved'] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> AlertPage:
        """List the alerts of your teams' applications, newest first."""
        return cast(AlertPage, self._call("GET", "/v1/alerts", query={"state": state, "cursor": cursor, "limit": limit}))

    def all_alerts(
        self,
        *,
        state: Literal['pending', 'firing', 'resolved'] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[AlertView]:
        """List the alerts of your teams' applications, newest first: the items of all pages."""
        return cast(Iterator[AlertView], self._items("/v1/alerts", {"state": state, "cursor": cursor, "limit": limit}))

    def acknowledge_alert(self, alert_id: str, *, idempotency_key: str | None = None) -> AcknowledgedAlertView:
        """Acknowledge an alert. It sends no more notifications."""
        return cast(AcknowledgedAlertView, self._call("POST", f"/v1/alerts/{segment(alert_id)}/acknowledge", idempotency_key=idempotency_key))

    def alert_channels(self, application_id: str) -> AlertChannelPage:
        """List the webhooks of an application."""
        return cast(AlertChannelPage, self._call("GET", f"/v1/apps/{segment(application_id)}/alert-channels"))

    def create_alert_channel(
        self,
        application_id: str,
        body: CreateAlertChannelBody,
        *,
        idempotency_key: str | None = None,
    ) -> NewAlertChannelView:
        """Create a webhook for the notifications of an application."""
        return cast(NewAlertChannelView, self._call("POST", f"/v1/apps/{segment(application_id)}/alert-channels", body=body, idempotency_key=idempotency_key))

    def delete_alert_channel(self, application_id: str, channel_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete a webhook of an application."""
        self._call("DELETE", f"/v1/apps/{segment(application_id)}/alert-channels/{segment(channel_id)}", idempotency_key=idempotency_key)

    def try_alert_channel(
        self,
        application_id: str,
        channel_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> AlertTestAccepted:
        """Send a test notification to a webhook."""
        return cast(AlertTestAccepted, self._call("POST", f"/v1/apps/{segment(application_id)}/alert-channels/{segment(channel_id)}/test", idempotency_key=idempotency_key))

    def alert_deliveries(
        self,
        application_id: str,
        *,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> AlertDeliveryPage:
        """List sent and failed notifications, newest first."""
        return cast(AlertDeliveryPage, self._call("GET", f"/v1/apps/{segment(application_id)}/alert-deliveries", query={"cursor": cursor, "limit": limit}))

    def all_alert_deliveries(
        self,
        application_id: str,
        *,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[AlertDeliveryView]:
        """List sent and failed notifications, newest first: the items of all pages."""
        return cast(Iterator[AlertDeliveryView], self._items(f"/v1/apps/{segment(application_id)}/alert-deliveries", {"cursor": cursor, "limit": limit}))

    def alert_rules(self, application_id: str) -> AlertRulePage:
        """List the alert rules of an application."""
        return cast(AlertRulePage, self._call("GET", f"/v1/apps/{segment(application_id)}/alert-rules"))

    def create_alert_rule(
        self,
        application_id: str,
        body: CreateAlertRuleBody,
        *,
        idempotency_key: str | None = None,
    ) -> NewAlertRuleView:
        """Create an alert rule."""
        return cast(NewAlertRuleView, self._call("POST", f"/v1/apps/{segment(application_id)}/alert-rules", body=body, idempotency_key=idempotency_key))

    def delete_alert_rule(self, application_id: str, rule_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete an alert rule and close its open alerts."""
        self._call("DELETE", f"/v1/apps/{segment(application_id)}/alert-rules/{segment(rule_id)}", idempotency_key=idempotency_key)

    def application_alerts(
        self,
        application_id: str,
        *,
        state: Literal['pending', 'firing', 'resolved'] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> AlertPage:
        """List the alerts of one application, newest first."""
        return cast(AlertPage, self._call("GET", f"/v1/apps/{segment(application_id)}/alerts", query={"state": state, "cursor": cursor, "limit": limit}))

    def all_application_alerts(
        self,
        application_id: str,
        *,
        state: Literal['pending', 'firing', 'resolved'] | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[AlertView]:
        """List the alerts of one application, newest first: the items of all pages."""
        return cast(Iterator[AlertView], self._items(f"/v1/apps/{segment(application_id)}/alerts", {"state": state, "cursor": cursor, "limit": limit}))

    def logs_v1(
        self,
        application_id: str,
        *,
        environment: str | None = None,
        deployment: str | None = None,
        component: Literal['build', 'run'] | None = None,
        process: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        search: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        fields: str | None = None,
    ) -> LogsView:
        """Read log lines of builds and instances, oldest first."""
        return cast(LogsView, self._call("GET", f"/v1/apps/{segment(application_id)}/logs", query={"environment": environment, "deployment": deployment, "component": component, "process": process, "after": after, "limit": limit, "search": search, "from": from_, "to": to, "fields": fields}))

    def metrics(
        self,
        application_id: str,
        *,
        environment: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        step: int | None = None,
    ) -> MetricsView:
        """Read requests, latency, CPU, memory and disk over time."""
        return cast(MetricsView, self._call("GET", f"/v1/apps/{segment(application_id)}/metrics", query={"environment": environment, "from": from_, "to": to, "step": step}))

    def function_logs_v1(
        self,
        *,
        function: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        search: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        fields: str | None = None,
    ) -> FunctionLogsView:
        """Read log lines of a platform function (admin)."""
        return cast(FunctionLogsView, self._call("GET", "/v1/functions/logs", query={"function": function, "after": after, "limit": limit, "search": search, "from": from_, "to": to, "fields": fields}))

    def function_metrics(
        self,
        *,
        context: str | None = None,
        from_: str | None = None,
        to: str | None = None,
    ) -> FunctionMetricsPage:
        """Read executions, CPU and memory of functions (admin)."""
        return cast(FunctionMetricsPage, self._call("GET", "/v1/functions/metrics", query={"context": context, "from": from_, "to": to}))

    def dead_letters(
        self,
        *,
        id: str | None = None,
        function: str | None = None,
        error: str | None = None,
        state: str | None = None,
        limit: int | None = None,
    ) -> DeadLettersView:
        """List dead letters by cause and one by one."""
        return cast(DeadLettersView, self._call("GET", "/v1/operations/monitor/dead-letters", query={"id": id, "function": function, "error": error, "state": state, "limit": limit}))

    def settle_dead_letters(
        self,
        body: SettleDeadLetters,
        *,
        idempotency_key: str | None = None,
    ) -> SettledDeadLettersView:
        """Replay or discard dead letters."""
        return cast(SettledDeadLettersView, self._call("POST", "/v1/operations/monitor/dead-letters", body=body, idempotency_key=idempotency_key))

    def operation(self, operation_id: str) -> DeliveryOperationView:
        """Show an operation of monitor: a requested delivery."""
        return cast(DeliveryOperationView, self._call("GET", f"/v1/operations/monitor/{segment(operation_id)}"))

    def queues(self) -> QueuesView:
        """List RabbitMQ's queues, messages and consumers (admin)."""
        return cast(QueuesView, self._call("GET", "/v1/queues"))

    def timeline(self, correlation_id: str) -> TimelineView:
        """Read what one request caused: events and functions."""
        return cast(TimelineView, self._call("GET", f"/v1/timeline/{segment(correlation_id)}"))

    def export(self) -> MonitorExport:
        """Export what monitor stores: alerts, rules, webhooks."""
        return cast(MonitorExport, self._call("GET", "/v1/users/me/exports/monitor"))

    def webhook_event_types(self) -> WebhookEventTypePage:
        """List the event types that a webhook can receive."""
        return cast(WebhookEventTypePage, self._call("GET", "/v1/webhook-event-types"))

    def webhooks(self, *, team_id: str | None = None) -> WebhookPage:
        """List the webhooks of a team."""
        return cast(WebhookPage, self._call("GET", "/v1/webhooks", query={"teamId": team_id}))

    def create_webhook(self, body: CreateWebhook, *, idempotency_key: str | None = None) -> NewWebhookView:
        """Create a webhook that receives events of a team."""
        return cast(NewWebhookView, self._call("POST", "/v1/webhooks", body=body, idempotency_key=idempotency_key))

    def webhook(self, webhook_id: str) -> WebhookView:
        """Show a webhook."""
        return cast(WebhookView, self._call("GET", f"/v1/webhooks/{segment(webhook_id)}"))

    def update_webhook(
        self,
        webhook_id: str,
        body: UpdateWebhookBody | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> WebhookView:
        """Update a webhook: URL, event types, description, state."""
        return cast(WebhookView, self._call("PATCH", f"/v1/webhooks/{segment(webhook_id)}", body=body or {}, idempotency_key=idempotency_key))

    def delete_webhook(self, webhook_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete a webhook with its deliveries."""
        self._call("DELETE", f"/v1/webhooks/{segment(webhook_id)}", idempotency_key=idempotency_key)

    def webhook_deliveries(
        self,
        webhook_id: str,
        *,
        state: DeliveryState | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> WebhookDeliveryPage:
        """List the deliveries of a webhook, newest first."""
        return cast(WebhookDeliveryPage, self._call("GET", f"/v1/webhooks/{segment(webhook_id)}/deliveries", query={"state": state, "cursor": cursor, "limit": limit}))

    def all_webhook_deliveries(
        self,
        webhook_id: str,
        *,
        state: DeliveryState | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Iterator[WebhookDeliveryView]:
        """List the deliveries of a webhook, newest first: the items of all pages."""
        return cast(Iterator[WebhookDeliveryView], self._items(f"/v1/webhooks/{segment(webhook_id)}/deliveries", {"state": state, "cursor": cursor, "limit": limit}))

    def redeliver_webhook(
        self,
        webhook_id: str,
        delivery_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> WebhookDeliveryAccepted:
        """Send a finished delivery again, with the same id and body."""
        return cast(WebhookDeliveryAccepted, self._call("POST", f"/v1/webhooks/{segment(webhook_id)}/deliveries/{segment(delivery_id)}/redelivery", idempotency_key=idempotency_key))

    def rotate_webhook_secret(self, webhook_id: str, *, idempotency_key: str | None = None) -> WebhookSecretView:
        """Replace the secret of a webhook."""
        return cast(WebhookSecretView, self._call("POST", f"/v1/webhooks/{segment(webhook_id)}/secret-rotation", idempotency_key=idempotency_key))

    def send_test_event(self, webhook_id: str, *, idempotency_key: str | None = None) -> WebhookDeliveryAccepted:
        """Send a test event to a webhook, whatever types it receives."""
        return cast(WebhookDeliveryAccepted, self._call("POST", f"/v1/webhooks/{segment(webhook_id)}/test", idempotency_key=idempotency_key))

    def logs(
        self,
        application_id: str,
        *,
        environment: str | None = None,
        deployment: str | None = None,
        component: Literal['build', 'run'] | None = None,
        process: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        search: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        where: str | None = None,
    ) -> LogsView:
        """Read log lines of builds and instances, oldest first."""
        return cast(LogsView, self._call("GET", f"/v2/apps/{segment(application_id)}/logs", query={"environment": environment, "deployment": deployment, "component": component, "process": process, "after": after, "limit": limit, "search": search, "from": from_, "to": to, "where": where}))

    def function_logs(
        self,
        *,
        function: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        search: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        where: str | None = None,
    ) -> FunctionLogsView:
        """Read log lines of a platform function (admin)."""
        return cast(FunctionLogsView, self._call("GET", "/v2/functions/logs", query={"function": function, "after": after, "limit": limit, "search": search, "from": from_, "to": to, "where": where}))
