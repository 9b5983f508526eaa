"""What every function runs on. It knows the kernel's declarations and no context by name.

A message comes as an HTTP request that the broker's dispatcher makes (`main`, functions-framework), becomes an `envelope.Message`, and
goes through `execution`: deadline, authorization, input, then one transaction that begins by claiming the message and ends by committing
state, reply and events together (`inbox`, `outbox`). Only then is anything published. What fails is delayed and tried again, or stored
as a dead letter; a function answers 5xx only when neither its database nor the broker can be reached, since the broker's own retry
acknowledges before it publishes to its dead-letter exchange and so can lose.

    main → process → execution → { inbox, outbox, dead_letters, delays } → { database, bus }
"""
