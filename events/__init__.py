"""The events that contexts share: the only thing a context knows of another.

One module for each context that publishes events, `platform` for what every context publishes, `cluster` for what the
cluster reports. The first line of an event's docstring is its summary in AsyncAPI. `at` is when the event happened, in
UTC. An event never contains a password, a token or a link.
"""
