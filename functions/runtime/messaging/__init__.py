"""RabbitMQ as functions and the gateway use it: the bus (publish, request, reply) and the delay exchange.

The connection itself, reconnecting and confirms are `functions.wire.amqp`. Which exchanges and queues exist is
`serving.topology`. The package does not know what a message means.
"""
