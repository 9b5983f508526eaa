"""Ports, the names that clients use, and the firewall."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import psutil

from functions.deploy.adapters.shared_variables import APPLICATION_URL
from functions.runtime.config.variables import DASHBOARD_URL, PUBLIC_URL
from knative.machine import leftovers, processes
from knative.machine.doctor.finding import Finding, Level
from knative.machine.home import Home
from knative.machine.server_variables import BROKER_METRICS

NFT_SECONDS = 10


def check_ports(home: Home, _: datetime) -> Iterator[Finding]:
    yield decide_ports({title: _holder(home, port) for title, port in _ports(home).items()}, _ports(home))


def _ports(home: Home) -> dict[str, int]:
    ports = home.ports
    titles = {
        "gateway": ports.gateway,
        "ingress": ports.ingress,
        "terminals": ports.terminal,
        "Stripe stand-in": ports.stripe,
        "Kubernetes API": ports.api,
        **home.domain_ports,
    }
    if not home.external_amqp_url:
        titles |= {"RabbitMQ": ports.amqp, "RabbitMQ management": ports.management, "epmd": ports.epmd, "Erlang distribution": ports.distribution}
        titles |= {"RabbitMQ metrics": ports.broker_metrics} if BROKER_METRICS.read(home.environment) else {}
    if home.local_contexts:
        titles["PostgreSQL"] = ports.postgres
    if home.has_local_redis:
        titles["Redis"] = ports.redis
    return titles


def _holder(home: Home, port: int) -> str | None:
    """Who listens on a port: "" for a process of this installation, None for nobody, else its description."""
    description = processes.find_port_holder(port)
    if description is None:
        return None
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return description
    pods = {process.pid for process in leftovers.find_pods(home)}  # they have no mark
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr[1] == port and connection.pid:
            try:
                if connection.pid in pods or psutil.Process(connection.pid).environ().get(processes.MARK) == str(home.path):
                    return ""
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
    return description


def decide_ports(holders: Mapping[str, str | None], ports: Mapping[str, int]) -> Finding:
    """`holders`: by title; "" is a process of this installation, None is free."""
    foreign = {title: holder for title, holder in holders.items() if holder}
    if foreign:
        text = ", ".join(f"{ports[title]} ({title}) by {holder}" for title, holder in foreign.items())
        return Finding("ports", Level.FAULT, f"Taken: {text}", "Stop it, or move all ports of Capsule: CAPSULE_PORT_OFFSET=10000 ./taskw up")
    own = sum(holder == "" for holder in holders.values())
    return Finding(
        "ports", Level.GOOD, f"{own} in use by Capsule, {len(holders) - own} free", details=tuple(f"{ports[each]} {each}" for each in holders)
    )


def check_names(home: Home, _: datetime) -> Iterator[Finding]:
    hosts = public_hosts(home.environment)
    yield decide_names({host: _addresses(host) for host in hosts})


def public_hosts(environment: Mapping[str, str]) -> list[str]:
    """The hosts that people and browsers use, without those of this machine only."""
    texts = [environment.get(setting.name, "") for setting in (PUBLIC_URL, DASHBOARD_URL, APPLICATION_URL)]
    hosts = [urlsplit(text.replace("{name}", "name").replace("{namespace}", "namespace")).hostname or "" for text in texts]
    return sorted({host for host in hosts if host and host != "localhost" and not host.endswith(".localhost") and not host.startswith("127.")})


def _addresses(host: str) -> list[str]:
    try:
        return sorted({str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except OSError:
        return []


def decide_names(addresses: Mapping[str, Sequence[str]]) -> Finding:
    if not addresses:
        summary = "addresses below localhost: only this machine reaches Capsule"
        return Finding("names", Level.NOTE, summary, details=("CAPSULE_PUBLIC_URL, CAPSULE_DASHBOARD_URL, CAPSULE_APPLICATION_URL name others.",))
    if unknown := [host for host, found in addresses.items() if not found]:
        return Finding("names", Level.FAULT, f"DNS does not know {', '.join(unknown)}.", "Add A or AAAA records (for applications a wildcard).")
    return Finding("names", Level.GOOD, "; ".join(f"{host} is {', '.join(found)}" for host, found in addresses.items()))


def check_firewall(_: Home, __: datetime) -> Iterator[Finding]:
    yield decide_firewall(_ruleset())


def _ruleset() -> list[dict[str, Any]] | None:
    """The rules of nftables, also those that iptables-nft and ufw made. None: they cannot be read."""
    program = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin")
    if program is None:
        return None
    try:
        result = subprocess.run([program, "-j", "list", "ruleset"], capture_output=True, text=True, timeout=NFT_SECONDS)
        return list(json.loads(result.stdout)["nftables"]) if result.returncode == 0 else None
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None


def decide_firewall(ruleset: Sequence[Mapping[str, Any]] | None) -> Finding:
    """`ruleset`: objects of libnftables-json(5)."""
    if ruleset is None:
        summary = "cannot be read. All ports of Capsule listen on loopback, so none is open to others."
        return Finding("firewall", Level.NOTE, summary)
    chains = [each["chain"] for each in ruleset if "chain" in each]
    closed = [chain for chain in chains if chain.get("hook") in ("input", "output") and chain.get("policy") == "drop"]
    rules = [each["rule"] for each in ruleset if "rule" in each]
    blocking = [chain["name"] for chain in closed if not any(_accepts_loopback(rule, chain) for rule in rules)]
    if blocking:
        summary = f"{', '.join(blocking)} drops what no rule accepts, and no rule names the loopback interface: Capsule's processes cannot connect."
        return Finding("firewall", Level.WARNING, summary, 'nft insert rule … iif "lo" accept')
    return Finding("firewall", Level.GOOD, "loopback is open" if closed else "does not restrict this machine's own connections")


def _accepts_loopback(rule: Mapping[str, Any], chain: Mapping[str, Any]) -> bool:
    """Rules of other chains count too: ufw jumps to them."""
    is_of_table = (rule.get("family"), rule.get("table")) == (chain.get("family"), chain.get("table"))
    return is_of_table and '"lo"' in json.dumps(rule.get("expr", [])) and '"accept"' in json.dumps(rule.get("expr", []))
