"""What every function runs on. It knows the kernel's declarations and names no context.

    serving | operations                process, HTTP entry, queue consumer, grouping, topology job · functions of every context
    execution                           one message, one function: authorization, transaction, response, failures
    reliability | email                 inbox, outbox, ordering, sagas, dead letters, housekeeping · delivery of e-mails
    messaging | storage | security      RabbitMQ · PostgreSQL · tokens, encryption, signatures
    config                              settings, clock, registry, wiring

A layer imports only layers below it (`.importlinter`). A message arrives as an HTTP request of the Broker's dispatcher, or from
the process's own queues; becomes a `functions.wire.cloudevents.Message`; and is executed: deadline, authorization, input, then one
transaction that claims the message first and commits state, reply and events together. Only then is anything published.

The invariants are in the docstrings of the packages, performance measurements in docs/performance.md.
"""
