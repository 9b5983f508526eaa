"""The input that both configuration commands share: of an application and of one environment."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.deploy.domain.configuration import Change
from functions.kernel import Change as AuditedChange
from functions.kernel import Model, SecretText, Text


class ConfigurationRequest(Model):
    """Entries that are neither set nor unset keep their value."""

    application_id: UUID
    variables: dict[str, Text] = Field(default_factory=dict)
    secrets: dict[str, SecretText] = Field(default_factory=dict, json_schema_extra={"writeOnly": True})
    """Write-only: no endpoint returns their values."""
    unset: Annotated[list[Text], Field(max_length=200)] = Field(default_factory=list)
    deploy: bool = True
    """Whether to redeploy what serves now. If false, the change takes effect at the next deployment.

    A request that sets and unsets nothing releases what earlier requests have saved with `false`."""

    @property
    def is_empty(self) -> bool:
        return not (self.variables or self.secrets or self.unset)

    def audited_change(self) -> AuditedChange:
        """Names only, of variables too: their values may be secrets that somebody has put there."""
        return AuditedChange(after={"variables": sorted(self.variables), "secrets": sorted(self.secrets), "unset": sorted(self.unset)})

    def change(self) -> Change:
        """Raises InvalidConfiguration."""
        return Change.parse(self.variables, {name: secret.get_secret_value() for name, secret in self.secrets.items()}, self.unset)
