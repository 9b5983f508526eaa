"""Adapters that keep their state in memory, for every port of the four contexts.

The contract suites of `tests/adapters` run over these and over the real adapters (PostgreSQL, Stripe, Kubernetes, SMTP), so that what a use case
meets in `tests.capsule` behaves as production does.
"""
