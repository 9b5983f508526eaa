"""Networks of pods.

- `namespaces`: create a network namespace with its egress and its sockets
- `routes`: which destinations a pod reaches (pure)
- `addresses`: this machine's own addresses, and a notification when they change
- `holder`: the program that holds the namespaces when the platform does not run as root
"""
