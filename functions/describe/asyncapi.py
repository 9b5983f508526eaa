"""Generate the AsyncAPI 3.0 document of the messages over RabbitMQ: exchanges, messages by routing key, operations of functions.

Operations are those of the functions: they `receive` their input and `send` events. Headers are CloudEvents attributes
without a prefix, in lower-case letters and digits: the broker acknowledges and drops a message with any other name.
"""

from importlib.metadata import version
from typing import Any

from functions.describe.catalog import CALLED, SUBSCRIBED, Catalog
from functions.describe.shapes import Mode, Schema, Shapes
from functions.kernel import Declaration

COMMANDS, EVENTS, REPLIES, DEAD = "capsule.commands", "capsule.events", "capsule.replies", "dlx"


def document(catalog: Catalog) -> dict[str, Any]:
    shapes = Shapes(_types(catalog))
    messages: dict[str, Any] = {}
    for declaration in catalog.called:
        messages[declaration.name] = _message(declaration.name, declaration.summary, "Command", shapes.of(declaration.input, "validation"))
        reply = {} if _has_no_output(declaration) else shapes.of(declaration.output, "serialization")
        payload: Schema = {"anyOf": [reply, {"$ref": "#/components/schemas/Problem"}]} if reply else {"$ref": "#/components/schemas/Problem"}
        name = f"{declaration.name}.reply"
        messages[name] = _message(name, f"Reply to {declaration.name}: its result or a problem document", "Reply", payload)
    for event in catalog.events:
        summary = (event.__doc__ or event.__name__).strip().splitlines()[0]
        message = _message(event.type, summary, "Event", shapes.of(event, "serialization"))
        messages[event.type] = {**message, "x-version": event.version}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Capsule over RabbitMQ",
            "version": version("capsule"),
            "description": "To receive events, bind a queue to `capsule.events`, or create a Knative Trigger with a filter on the type on the Broker"
            " `capsule` and run the Job `capsule-topology` again.",
        },
        "defaultContentType": "application/json",
        "servers": {"rabbitmq": {"host": "{host}", "protocol": "amqp", "variables": {"host": {"default": "localhost:5672"}}}},
        "channels": _channels(catalog),
        "operations": _operations(catalog),
        "components": {"messages": messages, "schemas": {**shapes.definitions, **_own_schemas()}},
    }


def _types(catalog: Catalog) -> list[tuple[Any, Mode]]:
    types: list[tuple[Any, Mode]] = [(declaration.input, "validation") for declaration in catalog.called]
    types += [(declaration.output, "serialization") for declaration in catalog.called if not _has_no_output(declaration)]
    return [*types, *((event, "serialization") for event in catalog.events)]


def _has_no_output(declaration: Declaration) -> bool:
    return declaration.output in (None, type(None))


def _message(name: str, summary: str, headers: str, payload: Schema) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "summary": summary.rstrip("."),
        "contentType": "application/json",
        "correlationId": {"location": "$message.header#/correlationid"},
        "headers": {"$ref": f"#/components/schemas/{headers}Headers"},
        "payload": payload,
    }


def _channels(catalog: Catalog) -> dict[str, Any]:
    calls = [declaration.name for declaration in catalog.called]
    event_types = [event.type for event in catalog.events]
    return {
        COMMANDS: _channel(
            "{routingKey}", COMMANDS, "direct", calls, "Commands and queries. Routing key: the function's name. Publish with the flag `mandatory`."
        ),
        EVENTS: _channel("{routingKey}", EVENTS, "topic", event_types, "Events. Routing key: the event's type."),
        REPLIES: _channel(None, REPLIES, "direct", [f"{name}.reply" for name in calls], "Replies. Routing key: `replyto` of the command or query."),
        DEAD: _channel("{routingKey}", DEAD, "fanout", [*calls, *event_types], "Undelivered messages, for the dead-letter router."),
    }


def _channel(address: str | None, exchange: str, kind: str, messages: list[str], description: str) -> dict[str, Any]:
    parameters = {"parameters": {"routingKey": {"enum": messages}}} if address else {}
    return {
        "address": address,
        "description": description,
        **parameters,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {"amqp": {"is": "routingKey", "exchange": {"name": exchange, "type": kind, "durable": True, "autoDelete": False, "vhost": "/"}}},
    }


def _operations(catalog: Catalog) -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for declaration in catalog.declarations:
        if declaration.kind in CALLED:
            operations[declaration.name] = {
                **_receive(declaration, COMMANDS, declaration.name),
                "reply": {
                    "address": {"location": "$message.header#/replyto"},
                    "channel": {"$ref": f"#/channels/{REPLIES}"},
                    "messages": [{"$ref": f"#/channels/{REPLIES}/messages/{declaration.name}.reply"}],
                },
            }
        elif declaration.kind in SUBSCRIBED:
            operations[declaration.name] = _receive(declaration, EVENTS, str(declaration.message_type))
        if declaration.emits:
            operations[f"{declaration.name}.emits"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{EVENTS}"},
                "summary": f"Events of {declaration.name}",
                "tags": [{"name": declaration.context}],
                "messages": [{"$ref": f"#/channels/{EVENTS}/messages/{event.type}"} for event in declaration.emits],
            }
    return operations


def _receive(declaration: Declaration, exchange: str, message: str) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{exchange}"},
        "summary": declaration.summary.rstrip("."),
        "tags": [{"name": declaration.context}],
        "messages": [{"$ref": f"#/channels/{exchange}/messages/{message}"}],
    }


def _text(description: str, **keywords: Any) -> Schema:
    return {"type": "string", "description": description, **keywords}


def _own_schemas() -> dict[str, Schema]:
    date_time = {"format": "date-time"}
    common = {
        "specversion": _text("CloudEvents 1.0", const="1.0"),
        "id": _text("Unique with `source`. A function handles an id once"),
        "source": _text("The sender", format="uri-reference"),
        "type": _text("The routing key: a function's name or an event's type"),
        "time": _text("When the message was created", **date_time),
        "content-type": _text("Always JSON", const="application/json"),
        "dataversion": _text("Version of the type that the payload was written in. Missing: 1", pattern="^[1-9][0-9]*$"),
        "correlationid": _text("The same for a request and all that it causes"),
        "traceparent": _text("W3C Trace Context; only together with tracestate"),
        "tracestate": _text("W3C Trace Context; may be empty"),
    }
    command = {
        "replyto": _text("The queue for the reply, bound to capsule.replies"),
        "replybatch": _text("The sender reads several replies in one message, a batch of CloudEvents", const="1"),
        "deadline": _text("When the caller stops waiting", **date_time),
        "token": _text("The caller's access token; the function verifies it again"),
        "actor": _text("Id of the user who caused the message", format="uuid"),
        "remote": _text("The client's network address"),
        "useragent": _text("The client's User-Agent"),
        "fingerprint": _text("SHA-256 of the input without its sealed fields"),
    }
    event = {
        "subject": _text("Id of the aggregate that the event is about"),
        "sequence": _text("Number of the event within its subject, from 1"),
        "causation": _text("Id of the message whose handling published this one"),
        "actor": _text("Id of the user who caused the message", format="uuid"),
    }
    reply = {"outcome": _text("The outcome of the function", enum=["done", "rejected", "failed"]), "status": _text("The HTTP status it suggests")}
    required = ["specversion", "id", "source", "type", "content-type"]
    return {
        "CommandHeaders": {"type": "object", "required": required, "properties": {**common, **command}},
        "EventHeaders": {"type": "object", "required": required, "properties": {**common, **event}},
        "ReplyHeaders": {"type": "object", "required": [*required, "correlationid", "outcome", "status"], "properties": {**common, **reply}},
        "Problem": {
            "type": "object",
            "description": "Problem document (RFC 9457)",
            "required": ["type", "title", "status"],
            "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
        },
    }
