"""Routes, authentication and authorization."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import yaml
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from knative.local.api import protobuf
from knative.local.api.admission import Admission
from knative.local.api.attach import Attach, FindStreams
from knative.local.api.discovery import Discovery
from knative.local.api.logs import Logs
from knative.local.api.openapi import OpenAPI
from knative.local.api.patches import APPLY
from knative.local.api.policies import Write
from knative.local.api.reading import Reading
from knative.local.api.status import (
    StatusError,
    bad_request,
    forbidden,
    internal_error,
    not_allowed,
    success,
    target_details,
    unauthorized,
    unknown_path,
    unsupported,
)
from knative.local.api.target import DeleteOptions, Target, WriteOptions, parse
from knative.local.api.writing import Writing
from knative.local.definitions import Definitions
from knative.local.objects import Object
from knative.local.rbac import Attempt, Authorizer
from knative.local.settings import Settings
from knative.local.store import Store
from knative.local.tokens import DEFAULT_SECONDS, Identity, Tokens

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 3 << 20
PROTOBUF = "application/vnd.kubernetes.protobuf"
EMPTY_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
RETURNED_ON_DELETE = ("Pod", "ResourceQuota", "Service", "ServiceAccount")
"""Kinds whose deletion Kubernetes answers with the object, and not with a Status."""

Endpoint = Callable[[Request], Awaitable[Response]]


class API:
    """`closing`: set it to end watches and followed logs."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        settings: Settings,
        tokens: Tokens,
        find_streams: FindStreams,
        metrics: Callable[[], bytes],
        is_ready: Callable[[], bool],
    ) -> None:
        """`is_ready`: whether everything has started, requests from outside are accepted included."""
        self._metrics, self._is_ready = metrics, is_ready
        self.closing = asyncio.Event()
        self._store, self._definitions, self._tokens = store, definitions, tokens
        self._authorizer = Authorizer(store)
        self._reading = Reading(store, self.closing)
        self._admission = Admission(store, definitions, self._authorizer)
        self._writing = Writing(store, self._admission)
        self._logs = Logs(store, settings.state / "pods", self.closing)
        self._attach = Attach(store, find_streams, self.closing)
        self._discovery, self._openapi = Discovery(definitions, settings), OpenAPI(definitions)

    def app(self) -> Starlette:
        documents: Mapping[str, Callable[[Request], Object | None]] = {
            "/version": lambda _: self._discovery.version(),
            "/api": lambda _: self._discovery.versions(),
            "/apis": lambda _: self._discovery.groups(),
            "/apis/{group}": lambda request: self._discovery.group(request.path_params["group"]),
            "/api/{version}": lambda request: self._discovery.resources("", request.path_params["version"]),
            "/apis/{group}/{version}": lambda request: self._discovery.resources(request.path_params["group"], request.path_params["version"]),
            "/openapi/v3": lambda _: self._openapi.paths,
            "/openapi/v3/api/{version}": lambda request: self._openapi.version3("", request.path_params["version"]),
            "/openapi/v3/apis/{group}/{version}": lambda request: self._openapi.version3(
                request.path_params["group"], request.path_params["version"]
            ),
        }
        all_methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                *(Route(path, _healthy) for path in ("/livez", "/healthz")),
                Route("/readyz", self._ready),
                *(Route(path, self._authenticated(self._document(make))) for path, make in documents.items()),
                Route("/metrics", self._authenticated(self._scrape)),
                Route("/openapi/v2", self._authenticated(self._openapi_v2)),
                Route("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self._authenticated(self._review_access), methods=["POST"]),
                WebSocketRoute("/api/{version}/{rest:path}", self._handle_websocket),
                Route("/api/{version}/{rest:path}", self._authenticated(self._handle_resource), methods=all_methods),
                Route("/apis/{group}/{version}/{rest:path}", self._authenticated(self._handle_resource), methods=all_methods),
            ],
            exception_handlers={404: _not_found, 405: _method_not_allowed},
        )

    def _authenticated(self, endpoint: Callable[[Request, Identity], Awaitable[Response]]) -> Endpoint:
        """Wrap an endpoint: authenticate its request, and turn errors into Status responses."""

        async def handle(request: Request) -> Response:
            try:
                return await endpoint(request, self._authenticate(request))
            except StatusError as error:
                return error_response(error)
            except Exception:
                log.exception("%s %s", request.method, request.url.path)
                return error_response(internal_error())

        return handle

    async def _ready(self, request: Request) -> Response:
        return await _healthy(request) if self._is_ready() else Response("starting", 503, media_type="text/plain")

    async def _handle_websocket(self, websocket: WebSocket) -> None:
        try:
            identity = self._authenticate(websocket)
            target = parse(websocket, self._definitions, "GET")
            self._authorize(target, identity)
            if target.subresource != "attach":
                raise bad_request("this resource has no WebSocket")
            await self._attach.serve(target, websocket)
        except StatusError as error:
            await websocket.send_denial_response(error_response(error))

    def _authenticate(self, request: HTTPConnection) -> Identity:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        identity = self._tokens.identify(token.strip()) if scheme.lower() == "bearer" else None
        if identity is None:
            raise unauthorized()
        return identity

    @staticmethod
    def _document(make: Callable[[Request], Object | None]) -> Callable[[Request, Identity], Awaitable[Response]]:
        async def document(request: Request, identity: Identity) -> Response:
            content = make(request)
            if content is None:
                raise unknown_path()
            return json_response(content)

        return document

    async def _scrape(self, request: Request, identity: Identity) -> Response:
        """Metrics for Prometheus, for the administrator, as a cluster's API server has its own there."""
        if not identity.is_administrator:
            raise StatusError(403, "Forbidden", f'forbidden: User "{identity.name}" cannot get path "/metrics"')
        return Response(self._metrics(), media_type="text/plain; version=0.0.4")

    async def _openapi_v2(self, request: Request, identity: Identity) -> Response:
        """`kubectl` requests it as protobuf to look up kinds that version 3 lacks. All kinds are in version 3, so an empty document is correct."""
        if EMPTY_PROTOBUF in request.headers.get("accept", ""):
            return Response(b"", media_type=EMPTY_PROTOBUF.replace("@", "."))
        return json_response(self._openapi.version2())

    async def _review_access(self, request: Request, identity: Identity) -> Response:
        """SelfSubjectAccessReview: `kubectl auth can-i`."""
        review = await _body(request)
        attributes = (review.get("spec") or {}).get("resourceAttributes") or {}
        resource = attributes.get("resource", "") + (f"/{attributes['subresource']}" if attributes.get("subresource") else "")
        attempt = Attempt(attributes.get("verb", ""), attributes.get("group", ""), resource, attributes.get("namespace"), attributes.get("name", ""))
        return json_response({**review, "status": {"allowed": self._authorizer.allows(identity, attempt)}}, 201)

    async def _handle_resource(self, request: Request, identity: Identity) -> Response:
        target = parse(request, self._definitions, request.method)
        self._authorize(target, identity)
        if target.subresource == "log":
            return StreamingResponse(self._logs.read(target, request), media_type="text/plain")
        if target.subresource == "attach":
            raise bad_request("Upgrade request required")
        if target.subresource == "token":
            return await self._create_token(target, request, identity)
        if target.verb == "get":
            return json_response(self._reading.get(target, request))
        if target.verb == "list":
            return Response(self._reading.list(target, request), media_type="application/json")
        if target.verb == "watch":
            return StreamingResponse(self._reading.watch(target, request), media_type="application/json")
        if target.verb in ("delete", "deletecollection"):
            return await self._delete(target, request, identity)
        options = WriteOptions.from_request(request)
        if target.verb == "create":
            return json_response(await self._writing.create(target, await _body(request), options, identity), 201)
        if target.verb == "update":
            return json_response(await self._writing.update(target, await _body(request), options, identity))
        return await self._patch(target, request, options, identity)

    def _authorize(self, target: Target, identity: Identity, verb: str = "") -> None:
        """Raises StatusError (403) unless the identity may do `verb`, by default the verb of the request."""
        attempt = replace(target.attempt, verb=verb) if verb else target.attempt
        if not self._authorizer.allows(identity, attempt):
            scope = f' in the namespace "{target.namespace}"' if target.namespace else " at the cluster scope"
            message = f'User "{identity.name}" cannot {attempt.verb} resource "{attempt.resource}" in API group "{attempt.group}"{scope}'
            raise forbidden(target.definition, target.name, message)

    async def _patch(self, target: Target, request: Request, options: WriteOptions, identity: Identity) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        existed = self._store.find(target.definition.key, target.namespace, target.name) is not None
        if media_type in APPLY:
            if not request.query_params.get("fieldManager"):
                raise bad_request("PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch")
            if not existed:
                self._authorize(target, identity, "create")
        patched = await self._writing.patch(target, await _body(request, is_patch=True), media_type, options, identity)
        return json_response(patched, 200 if existed else 201)

    async def _delete(self, target: Target, request: Request, identity: Identity) -> Response:
        content = await _read(request)
        options = DeleteOptions.from_request(request, _parse(request, content) if content else {})
        if target.verb == "deletecollection":
            for entry in list(self._reading.selected(target, request)):
                namespace, name = entry.key[1] or None, entry.key[2]
                await self._writing.delete(Target(target.definition, namespace, name, "", "delete"), options, identity)
            details = target_details(target.definition)
            return json_response({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
        before = self._reading.get(Target(target.definition, target.namespace, target.name, "", "get"), request)
        remaining = await self._writing.delete(target, options, identity)
        if remaining is None and target.definition.key not in RETURNED_ON_DELETE:
            return json_response(success(target.definition, target.name, str(before["metadata"].get("uid", ""))))
        return json_response(remaining or before)

    async def _create_token(self, target: Target, request: Request, identity: Identity) -> Response:
        """TokenRequest: `kubectl create token`."""
        spec = (await _body(request)).get("spec") or {}
        account = self._reading.get(Target(target.definition, target.namespace, target.name, "", "get"), request)
        token_request = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {"name": target.name}, "spec": spec}
        self._admission.check_policies(Write("CREATE", target.definition, identity, token_request, None, "token", parent=account))
        token, expires_at = self._tokens.issue(account, int(spec.get("expirationSeconds") or DEFAULT_SECONDS))
        status = {"token": token, "expirationTimestamp": datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        return json_response({**token_request, "status": status}, 201)


async def _body(request: Request, is_patch: bool = False) -> Any:
    return _parse(request, await _read(request), is_patch)


async def _read(request: Request) -> bytes:
    """Read a body of at most MAX_BODY_BYTES, whatever its Content-Length says."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise StatusError(413, "RequestEntityTooLarge", f"limit is {MAX_BODY_BYTES}")
    return content


def _parse(request: Request, content: bytes, is_patch: bool = False) -> Any:
    """Parse a body in JSON, YAML or protobuf. A patch may be a list. Raises StatusError (400, 415)."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0]
    if media_type == PROTOBUF:
        return protobuf.decode(content)
    if "json" not in media_type and "yaml" not in media_type:
        raise unsupported(f"the body of the request is {media_type} - accepted media types include: application/json, application/yaml")
    try:
        body = yaml.load(content, yaml.CSafeLoader) if media_type.endswith("yaml") and content[:1] != b"{" else orjson.loads(content)
    except (orjson.JSONDecodeError, yaml.YAMLError) as error:
        raise bad_request(f"the body cannot be parsed: {error}") from error
    if not isinstance(body, dict) and not (is_patch and isinstance(body, list)):
        raise bad_request("the body is not an object")
    return body


def json_response(object: Object, code: int = 200) -> Response:
    return Response(orjson.dumps(object), code, media_type="application/json")


def error_response(error: StatusError) -> Response:
    return json_response(error.status(), error.code)


async def _healthy(request: Request) -> Response:
    return Response("ok", media_type="text/plain")


async def _not_found(request: Request, exception: Exception) -> Response:
    return error_response(unknown_path())


async def _method_not_allowed(request: Request, exception: Exception) -> Response:
    return error_response(not_allowed())
