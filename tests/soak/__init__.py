"""`./taskw soak`: thousands of commands through real processes while they, RabbitMQ and PostgreSQL are killed at random; then the sums are proved.

The same seed gives the same amounts and the same faults in the same order. Not part of `./taskw test`: it takes minutes.
"""
