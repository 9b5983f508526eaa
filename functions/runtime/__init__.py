"""What every function runs on. It knows the kernel's declarations and no context by name.

A message comes as an HTTP request that the broker's dispatcher makes (`main`, functions-framework), becomes an `envelope.Message`, and
goes through `execution`: deadline, authorization, input, then one transaction that begins by claiming the message and ends by committing
state, reply and events together (`inbox`, `outbox`). Only then is anything published. What fails is delayed and tried again, or stored
as a dead letter; a function answers 5xx only when neither its database nor the broker can be reached, since the broker's own retry
acknowledges before it publishes to its dead-letter exchange and so can lose.

    main → process → execution → { inbox, outbox, dead_letters, delays } → { database, bus }

Where the time goes (`./taskw bench`; py-spy, strace, CPU by process). An uncached `GET /v1/users/me` crosses four processes: gateway, RabbitMQ,
function, PostgreSQL. In the order of what each step was worth, of 3.4 ms of CPU a request at first and 1.1 to 1.4 now:

    circles are looked for seldom (`serve`)                               a third of a busy function: it remembers 10,000 tokens
    one write a turn of the loop (`gathering`)                            five system calls a request → two; RabbitMQ's CPU halved
    a command goes straight into its queue (`topology`)                   RabbitMQ 690 → 420 µs; its headers exchange tries every binding
    the pod consumes its own queue (knative/local/eventing/consumer.py)   no dispatcher and no HTTP on the way to a warm function
    a query reads as a role that only reads (`database`)                  one round trip instead of three
    a message that came as it was sent needs no request (dispatch.py)     a seventh of the function
    the runtime's statements go together (`session`)                      a command: nine round trips → four
    replies have no confirms (`bus`), keys are looked at once a second (`tokens`), pika's tables by one loop on uvloop's transport (`amqp`),
    a binary event is read without a library (`envelope`), classic queues on one node, questions not written to disk

Tried and not kept: psycopg's pipeline mode (costs what it spares), PostgreSQL over a Unix socket (a sixth of a round trip, a fiftieth of a request),
keeping its socket with the loop between two waits (the same), no io_uring under uvloop (nothing).

The next limits: a fifth of the gateway are functions-framework's and Starlette's layers; a third of a function is one SELECT, mostly psycopg's own.
A command with an event costs 7 ms where the same in Node, without inbox and outbox, costs 2: two transactions of four and six round trips, three
publications with their confirms, two lines of the journal that monitor stores too.
"""
