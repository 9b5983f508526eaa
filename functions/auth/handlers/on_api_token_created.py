"""Tell a user that an API token was created."""

from events.auth import ApiTokenCreated
from functions.auth.domain.email_limits import EmailKind
from functions.auth.services.notices import Notices
from functions.kernel import Scale, Work, effect


@effect(scale=Scale(max=1, concurrency=1, pool=1))
async def on_api_token_created(event: ApiTokenCreated, notices: Notices, work: Work) -> None:
    detail = f'The token "{event.name}" may: {", ".join(event.scopes)}. It expires on {event.expires_at:%d %B %Y}.'
    await notices.send(EmailKind.API_TOKEN_CREATED, event.user_id, event.at, work, detail)
