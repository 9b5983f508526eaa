"""What every function runs on. It knows the kernel's declarations and no context by name.

A message comes as an HTTP request that the broker's dispatcher makes (`main`, functions-framework), becomes an `envelope.Message`, and
goes through `execution`: deadline, authorization, input, then one transaction that begins by claiming the message and ends by committing
state, reply and events together (`inbox`, `outbox`). Only then is anything published. What fails is delayed and tried again, or stored
as a dead letter; a function answers 5xx only when neither its database nor the broker can be reached, since the broker's own retry
acknowledges before it publishes to its dead-letter exchange and so can lose.

    main → process → execution → { inbox, outbox, dead_letters, delays } → { database, bus }

Where the time goes (`./taskw bench`; py-spy, and CPU by process, on two shared cores, 2026-11-22: shares hold, microseconds do not). An uncached
`GET /v1/users/me` used to cost 6.1 ms of CPU there, beside 1.8 ms of the Nest peer: function 2.2, RabbitMQ 1.5, gateway 1.3, dispatcher 0.75,
PostgreSQL 0.4. What was changed, and what each gave:

    the pod consumes its own queue (knative/local/eventing/consumer.py)   the dispatcher's 0.75, and 0.6 of HTTP in the function
    classic queues on one node, questions not written to disk             half of RabbitMQ's (1.5 → 0.8)
    a binary event is read without a library (`envelope`)                 50 → 6 µs a message
    a mounted file's path is made once (`settings`)                       7 % of the function
    pika's tables by one loop, on uvloop's transport (`amqp`)             21 → 9 µs a message's headers, 75 → 67 µs in, ack and out
    no RELEASE of the savepoint, the outbox's DELETE alone                three round trips of an event

Together 6.1 → 3.4 ms. Of what a query still costs in its function about a quarter is PostgreSQL: BEGIN READ ONLY and COMMIT cost twice what the
one SELECT between them does (433 µs of CPU for the three, 134 µs for the SELECT alone). psycopg's pipeline mode was tried and saves little (354 µs):
its own machinery costs what the round trips do. That is the next limit: a role for queries that is read-only by default (`ALTER ROLE … SET
default_transaction_read_only = on`, which a pooler bears) would need neither. After it come the ASGI layers, some 8 %.
"""
