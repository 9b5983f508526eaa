"""Where the servers that Capsule starts listen.

On one machine an instance has a loopback of its own, or, in single-tenant mode, shares the machine's: the platform says
where to listen in `CAPSULE_BIND`. On a cluster it is not set: all addresses. A variable of the user's that servers read by
themselves (`HOST`, `HOSTNAME`, `NITRO_HOST`) is set to the same address, so that it never changes where a server listens.
"""

BIND = "${CAPSULE_BIND:-0.0.0.0}"
PORT = "$PORT"


def with_host(command: str, *names: str) -> str:
    """Return the command with variables that its server reads its address from."""
    return f"env {' '.join(f'{name}={chr(34)}{BIND}{chr(34)}' for name in names)} {command}"
