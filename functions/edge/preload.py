"""Build what gateways and dashboards only read. For a parent process that forks them: the children share its memory."""

from functions.edge.gateway.installed import installed_table

installed_table()
