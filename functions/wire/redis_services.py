"""What a Redis service of an application may do and use, on one machine and on a cluster: rights of its logins, and limits of its server.

Valkey, or Redis 7.0 or newer.
"""

LOGIN_RULES = (
    "~* &* +@all -@admin -@dangerous "
    "+info +keys +sort +flushdb +flushall +swapdb +role +client|list"
)  # fmt: skip
"""What applications may do: everything but administration and what Redis calls dangerous, with the exceptions that clients need. These
concern nothing but the service itself."""
CONTROL = "capsule"
"""The user with all rights, by whom the platform asks a server."""
CONTROL_CONNECTIONS = 16


def process_mib(memory_mib: int) -> int:
    """Memory of the server with its buffers and, while it rewrites its file, a copy of what changes meanwhile."""
    return 2 * memory_mib + 64


def server_limits(memory_mib: int, max_connections: int, rewrite_min_bytes: int) -> str:
    """Render lines of redis.conf. Keys with a time to live are evicted when the memory is full; without any, writes are refused."""
    return f"""daemonize no
loglevel notice
maxmemory {memory_mib}mb
maxmemory-policy volatile-lru
maxmemory-clients 25%
maxclients {max_connections + CONTROL_CONNECTIONS}
client-query-buffer-limit 16mb
proto-max-bulk-len 16mb
client-output-buffer-limit normal 16mb 8mb 30
client-output-buffer-limit pubsub 16mb 8mb 30
save ""
appendonly yes
appendfsync everysec
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size {rewrite_min_bytes}
aof-load-truncated yes
lua-time-limit 1000
"""
