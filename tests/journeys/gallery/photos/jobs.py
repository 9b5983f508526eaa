"""A queue in Redis. A job stays in the list of jobs in progress until it is done, so a worker that is killed loses none."""

import redis
from django.conf import settings

WAITING, IN_PROGRESS = "jobs", "jobs-in-progress"


def connect() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)


def put(number: int) -> None:
    connect().lpush(WAITING, number)
