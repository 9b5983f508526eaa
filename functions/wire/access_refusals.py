"""RabbitMQ's refusals of a user without permission (reply code 403, ACCESS_REFUSED), as one line that says what to change.

RabbitMQ 3.10 names the resource and the user but not the permission; newer versions name it ("write access to exchange …"). What an
operation needs (https://www.rabbitmq.com/docs/access-control): publish, write on the exchange; consume, read on the queue; declare and
delete, configure; bind, write on the destination and read on the source.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

ACCESS_REFUSED = 403
PUBLISH = {"exchange": "write"}
DECLARE = {"exchange": "configure", "queue": "configure"}
BIND_QUEUE = {"exchange": "read", "queue": "write"}
CONSUME = {"queue": "read"}
"""Kind of resource → the permission that the operation needs on it."""

_TEXT = re.compile(
    r"^ACCESS_REFUSED - (?:(?P<permission>configure|write|read) )?access to (?:topic '(?P<routing_key>.*)' in )?(?:exchange )?"
    r"(?P<kind>exchange|queue) '(?P<name>.*?)' in vhost '(?P<vhost>.*?)' refused for user '(?P<user>.*?)'",
    re.DOTALL,
)
_REMEDY = "The permissions are generated from the declarations (knative/base/rabbitmq.yaml): apply them with `./taskw up` or `kubectl apply -k`"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A missing permission. `kind`: exchange or queue. `routing_key`: only if RabbitMQ refused that key of a topic exchange."""

    user: str
    permission: str
    kind: str
    name: str
    vhost: str
    routing_key: str | None

    def concerns(self, exchange: str, routing_key: str) -> bool:
        """Whether a publication is refused for the same reason."""
        return self.kind == "exchange" and self.name == (exchange or "amq.default") and self.routing_key in (None, routing_key)

    def __str__(self) -> str:
        key = "" if self.routing_key is None else f' for the routing key "{self.routing_key}"'
        return (
            f'RabbitMQ refused the user "{self.user}" access to the {self.kind} "{self.name}" of the virtual host "{self.vhost}": '
            f"it has no permission to {self.permission}{key}. {_REMEDY}"
        )


def refusal_in(error: object, required: Mapping[str, str]) -> Refusal | None:
    """Return the refusal in a closed channel's error, if there is one. `required`: the permissions of the operation that was under way."""
    if getattr(error, "reply_code", None) != ACCESS_REFUSED:
        return None
    match = _TEXT.match(str(getattr(error, "reply_text", "")))
    if match is None:
        return None
    kind = match["kind"]
    permission = match["permission"] or required.get(kind, "use it")
    return Refusal(match["user"], permission, kind, match["name"], match["vhost"], match["routing_key"])


def login_refusal(error: object, user: str, vhost: str) -> str | None:
    """Return why RabbitMQ refused to open the connection, if user, password or virtual host were refused."""
    text = str(error)
    if "Login was refused" in text:
        return f'RabbitMQ refused to log in the user "{user}": it does not exist or the password is wrong. {_REMEDY}'
    if "access to vhost" in text:
        return f'RabbitMQ refused the user "{user}" the virtual host "{vhost}": it has no permission there. {_REMEDY}'
    return None


def log_closed(log: logging.Logger, refusal: Refusal | str | None, error: object) -> None:
    """Log why a channel or connection was closed. A missing permission is an error: an operator must grant it."""
    if refusal is None:
        log.warning("RabbitMQ: %s", error)
    else:
        log.error("%s", refusal)
