"""The vocabulary of the wire, shared by gateway, functions and the one-machine Knative.

    addresses          which network addresses are public
    cloudevents        a message of Capsule: a CloudEvent in binary mode
    health_checks      the header of the platform's own requests to applications
    email_layout       the layout of every e-mail
    problems           problem documents (RFC 9457), JSON pointers (RFC 6901)
    trace_context      W3C Trace Context
    connections        the kernel's supervision of a client's connection
    log_output         structured log lines on standard error
    amqp, transport    the connection to RabbitMQ

Every module but the last four is pure: no I/O. The package imports nothing of Capsule but `functions.kernel`.
"""
