"""Let OpenSSL initialize itself. For a parent process that forks functions, after everything else: the children share its memory.

It does so at the first key, and writes to 2.5 MB: 620 of the 4,200 page faults of a fork that rehearses.
"""

from functions.runtime.serving.rehearsal import verify_token

verify_token()
