"""How databases of applications are created, on a server of the one-machine Knative and on one of CloudNativePG."""

TEMPLATE = "capsule_template"
"""A template database in which PUBLIC may not create large objects, and the provisioner may allow it."""
LARGE_OBJECTS = ("lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)")
"""The functions of PostgreSQL that create them."""
