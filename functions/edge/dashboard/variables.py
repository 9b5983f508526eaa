"""The environment variables that the dashboard reads, beside those of every function and the gateway's trusted proxies."""

from functions.runtime.config.variables import PLACE
from functions.wire.settings import Section, Setting, forms

PUBLIC_URL = Setting(
    "CAPSULE_DASHBOARD_URL",
    forms.text("an address as in https://dashboard.example.com"),
    "The dashboard's public address. With `https://`, its cookies are `Secure`.",
)

SECTIONS = (Section("Dashboard", "dashboard", PLACE, (PUBLIC_URL,)),)
