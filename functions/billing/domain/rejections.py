"""The ways in which billing says no."""

from functions.kernel import NotFound


class CustomerNotFound(NotFound):
    """There is no customer for this user yet; one is made shortly after registration."""
