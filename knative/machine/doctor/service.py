"""Whether Capsule comes back after a reboot."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from knative.machine.doctor.finding import Finding, Level
from knative.machine.doctor.network import public_hosts
from knative.machine.home import Home
from knative.machine.service_installation import RUNNING_SYSTEMD, Place


def check(home: Home, _: datetime) -> Iterator[Finding]:
    system, own = Place.of(is_user_service=False), Place.of(is_user_service=True)
    enabled = [place.unit for place in (system, own) if _is_enabled(place)]
    yield decide_service(enabled, has_systemd=RUNNING_SYSTEMD.is_dir(), is_public=bool(public_hosts(home.environment)))


def _is_enabled(place: Place) -> bool:
    target = "default.target.wants" if place.is_user_service else "multi-user.target.wants"
    return place.unit.exists() and (place.unit.parent / target / place.unit.name).exists()


def decide_service(enabled: list[Path], *, has_systemd: bool, is_public: bool) -> Finding:
    """`is_public`: names of the operator lead here, so visitors miss what does not come back."""
    if enabled:
        return Finding("service", Level.GOOD, f"starts at boot: {enabled[0]}")
    summary = "Capsule does not come back by itself after a reboot"
    if not is_public:
        return Finding("service", Level.NOTE, f"{summary}; fine for a machine that nobody visits (./taskw install-service changes it)")
    remedy = "./taskw install-service" if has_systemd else "Run ./taskw up --foreground in this machine's service manager; it has no systemd."
    return Finding("service", Level.WARNING, f"{summary}.", remedy)
