"""Which part of many rows a repeated task reads in this turn."""


def offset_of_turn(count: int, limit: int, turn: int) -> int:
    """Return how many of `count` rows in a fixed order precede those of a turn.

    A turn has `limit` rows at most, and consecutive turns read all of them again and again.
    """
    turns = max(1, -(-count // limit))
    return turn % turns * limit
