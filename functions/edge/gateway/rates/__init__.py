"""Rate limits: how many requests an address, a user and an access token may send in a time.

limits     which limits exist, their defaults and settings
counters   sliding-window counters in this process
shared     the same counters in Redis, for several gateways together
plans      the factor of a user's plan
limiter    counts a request, refuses it, writes the header fields
"""
