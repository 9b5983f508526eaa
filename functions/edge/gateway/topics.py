"""Topics of the reference: what users need first, what operators need last. An operation belongs to the first one whose pattern its path matches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Topic:
    slug: str
    title: str
    description: str
    path: str
    """A regular expression."""
    is_for_operators: bool = False


TOPICS = (
    Topic("applications", "Applications", "Create an application from git or an image, change its build, give it to another team, delete it.",
          r"/v1/(apps|quota)(/{applicationId}(/(name|transfer|repository-access|repository-token|deploy-key.*|host-keys))?)?"),
    Topic("deployments", "Deployments and releases", "Build and release a commit, follow it, promote it, return to an earlier release.",
          r"/v1/(apps/{applicationId}/(deployments|promotions|releases)|apps/.*/rollbacks|operations/{operationId}).*"),
    Topic("environments", "Environments and configuration", "Variables and secrets, size, stop and start. What runs now.",
          r"/v1/apps/{applicationId}/(environments(/{environment}(/(config|protection|restart|scale|start|stop))?)?|config|instances)"),
    Topic("runs", "One-off commands", "Run a command in an environment, attach to it, cancel it.", r"/v1/apps/.*/runs.*"),
    Topic("observation", "Logs, metrics and timelines", "What instances write, how requests did, and what one request caused.",
          r"/v\d/(apps/{applicationId}/(logs|metrics)|timeline/.*)"),
    Topic("alerts", "Alerts", "Rules, incidents, and where notifications go.", r"/v1/(alerts.*|apps/{applicationId}/alert.*)"),
    Topic("webhooks", "Webhooks", "Events that Capsule sends to a server of yours, signed.", r"/v1/webhook.*"),
    Topic("billing", "Billing", "Plan, current bill, invoices, payment method, billing details.",
          r"/v1/(operations/)?billing/(?!operator|webhooks).*"),
    Topic("teams", "Teams and permissions", "Members, roles and grants, invitations, service accounts and their tokens.",
          r"/v1/(teams.*|invitations.*|me/permissions)"),
    Topic("tokens", "API tokens", "Tokens for programs, with scopes and an expiry.", r"/v1/tokens.*"),
    Topic("account", "Your account", "Profile, e-mail address, password, second factor, passkeys, your data.", r"/v1/users/me.*|/v1/audit"),
    Topic("sign-in", "Sign up and sign in", "Registration, sessions, lost passwords, providers, passkeys, devices without a browser.",
          r"/v1/(users|users/verif.*|sessions.*|password-resets.*|email-changes.*|device-auth.*|provider-logins.*|passkey-logins.*|identity-providers.*)"
          r"|/\.well-known/.*"),
    Topic("operations", "Operations", "For administrators of the installation: the role `admin`.", r"/v\d/.*", is_for_operators=True),
    Topic("gateway", "Probes", "For load balancers and monitoring; without an account.", r"/.*", is_for_operators=True),
)  # fmt: skip
ADMIN = "admin"
FOR_OTHERS = re.compile(r"/v1/(billing/webhooks|email/notifications)/.*")
"""What other services call."""


def topic_of(path: str, operation: Mapping[str, Any]) -> Topic:
    is_for_operators = operation.get("x-permission") == ADMIN or FOR_OTHERS.fullmatch(path) is not None
    candidates = [each for each in TOPICS if each.is_for_operators or not is_for_operators]
    return next(each for each in candidates if re.fullmatch(each.path, path))
