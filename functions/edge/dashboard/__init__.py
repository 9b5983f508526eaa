"""The dashboard: server-rendered pages for everything that the API does.

Invariants:

- A page calls functions over `capsule.commands`, with the visitor's own access token. It can do nothing that the API cannot.
- A session is auth's: two cookies have its tokens. Scripts cannot read them, and a form counts only from the dashboard's own origin.
- Calls without a session, such as sign-in, count against the gateway's rate limits by address.
- Every page works without JavaScript, except that passkeys need it: the browser offers them to scripts only. The other script adds live logs,
  live status and typed confirmation.
- Nothing is loaded from elsewhere, and the Content-Security-Policy allows no inline script or style.

It does not own permissions (functions), sessions (auth), the API and its documentation (gateway).
"""

from functions.edge.dashboard.dashboard import open_edge

__all__ = ["open_edge"]
