# GENERATED from the declarations by `python -m functions.describe`. Do not edit: change the declaration and run it again.
"""Requests and responses of several contexts."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class DeadLetterActionView(TypedDict):
    action: str
    actor: str | None
    detail: str
    at: str


class DeadLetterCauseView(TypedDict):
    function: str
    error: str
    count: int
    oldest: str
    newest: str


class DeadLetterView(TypedDict):
    id: str
    function: str
    type: str
    error: str
    detail: str
    attempts: int
    state: str
    diedAt: str
    payload: NotRequired[Any]
    headers: NotRequired[dict[str, str] | None]
    stack: NotRequired[str | None]
    history: NotRequired[list[DeadLetterActionView] | None]


class DeadLettersView(TypedDict):
    causes: list[DeadLetterCauseView]
    letters: list[DeadLetterView]


class OperationProblem(TypedDict):
    """Why it failed: members of a problem document (RFC 9457), and `reason`, a stable code."""

    title: str
    detail: str
    reason: str


OperationState: TypeAlias = "Literal['running', 'succeeded', 'failed']"


class OperationStepView(TypedDict):
    step: str
    startedAt: str
    finishedAt: str | None
    attempts: NotRequired[int]
    error: NotRequired[str | None]


class SettleDeadLetters(TypedDict):
    """Select `ids`, or all open letters of a `function`, of an `error`, or of both. `payload`: replaces that of a single letter, in the version that the letter's header `dataversion` states."""

    action: Literal['replay', 'discard']
    ids: NotRequired[list[str] | None]
    function: NotRequired[str | None]
    error: NotRequired[str | None]
    payload: NotRequired[dict[str, Any] | None]


class SettledDeadLettersView(TypedDict):
    """`settled`: letters replayed or discarded. `left`: letters of the selection that are still open; repeat the request."""

    settled: int
    left: int
