"""CEL expressions of admission policies, evaluated by the C++ runtime of the CEL project (cel-expr-python).

The variables are those of Kubernetes that need nothing beyond the request: `request`, `object`, `oldObject`, `namespaceObject`. They are dynamically
typed here, so a misspelt field is an error of the evaluation and not of the policy. The functions are CEL's standard ones: an expression that needs
Kubernetes' libraries (quantity, url, authorizer), optional types or the string extension does not compile.

The runtime is imported when the first expression is compiled: 3 ms and, with an environment, 1 MB of private memory beside 7 MB of mapped library. An
API that has no policies never imports it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

VARIABLES = ("request", "object", "oldObject", "namespaceObject")
Result = Literal["bool", "string"]


class InvalidExpression(Exception):
    """Why an expression does not compile, in one line."""


class EvaluationError(Exception):
    """Why an expression has no value for these variables, in one line."""


@dataclass(frozen=True)
class Expression:
    text: str
    _program: Any

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """A bool or str, as it was compiled for. Raises EvaluationError."""
        from cel_expr_python import cel

        try:
            value = self._program.eval(data=dict(variables))
        except (RuntimeError, ValueError, TypeError, OverflowError) as fault:
            raise EvaluationError(self._why(fault)) from fault
        if value.type() == cel.Type.ERROR:
            raise EvaluationError(self._why(value.value()))
        return value.value()

    def _why(self, fault: object) -> str:
        return f"expression '{self.text.strip()}' resulted in error: {_one_line(fault)}"


@lru_cache(maxsize=512)
def compiled(text: str, result: Result) -> Expression:
    """Raises InvalidExpression; as in Kubernetes also if the result's type is not known to be `result`."""
    from cel_expr_python import cel

    try:
        program = _environment().compile(text)
    except (RuntimeError, ValueError) as fault:
        raise InvalidExpression(f"compilation failed: {_one_line(fault)}") from fault
    if program.return_type() != (cel.Type.BOOL if result == "bool" else cel.Type.STRING):
        raise InvalidExpression(f"must evaluate to {result}, not {program.return_type().name()}")
    return Expression(text, program)


@cache
def _environment() -> Any:
    from cel_expr_python import cel

    return cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN))


def _one_line(fault: object) -> str:
    return " ".join(str(fault).split())
