"""`./taskw soak`: run thousands of commands in real processes while these, RabbitMQ and PostgreSQL are killed at random, then check the sums.

The same seed gives the same amounts and the same faults in the same order. `./taskw test` leaves it out: it takes minutes.
"""
