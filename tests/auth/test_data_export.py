"""The export of all data about a user: each context answers for itself."""

from uuid import UUID

from functions.auth.queries.export import ExportAccount
from functions.billing.queries.export import ExportBilling
from functions.deploy.queries.export import ExportApplications
from functions.kernel import Caller
from functions.monitor.queries.export import ExportMonitoring
from tests.access.walk import EMAIL, Walk
from tests.deploy.deploy_capsule import OWNER


async def test_each_context_exports_what_it_stores_of_the_user() -> None:
    walk = Walk()
    await walk.prepare()
    account = await walk.call(ExportAccount(), caller=OWNER)
    assert (account.profile.email, account.email_change.email) == (EMAIL, "owner-4712@example.org")
    billing = await walk.call(ExportBilling(), caller=OWNER)
    assert (billing.customer.email, billing.plan) == (EMAIL, "pro")
    assert [(each.buyer_email, each.total.amount) for each in billing.invoices] == [(EMAIL, 2000)] and len(billing.payments) == 1
    deploy = await walk.call(ExportApplications(), caller=OWNER)
    assert [each.id for each in deploy.applications] == [walk.ids["applicationId"]]
    assert deploy.applications[0].releases and len(deploy.applications[0].deployments) == 3
    exported = deploy.applications[0]
    assert walk.ids["serviceId"] in [each.id for each in exported.data_services] and exported.domains
    assert walk.ids["volumeId"] in [each.id for each in exported.volumes] and any(each.snapshots for each in exported.volumes)
    assert any(each.backups for each in exported.data_services)
    monitor = await walk.call(ExportMonitoring(), caller=OWNER)
    assert (monitor.email, [each.id for each in monitor.channels]) == (EMAIL, [walk.ids["channelId"]])
    assert monitor.rules and monitor.alerts and [each.id for each in monitor.webhooks] == [walk.ids["webhookId"]]


async def test_a_stranger_exports_nothing_of_others() -> None:
    walk = Walk()
    await walk.prepare()
    stranger = Caller(UUID(int=77))
    for request in (ExportBilling(), ExportApplications(), ExportMonitoring()):
        exported = (await walk.call(request, caller=stranger)).model_dump_json()
        assert EMAIL not in exported and str(walk.ids["applicationId"]) not in exported
