"""The newest name of each account and how often one was applied: handled together with others (`Scale.batch`)."""

from functions.probe.events import AccountRenamed
from functions.probe.ports import Names

from functions.kernel import Done, Scale, on


@on(scale=Scale(batch=16))
async def on_renamed_recall(event: AccountRenamed, names: Names) -> Done[None]:
    await names.recall(event.account, event.name)
    return Done(None)
