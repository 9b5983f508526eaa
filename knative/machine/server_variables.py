"""Those of the environment variables of `./taskw` that name servers, or say how local ones are started.

They are apart because every task reads them: `variables` imports pydantic, with that of the backup store.
"""

from functions.runtime.config.variables import AMQP_URL, DATABASE_URL
from functions.wire.settings import Setting, forms

USER_AMQP_URL = Setting(
    "CAPSULE_<USER>_AMQP_URL",
    AMQP_URL.form,
    "The server of `CAPSULE_AMQP_URL` as the user of `AUTH`, `BILLING`, `DEPLOY`, `MONITOR`, `EDGE` (gateway), `RUNTIME` (dead-letter router) or "
    "`TOPOLOGY` (topology Job), with the permissions in [`knative/base/rabbitmq.yaml`](../knative/base/rabbitmq.yaml). Without it, components share "
    "one user, and `up` warns.",
    default_note="`CAPSULE_AMQP_URL`",
    is_secret=True,
)
MIGRATION_URL = Setting(
    "CAPSULE_<CONTEXT>_MIGRATION_URL",
    DATABASE_URL.form,
    "The database of `CAPSULE_<CONTEXT>_DATABASE_URL` as its owner, who migrates.",
    default_note="`CAPSULE_<CONTEXT>_DATABASE_URL`",
    is_secret=True,
)
BROKER_METRICS = Setting(
    "CAPSULE_BROKER_METRICS",
    forms.switch(),
    "Whether the local RabbitMQ serves metrics, see [Metrics for Prometheus](operations.md#metrics-for-prometheus). Takes effect when it starts.",
    default="off",
)
TLS = Setting(
    "CAPSULE_TLS",
    forms.switch(),
    "Whether the local PostgreSQL and RabbitMQ accept TLS 1.3 only, with certificates of an authority that `up` makes, see "
    "[Encrypted connections](operations.md#encrypted-connections). Takes effect when they start.",
    default="off",
)
DATA_SERVICES = Setting(
    "CAPSULE_DATA_SERVICES",
    forms.switch(),
    "Whether applications get PostgreSQL databases and Redis services on this machine, see [Data services](services.md). With `off`, services are "
    "added by their URL.",
    default="on",
)
