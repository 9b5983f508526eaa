"""What travels: models in camelCase on the wire and snake_case in Python, and events with their type, version and subject."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A command's or query's input, or an answer. Unknown fields are refused, so a typing error is an error and not a silence."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Part(BaseModel):
    """A piece of an event. Unknown fields are ignored, so that an older reader understands a newer, compatible writer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Event(Part):
    """A fact that contexts share.

        class UserCreated(Event, type="user.created", subject="user_id"): ...

    `type` is the CloudEvents type and the routing key. `version` counts breaking changes of the payload; how what was stated before becomes of
    that version stands beside the class (`@upcasts`, see `kernel.versions`).
    `subject` names the field that holds the id of the aggregate whose state this event tells; events of one subject carry a
    sequence, and a handler skips what is older than what it has already applied (see `Order`). An event that is to be added up
    (a payment, a usage record) is its own subject or has none. `abstract=True` marks a base of several events.
    """

    type: ClassVar[str] = ""
    version: ClassVar[int] = 1
    subject: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, type: str = "", version: int = 1, subject: str | None = None, abstract: bool = False, **kwargs: Any
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if abstract:
            return
        if not type:
            raise TypeError(f"{cls.__name__} names no type: class {cls.__name__}(Event, type='user.created')")
        if subject is not None and subject not in cls.model_fields:
            raise TypeError(f"{cls.__name__}: subject {subject!r} is not one of its fields {sorted(cls.model_fields)}")
        cls.type, cls.version, cls.subject = type, version, subject

    @property
    def subject_id(self) -> str | None:
        if self.subject is None:
            return None
        value: UUID | str = getattr(self, self.subject)
        return str(value)


@dataclass(frozen=True, slots=True)
class Delayed:
    """An event that this context sends to itself after a while: a saga's timeout. It reaches only its handler in this context."""

    event: Event
    delay: timedelta


@dataclass(frozen=True, slots=True)
class Readdressed:
    """A message that one function of this context is to be given once more: an operator's replay, an early event whose turn has come."""

    function: str
    headers: Mapping[str, str]
    body: bytes


OutgoingMessage = Event | Delayed | Readdressed
"""What a use case may publish."""

Events = tuple[OutgoingMessage, ...]
"""What a state-changing method of an aggregate returns; `()` if nothing changed."""


def after(delay: timedelta, event: Event) -> Delayed:
    return Delayed(event, delay)
