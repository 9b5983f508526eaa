"""CEL expressions of admission policies, evaluated by the C++ runtime of the CEL project (cel-expr-python).

Variables are `request`, `object`, `oldObject` and `namespaceObject`. They are dynamically typed, so a misspelt field
fails the evaluation and not the policy. Functions are CEL's standard ones: expressions with Kubernetes' libraries
(quantity, url, authorizer), optional types or the string extension do not compile.

The runtime is imported with the first expression, because it takes 1 MB of private memory and most machines have no
policies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

VARIABLES = ("request", "object", "oldObject", "namespaceObject")
Result = Literal["bool", "string"]


class InvalidExpression(Exception):
    """An expression that does not compile. The text says why, in one line."""


class EvaluationError(Exception):
    """An expression has no value for some variables. The text says why, in one line."""


@dataclass(frozen=True)
class Expression:
    text: str
    _program: Any

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Return a bool or str, as the expression was compiled. Raises EvaluationError."""
        from cel_expr_python import cel

        try:
            value = self._program.eval(data=dict(variables))
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            raise EvaluationError(self._message(error)) from error
        if value.type() == cel.Type.ERROR:
            raise EvaluationError(self._message(value.value()))
        return value.value()

    def _message(self, error: object) -> str:
        return f"expression '{self.text.strip()}' resulted in error: {_one_line(error)}"


@lru_cache(maxsize=512)
def compile_expression(text: str, result: Result) -> Expression:
    """Raises InvalidExpression, as in Kubernetes also if the type of the result is not known to be `result`."""
    from cel_expr_python import cel

    try:
        program = _environment().compile(text)
    except (RuntimeError, ValueError) as error:
        raise InvalidExpression(f"compilation failed: {_one_line(error)}") from error
    if program.return_type() != (cel.Type.BOOL if result == "bool" else cel.Type.STRING):
        raise InvalidExpression(f"must evaluate to {result}, not {program.return_type().name()}")
    return Expression(text, program)


@cache
def _environment() -> Any:
    from cel_expr_python import cel

    return cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN))


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
