"""Whether and where traces are exported, by OpenTelemetry's own variables."""

from importlib.util import find_spec

from functions.runtime.config.settings import Settings
from functions.runtime.config.variables import OTLP_ENDPOINT, OTLP_HEADERS
from functions.wire.settings import InvalidSetting
from functions.wire.tracing import NO_TRACER, Tracer

EXPORTER = "opentelemetry.exporter.otlp.proto.http"
"""Of the optional dependencies `telemetry`."""


def is_installed() -> bool:
    """Return whether the optional dependencies `telemetry` are installed."""
    try:
        return find_spec(EXPORTER) is not None
    except ModuleNotFoundError:  # a parent is missing
        return False


def open_tracer(settings: Settings, service: str, instance: str) -> Tracer:
    """Return the tracer of this process. `service`: as in `capsule-auth`; `instance`: tells processes of one service apart.

    Raises InvalidSetting if traces are to be exported and the library is not installed.
    """
    endpoint = settings.value(OTLP_ENDPOINT)
    if not endpoint:
        return NO_TRACER
    if not is_installed():
        raise InvalidSetting(f"{OTLP_ENDPOINT.name} is set, but OpenTelemetry is not installed. Install it: pip install 'capsule[telemetry]'")
    from functions.runtime.config.open_telemetry import OpenTelemetry  # the library costs memory and a third of a second at a start

    return OpenTelemetry(endpoint, settings.value(OTLP_HEADERS), service, instance)
