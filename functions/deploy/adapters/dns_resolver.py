"""DNS, through dnspython: the operator's resolver, or the system's."""

from typing import TYPE_CHECKING

from functions.deploy.adapters.domain_variables import DNS_RESOLVER, DOMAIN_ADDRESSES
from functions.deploy.domain.dns_records import Answers, DnsRecords
from functions.deploy.ports import ResolverUnavailable
from functions.runtime.config.settings import Settings
from functions.runtime.storage.external_call import external_call

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

LIFETIME_SECONDS = 5.0
"""Of all tries of one question."""
MAX_VALUES = 32


class DnsResolver:
    def __init__(self, settings: Settings) -> None:
        self._address = settings.value(DNS_RESOLVER)
        self._expected = settings.value(DOMAIN_ADDRESSES)

    @external_call
    async def look_up(self, records: DnsRecords) -> Answers:
        resolver = self._resolver()
        cname = await _ask(resolver, records.host, "CNAME")
        texts = await _ask(resolver, records.txt_name, "TXT")
        addresses = [*await _ask(resolver, records.host, "A"), *await _ask(resolver, records.host, "AAAA")]
        expected = self._expected or [*await _ask(resolver, records.target, "A"), *await _ask(resolver, records.target, "AAAA")]
        challenge = await _ask(resolver, records.challenge_name, "CNAME")
        return Answers(
            cname=cname[0].rstrip(".").lower() if cname else None,
            texts=frozenset(texts),
            addresses=frozenset(addresses),
            expected=frozenset(expected),
            challenge_cname=challenge[0].rstrip(".").lower() if challenge else None,
        )

    def _resolver(self) -> "Resolver":
        from dns.asyncresolver import Resolver

        resolver = Resolver(configure=self._address is None)
        if self._address is not None:
            resolver.nameservers, resolver.port = [self._address[0]], self._address[1]
        resolver.lifetime = LIFETIME_SECONDS
        resolver.cache = None  # what was just created must be found
        return resolver


async def _ask(resolver: "Resolver", name: str, kind: str) -> list[str]:
    """Return the values of a name; none if it has none. Raises ResolverUnavailable."""
    from dns.exception import DNSException
    from dns.resolver import NXDOMAIN, NoAnswer

    try:
        answer = await resolver.resolve(f"{name}.", kind, search=False)
    except (NXDOMAIN, NoAnswer):
        return []
    except (DNSException, OSError) as error:
        raise ResolverUnavailable(f"The resolver does not answer for {name} {kind}: {error}") from error
    if kind == "TXT":
        return [b"".join(each.strings).decode("ascii", "replace") for each in answer][:MAX_VALUES]
    return [each.to_text() for each in answer][:MAX_VALUES]
