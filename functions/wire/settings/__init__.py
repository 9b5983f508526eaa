"""Declared environment variables: name, default, allowed values, meaning. Pure.

Each component declares its variables in one module, as `SECTIONS`, and reads them through their declarations. The reference
page docs/settings.md is generated from them. A value that is not allowed is one sentence: the variable, its value, and what
it must be.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from functions.wire.settings.forms import Form

T_co = TypeVar("T_co", covariant=True)


class MissingSetting(Exception):
    """A required setting is missing. The text names it and where it comes from."""


class InvalidSetting(ValueError):
    """A setting has a value that is not allowed. The text names it, its value and what it must be."""


@dataclass(frozen=True, slots=True)
class Setting(Generic[T_co]):
    """One environment variable. An empty value counts as unset.

    `name`: may contain one placeholder, as in `CAPSULE_<CONTEXT>_DATABASE_URL`; see `of`. `default`: as text; None if the
    variable is required. `default_note`: what the page shows as the default when it depends on the machine.
    `is_secret`: errors do not repeat the value.
    """

    name: str
    form: Form[T_co]
    meaning: str
    default: str | None = ""
    default_note: str = ""
    is_secret: bool = False

    def of(self, part: str) -> Self:
        """Return the setting for one value of the placeholder."""
        head, _, rest = self.name.partition("<")
        return replace(self, name=f"{head}{part.upper()}{rest.partition('>')[2]}")

    def read(self, environment: Mapping[str, str]) -> T_co:
        """Return the value. Raises MissingSetting and InvalidSetting."""
        text = environment.get(self.name) or self.default
        if text is None:
            raise MissingSetting(f"environment variable {self.name} is not set; it must be {self.form.description}")
        try:
            return self.form.parse(text)
        except ValueError as error:
            raise self.invalid(text, str(error)) from error

    def invalid(self, text: str, detail: str = "") -> InvalidSetting:
        """Return the error of a value. `detail`: which part of it is wrong, if the form cannot say it."""
        value = "has an invalid value" if self.is_secret else f'is "{text}"'
        reason = f" ({detail})" if detail and not self.is_secret else ""
        return InvalidSetting(f"{self.name} {value}; it must be {self.form.description}{reason}")


@dataclass(frozen=True)
class Section:
    """The settings of one component. `reader`: who reads them. `place`: where an operator sets them, in one sentence."""

    title: str
    reader: str
    place: str
    settings: tuple[Setting[object], ...]


def settings_of(sections: Iterable[Section]) -> list[Setting[object]]:
    return [setting for section in sections for setting in section.settings]


def check(settings: Iterable[Setting[object]], environment: Mapping[str, str]) -> None:
    """Check the settings that are set. Raises InvalidSetting with one line for each that is not allowed."""
    lines = []
    for setting in settings:
        if environment.get(setting.name):
            try:
                setting.read(environment)
            except InvalidSetting as error:
                lines.append(str(error))
    if lines:
        raise InvalidSetting("\n".join(lines))
