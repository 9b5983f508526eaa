"""Tell a user that an identity at a provider was unlinked."""

from events.sign_in import IdentityUnlinked
from functions.auth.domain.email_limits import EmailKind
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_identity_unlinked(event: IdentityUnlinked, notices: Notices, work: Work) -> None:
    await notices.send(EmailKind.IDENTITY_UNLINKED, event.user_id, event.at, work, f'The provider is "{event.provider}".')
