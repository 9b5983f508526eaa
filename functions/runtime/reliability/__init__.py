"""Messages and events survive crashes: inbox, outbox, ordering, sagas, dead letters, housekeeping.

Invariants:

- A message is recorded once per function, in the transaction that does its work (`inbox`).
- Events commit with the state they report and are published after the commit (`outbox`); a row is deleted only after
  RabbitMQ has confirmed it. A crash in between publishes an event twice with the same id, and the receiver's inbox drops one.
- Events of a subject are numbered without gaps in the order of commits (`outbox`), and applied in the order that the handler
  declares (`ordering`).
- A message that no retry repairs is stored in its context's database until an operator decides (`dead_letters`).

The package decides nothing about a message's content; `execution` decides which of these applies.
"""
