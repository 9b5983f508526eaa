"""What every function runs on. It knows the kernel's declarations and no context by name.

A message comes as an HTTP request that the broker's dispatcher makes (`main`, functions-framework), becomes an `envelope.Message`, and
goes through `execution`: deadline, authorization, input, then one transaction that begins by claiming the message and ends by committing
state, reply and events together (`inbox`, `outbox`). Only then is anything published. What fails is delayed and tried again, or stored
as a dead letter; a function answers 5xx only when neither its database nor the broker can be reached, since the broker's own retry
acknowledges before it publishes to its dead-letter exchange and so can lose.

    main → process → execution → { inbox, outbox, dead_letters, delays } → { database, bus }

Where the time goes (`./taskw bench`; py-spy, and CPU by process). An uncached `GET /v1/users/me` crosses five processes: function, gateway,
RabbitMQ, dispatcher, PostgreSQL, of which the function took a third of the CPU and RabbitMQ a quarter before these were changed:

    the pod consumes its own queue (knative/local/eventing/consumer.py)   no dispatcher and no HTTP on the way to a warm function
    classic queues on one node, questions not written to disk             one node gains nothing from Raft
    a binary event is read without a library (`envelope`)                 50 → 6 µs a message
    a mounted file's path is made once (`settings`)                       7 % of the function
    pika's tables by one loop, on uvloop's transport (`amqp`)             21 → 9 µs a message's headers
    no RELEASE of the savepoint, the outbox's DELETE alone                three round trips of an event

Of what a query still costs in its function about a quarter is PostgreSQL: BEGIN READ ONLY and COMMIT cost more than the one SELECT between
them. psycopg's pipeline mode was tried and saved little: its own machinery costs what the round trips do. That is the next limit: a role
for queries that is read-only by default (`ALTER ROLE … SET default_transaction_read_only = on`, which a pooler bears) would need neither.
After it come the ASGI layers.
"""
