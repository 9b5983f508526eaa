"""`./taskw fuzz`: odd requests to every endpoint of a running Capsule. No answer may be a fault of the server.

Two sources of requests, one after the other, with the ids of objects that were created before:

    odd_requests     bytes of our own: odd ids, numbers, texts, JSON and headers in every field of every route
    schema_run       schemathesis: what the OpenAPI document allows and forbids, and sequences that follow its links

`verdict` judges the answers of the first, schemathesis those of the second.
"""
