"""Tell a user that an identity at a provider was linked."""

from events.sign_in import IdentityLinked
from functions.auth.domain.email_limits import EmailKind
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_identity_linked(event: IdentityLinked, notices: Notices, work: Work) -> None:
    await notices.send(EmailKind.IDENTITY_LINKED, event.user_id, event.at, work, f'The provider is "{event.provider}".')
