"""What RabbitMQ says when a user lacks a permission (reply code 403, ACCESS_REFUSED), as one line that says what to change.

RabbitMQ 3.10 names the resource and the user, not the permission: which one an operation needs is in https://www.rabbitmq.com/docs/access-control
(publish: write on the exchange; consume: read on the queue; declare and delete: configure; bind: write on the destination, read on the source).
Newer releases name it themselves ("write access to exchange …").
"""

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
_REMEDY = "The permissions follow from the declarations (knative/base/rabbitmq.yaml): apply them anew with `./taskw up` or `kubectl apply -k`"


@dataclass(frozen=True, slots=True)
class Refusal:
    user: str
    permission: str
    kind: str
    name: str
    vhost: str
    routing_key: str | None

    def concerns(self, exchange: str, routing_key: str) -> bool:
        """Whether a publication to that exchange is refused for the same reason."""
        return self.kind == "exchange" and self.name == (exchange or "amq.default") and self.routing_key in (None, routing_key)

    def __str__(self) -> str:
        key = "" if self.routing_key is None else f' for the routing key "{self.routing_key}"'
        return (
            f'RabbitMQ refused the user "{self.user}" access to the {self.kind} "{self.name}" of the virtual host "{self.vhost}": '
            f"it has no permission to {self.permission}{key}. {_REMEDY}"
        )


def refusal_in(error: object, needs: Mapping[str, str]) -> Refusal | None:
    """What a closed channel's error says, if it was closed over a missing permission. `needs`: of the operation that was under way."""
    if getattr(error, "reply_code", None) != ACCESS_REFUSED:
        return None
    found = _TEXT.match(str(getattr(error, "reply_text", "")))
    if found is None:
        return None
    kind = found["kind"]
    permission = found["permission"] or needs.get(kind, "use it")
    return Refusal(found["user"], permission, kind, found["name"], found["vhost"], found["routing_key"])


def login_refusal(error: object, user: str, vhost: str) -> str | None:
    """Why the connection was not opened, if user, password or virtual host were refused."""
    text = str(error)
    if "Login was refused" in text:
        return f'RabbitMQ refused to log in the user "{user}": it does not exist or its password is another. {_REMEDY}'
    if "access to vhost" in text:
        return f'RabbitMQ refused the user "{user}" the virtual host "{vhost}": it has no permission there. {_REMEDY}'
    return None
