"""`./taskw backup` and `./taskw restore`: everything that a Capsule on one machine cannot make again, in the backup store.

A backup is a list of parts (`parts.KINDS`), each with what it stores and how it is restored; another kind of data adds a kind. Invariants:

- All databases are dumped from snapshots that were taken at one moment, when no message was on its way (`moment`), so that no context knows of an
  event that another one has lost. The manifest says whether there was such a moment.
- Restoring writes nothing before the key, the version and every part have been verified. While it writes, `restoring` exists in the state folder,
  and `up` refuses.
- The key is not part of the backup.
"""
