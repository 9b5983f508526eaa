"""The environment variables that the command reads. docs/settings.md is generated from them."""

from collections.abc import Mapping
from typing import NamedTuple


class Variable(NamedTuple):
    """`allowed` completes "it must be …"."""

    name: str
    allowed: str
    meaning: str
    default: str = ""

    def read(self, environment: Mapping[str, str]) -> str:
        """Return the value; empty if it is unset."""
        return environment.get(self.name, "")


API = Variable("CAPSULE_API", "the URL of a gateway", "The API that the command talks to, as `--api`.", "`http://127.0.0.1:3000`")
TOKEN = Variable("CAPSULE_TOKEN", "an access token", "Signs in without a stored login, for 15 minutes.")
APP = Variable("CAPSULE_APP", "the name of an application", "The application of commands without `--app`.", "that of `capsule.toml`")
ENVIRONMENT = Variable("CAPSULE_ENVIRONMENT", "the name of an environment", "The environment of commands without `--env`.", "`staging`")
CONFIG = Variable("CAPSULE_CONFIG", "a path", "The folder of `config.toml` and of the stored login.", "`capsule` in the user's configuration folder")
CA_FILE = Variable(
    "CAPSULE_CA_FILE",
    "the path of a PEM file with certificates",
    "Certificate authorities that the command trusts beside the system's. `capsule login` remembers it for this API.",
)

VARIABLES = (API, TOKEN, APP, ENVIRONMENT, CONFIG, CA_FILE)
