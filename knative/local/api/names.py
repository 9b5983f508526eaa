"""Patterns of Kubernetes' names (apimachinery, pkg/util/validation). Match them completely: `$` would let a line break pass at the end."""

import re

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
DNS_1035_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
DNS_1123_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
QUALIFIED_NAME = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
MAX_LABEL_LENGTH, MAX_SUBDOMAIN_LENGTH = 63, 253


def is_label(text: str, pattern: re.Pattern[str]) -> bool:
    return pattern.fullmatch(text) is not None and len(text) <= MAX_LABEL_LENGTH


def is_subdomain(text: str) -> bool:
    return SUBDOMAIN.fullmatch(text) is not None and len(text) <= MAX_SUBDOMAIN_LENGTH
