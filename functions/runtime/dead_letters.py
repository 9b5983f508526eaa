"""What no retry could mend, kept in its context's own database until an operator decides."""

import json
import traceback

from functions.kernel import new_id
from functions.runtime.database import Connection
from functions.runtime.envelope import Message

NOT_KEPT = frozenset({"token", "replyto"})
"""A caller's access token is never stored, and nobody waits for the reply any more."""


def name_of(error: BaseException) -> str:
    return type(error).__name__


def stack_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-8000:]


async def store(connection: Connection, message: Message, function: str, error: str, detail: str, stack: str = "") -> None:
    """Adds one row; a message that died before for the same function is brought up to date and opened again."""
    headers = {name: value for name, value in message.headers().items() if name not in NOT_KEPT}
    await connection.execute(
        """
        INSERT INTO dead_letters (id, function, source, message_id, type, headers, body, error, detail, stack, attempts)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (source, message_id, function) DO UPDATE SET error = excluded.error, detail = excluded.detail, stack = excluded.stack,
            attempts = dead_letters.attempts + excluded.attempts, state = 'open', died_at = now()
        """,
        (
            new_id(),
            function,
            message.source,
            message.id,
            message.type,
            json.dumps(headers),
            message.body,
            error,
            detail[:4000],
            stack,
            message.attempt,
        ),
    )
