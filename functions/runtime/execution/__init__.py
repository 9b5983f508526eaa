"""Executes one message with one function: authorization, input, transaction, response, events, failures.

Invariants:

- State, reply and events commit together. Nothing after the commit can turn the response into a failure.
- A rejection is an answer: it rolls back to the savepoint and is stored as the reply.
- A known failure never leaves a function as 5xx; the message is delayed and retried, or stored as a dead letter. Only if neither
  database nor broker takes it the function answers 5xx, because the broker acknowledges a message before it publishes it
  to its dead-letter exchange and may lose it.
- Events and rejections that a declaration does not name are an error in tests and a log line in production.

The package does not know how messages arrive (`serving`) and names no context.
"""
