"""HTTP of the ingress and the dispatchers: `server` and `http2` (clients), `exchange` (one request), `client` and `upstreams`
(pods), `error_responses`, `authority` (which host a request is for), `listeners` and `relays` (listening sockets), `alpn` (the version).

HTTP/1.1 is raw protocols over httptools (llhttp) instead of a general HTTP library: every request takes this path to a pod, and a
general library costs several times as much CPU and ten of the platform's sixty megabytes.
"""
