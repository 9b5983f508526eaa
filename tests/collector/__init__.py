"""The collector of a cluster: formats, files on a disk, restarts, and RabbitMQ."""
