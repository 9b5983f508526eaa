"""The environment variables that `./taskw` and the one-machine Knative share. The image has `./taskw`, but not the one-machine Knative."""

from functions.wire.settings import Setting, forms

HOME = Setting(
    "CAPSULE_HOME",
    forms.path(),
    "The state folder. All commands of an installation need the same one.",
    default=".capsule",
)
PORT_OFFSET = Setting(
    "CAPSULE_PORT_OFFSET",
    forms.whole_number(0, 58_000),
    "Added to every port: gateway 3000, RabbitMQ 7010–7012, 7020 and 7021, Kubernetes API 7030, ingress 7080, Stripe stand-in 7081, PostgreSQL 7110, "
    "Redis 7111. All commands of an installation need the same one.",
    default="0",
)
DISK_RESERVE_GIB = Setting(
    "CAPSULE_DISK_RESERVE_GIB",
    forms.number("a number of GiB from 0 (no reserve) to below the size of the disk, as in 4", lambda gib: gib < 1 << 20),
    "Free space below which unused caches and images are deleted, builds wait, and the pod with the most data is evicted.",
    default=None,
    default_note="the larger of 2 GiB and 5 % of the disk, at most 10 %",
)
PUBLIC_HTTP_PORT = Setting(
    "CAPSULE_PUBLIC_HTTP_PORT",
    forms.whole_number(0, 65535),
    "Its port for HTTP, which answers challenges and redirects. ACME directories on the internet need 80.",
    default="0",
    default_note="7083, with the port offset",
)
PUBLIC_HTTPS_PORT = Setting(
    "CAPSULE_PUBLIC_HTTPS_PORT",
    forms.whole_number(0, 65535),
    "Its port for HTTPS. Browsers need 443.",
    default="0",
    default_note="7084, with the port offset",
)
HELD_FRONT = "held-front"
"""A file in the state folder: while it exists, no requests are accepted, because `up` applies Secrets and ConfigMaps that pods must start with."""
