"""`./taskw rotate`: replace passwords and keys of this machine while it serves, without a failed request.

- `records`: who rotated what, and when
- `publication`: Secrets of the present state, until every process has them
- `servers`: passwords of PostgreSQL's roles and RabbitMQ's users
- `services`: logins that provision data services
- `key_sets`: keys that sign access tokens, and keys that seal secrets
- `shared`: secrets that one party signs with and another one verifies
- `command`: the task

Each rotation has the same order: what verifies learns the new value; only then does what signs or connects use it; only then is the former value
refused. What is stored changes atomically between these steps, and `up` publishes what is stored and refuses what an interrupted rotation left
accepted. So a rotation may be interrupted anywhere.
"""

from knative.machine.rotation.servers import close_interrupted

__all__ = ["close_interrupted"]
