"""Messages: models in camelCase on the wire and snake_case in Python, and events with type, version and subject."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """The input of a command or query, or a response. Unknown fields are rejected, so that a typing error is reported."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Part(BaseModel):
    """A nested object of an event. Unknown fields are ignored, so that an older reader accepts a newer, compatible writer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class Event(Part):
    """A fact or a request that contexts share.

        class UserCreated(Event, type="user.created", subject="user_id"): ...

    `type`: the CloudEvents type and the routing key.
    `version`: counts breaking changes of the payload; `@upcasts` beside the class converts older versions (`kernel.versions`).
    `subject`: the field with the id of the aggregate whose state the event reports. Events of one subject are numbered, and a
    handler skips those older than the last one it applied (`Order`). Events to be added up (payments, usage) have no common subject.
    `is_public=True`: integrators may receive it by webhook. Its payload is theirs then: fields are for people outside of Capsule.
    `abstract=True`: a base class of several events.
    """

    type: ClassVar[str] = ""
    version: ClassVar[int] = 1
    subject: ClassVar[str | None] = None
    is_public: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(
        cls, *, type: str = "", version: int = 1, subject: str | None = None, is_public: bool = False, abstract: bool = False, **kwargs: Any
    ) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if abstract:
            return
        if not type:
            raise TypeError(f"{cls.__name__} has no type: write class {cls.__name__}(Event, type='user.created')")
        if subject is not None and subject not in cls.model_fields:
            raise TypeError(f"{cls.__name__}: subject {subject!r} is not one of its fields {sorted(cls.model_fields)}")
        cls.type, cls.version, cls.subject, cls.is_public = type, version, subject, is_public

    @property
    def subject_id(self) -> str | None:
        """The id of the aggregate; None for an event without a subject."""
        if self.subject is None:
            return None
        value: UUID | str = getattr(self, self.subject)
        return str(value)


@dataclass(frozen=True, slots=True)
class Delayed:
    """An event that a context sends to itself after a delay, such as a saga's reminder. Only its handler in this context receives it."""

    event: Event
    delay: timedelta


@dataclass(frozen=True, slots=True)
class Readdressed:
    """A message to be handled again by one function of this context: a replayed dead letter, a parked event whose predecessor was applied."""

    function: str
    headers: Mapping[str, str]
    body: bytes


OutgoingMessage = Event | Delayed | Readdressed
"""What a use case may publish."""

Events = tuple[OutgoingMessage, ...]
"""What a state-changing method of an aggregate returns; `()` if nothing changed."""


def after(delay: timedelta, event: Event) -> Delayed:
    return Delayed(event, delay)
