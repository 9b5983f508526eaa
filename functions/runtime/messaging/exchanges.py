"""Names of Capsule's exchanges. `serving.topology` declares and binds them; `delays` adds its own."""

COMMANDS = "capsule.commands"
EVENTS = "capsule.events"
REPLIES = "capsule.replies"
DEAD_LETTERS = "dlx"
REDELIVERY = "capsule.redelivery"
"""Bound to `capsule.commands`, for a context that sends a message to one of its own functions again. RabbitMQ authorizes
routing keys on topic exchanges only, so this one is a topic exchange: a context may name its own functions and no others,
and it may not write to `capsule.commands`."""
