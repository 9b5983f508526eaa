"""The header fields of a former version of a route: that it is deprecated, until when it answers, and what takes its place.

Deprecation: @1764547200                                           RFC 9745: since when, as a structured date (RFC 9651)
Sunset: Wed, 01 Jul 2026 00:00:00 GMT                              RFC 8594: when it stops
Link: </docs>; rel="deprecation", </v2/apps/7/logs>; rel="successor-version"    RFC 9745 and 5829
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from urllib.parse import quote

from functions.edge.gateway.routing import PARAMETER, Route


def header_fields(route: Route, path_values: Sequence[str]) -> Mapping[str, str]:
    """Return the fields of a response of a former version; none for the current one."""
    former = route.former
    if former is None:
        return {}
    values = dict(zip(route.path_names, path_values, strict=True))
    links = [f'<{former.documentation}>; rel="deprecation"; type="text/html"']
    if route.successor is not None and all(name in values for name in PARAMETER.findall(route.successor)):
        path = PARAMETER.sub(lambda match: quote(values[match[1]], safe=""), route.successor)
        links.append(f'<{path}>; rel="successor-version"')
    return {
        "deprecation": f"@{int(_midnight(former.deprecated_on).timestamp())}",
        **({"sunset": format_datetime(_midnight(former.sunset_on), usegmt=True)} if former.sunset_on else {}),
        "link": ", ".join(links),
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
