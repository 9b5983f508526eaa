"""A context's PostgreSQL database: connection pools, transactions, statements that travel together.

Invariants:

- One transaction is open per task at most; adapters use `Database.connection` and never open their own.
- No session state: settings are set per transaction (`SET LOCAL`) or per role, there are no session-level advisory locks, no
  LISTEN, no temporary tables and no cursors that outlive a transaction. So a transaction pooler (PgBouncer) may stand in
  between. PgBouncer before 1.21 cannot carry prepared statements: set `CAPSULE_PREPARED_STATEMENTS=off`.
- No transaction waits for a lock longer than LOCK_TIMEOUT.

The package does not know tables: inbox and outbox belong to `reliability`, all others to the contexts.
"""
