"""HTTP/1.1 of the ingress and the dispatchers: `server` (clients), `exchange` (one request), `client` and `upstreams`
(pods), `error_responses`, `authority` (which host a request is for), `listeners` and `relays` (listening sockets).

Raw protocols over httptools (llhttp) instead of a general HTTP library: every request takes this path, and a general
library costs several times as much CPU and ten of the platform's sixty megabytes.
"""
