"""`./taskw soak`: use a whole Capsule over HTTP while its processes are killed at random, bring it back with `up` alone, then check the sums.

The same seed gives the same messages in the same order to each client, and the same kinds of faults. `./taskw test` leaves it out: it takes minutes.
"""
