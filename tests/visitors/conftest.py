"""A complete Capsule, and its owner."""

from tests.journeys.conftest import ada, whole

__all__ = ["ada", "whole"]
