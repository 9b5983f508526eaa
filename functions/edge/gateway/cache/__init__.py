"""The cache of responses: queries that declare a `Cache` are answered from it, to the caller that a response was made for.

keys         the key of a response, and the tags that can end it
stores       entries and tags in this process
shared       the same in Redis, for several gateways together
responses    answers a request from the cache, or asks the function and keeps its response
purges       follows the events that end responses

Each entry has the tokens that its tags had before the function was asked. It counts as long as all its tags still have these
tokens. To purge a tag is to put it on hold: for some seconds no entry with the tag is used or kept; then the tag gets a new token.
So a response that was read before a change and arrives after the event about it is never used (the token differs), nor is one
of a context that learns of the change through the same event and has not handled it yet (the hold). A tag that is lost, as
Redis may evict it, purges its entries.

A command puts its caller's tag on hold, so that callers read their own writes whether or not an event follows.
"""
