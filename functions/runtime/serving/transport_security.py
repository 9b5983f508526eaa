"""Refuse addresses of RabbitMQ and PostgreSQL to which connections would not be encrypted and verified (CAPSULE_REQUIRE_TLS)."""

import ssl
from collections.abc import Iterable

import pika
from psycopg.conninfo import conninfo_to_dict

from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import AMQP_URL, DATABASE_URL, READER_URL, REPLICA_URL, REQUIRE_TLS
from functions.wire.settings import InvalidSetting, MissingSetting

VERIFY_FULL = "verify-full"
MODE = "PGSSLMODE"
"""libpq's default for addresses without `sslmode`."""


def require_tls(settings: Settings, contexts: Iterable[str] = ()) -> None:
    """Check the address of RabbitMQ and those of the contexts' databases. Raises InvalidSetting without the address, which holds a password."""
    if not settings.value(REQUIRE_TLS):
        return
    try:
        is_verified = is_verified_amqp(settings.value(AMQP_URL))
    except OSError as error:
        raise InvalidSetting(f"{AMQP_URL.name} names authorities that cannot be read ({error}); they must be a mounted PEM file") from error
    if not is_verified:
        raise InvalidSetting(f"{AMQP_URL.name} is not encrypted and verified, which {REQUIRE_TLS.name} demands; it must begin with amqps://")
    for context in contexts:
        for setting in (DATABASE_URL.of(context), READER_URL.of(context), REPLICA_URL.of(context)):
            try:
                address = settings.value(setting)
            except MissingSetting:
                continue  # Process names it where it is needed
            if address and not is_verified_postgres(address, settings.text(MODE, "prefer")):
                remedy = f"sslmode={VERIFY_FULL} in the address, or {MODE}={VERIFY_FULL}"
                raise InvalidSetting(f"{setting.name} is not encrypted and verified, which {REQUIRE_TLS.name} demands; it must have {remedy}")


def is_verified_amqp(address: str) -> bool:
    """Raises OSError: the authorities that the address names cannot be read."""
    options = pika.URLParameters(address).ssl_options
    return options is not None and options.context.verify_mode is ssl.CERT_REQUIRED and options.context.check_hostname


def is_verified_postgres(address: str, default_mode: str) -> bool:
    """`default_mode`: for an address that names none. https://www.postgresql.org/docs/current/libpq-ssl.html"""
    return conninfo_to_dict(address).get("sslmode", default_mode) == VERIFY_FULL
