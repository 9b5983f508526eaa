"""The routes, and what stands before them: who is calling, and whether they may."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from knative.local.api import protobuf
from knative.local.api.admission import Admission
from knative.local.api.discovery import Discovery
from knative.local.api.logs import Logs
from knative.local.api.openapi import OpenAPI
from knative.local.api.patches import APPLY
from knative.local.api.policies import Write
from knative.local.api.reading import Reading
from knative.local.api.status import Refusal, about, bad_request, broken, forbidden, not_allowed, success, unauthorized, unknown_path, unsupported
from knative.local.api.target import DeleteOptions, Target, WriteOptions, parse
from knative.local.api.writing import Writing
from knative.local.definitions import Definitions
from knative.local.objects import Object
from knative.local.rbac import Attempt, Authorizer
from knative.local.settings import Settings
from knative.local.store import Store
from knative.local.tokens import DEFAULT_SECONDS, Identity, Tokens

log = logging.getLogger(__name__)

LARGEST_BODY = 3 << 20
PROTOBUF = "application/vnd.kubernetes.protobuf"
EMPTY_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
RETURNED = ("Pod", "ResourceQuota", "Service", "ServiceAccount")
"""Kinds whose deletion Kubernetes answers with the object; the others' with a Status."""

Endpoint = Callable[[Request], Awaitable[Response]]


class API:
    def __init__(self, store: Store, definitions: Definitions, settings: Settings, tokens: Tokens) -> None:
        self.closing = asyncio.Event()
        self._store, self._definitions, self._tokens = store, definitions, tokens
        self._authorizer = Authorizer(store)
        self._reading = Reading(store, self.closing)
        self._admission = Admission(store, definitions, self._authorizer)
        self._writing = Writing(store, self._admission)
        self._logs = Logs(store, settings.state / "pods", self.closing)
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
        every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                *(Route(path, _healthy) for path in ("/livez", "/readyz", "/healthz")),
                *(Route(path, self._answer(self._document(made))) for path, made in documents.items()),
                Route("/openapi/v2", self._answer(self._openapi_v2)),
                Route("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self._answer(self._review), methods=["POST"]),
                Route("/api/{version}/{rest:path}", self._answer(self._resource), methods=every),
                Route("/apis/{group}/{version}/{rest:path}", self._answer(self._resource), methods=every),
            ],
            exception_handlers={404: _unknown, 405: _no_method},
        )

    def _answer(self, endpoint: Callable[[Request, Identity], Awaitable[Response]]) -> Endpoint:
        async def answered(request: Request) -> Response:
            try:
                return await endpoint(request, self._identify(request))
            except Refusal as refusal:
                return refused(refusal)
            except Exception:
                log.exception("%s %s", request.method, request.url.path)
                return refused(broken())

        return answered

    def _identify(self, request: Request) -> Identity:
        sort, _, token = request.headers.get("authorization", "").partition(" ")
        identity = self._tokens.identify(token.strip()) if sort.lower() == "bearer" else None
        if identity is None:
            raise unauthorized()
        return identity

    @staticmethod
    def _document(made: Callable[[Request], Object | None]) -> Callable[[Request, Identity], Awaitable[Response]]:
        async def document(request: Request, identity: Identity) -> Response:
            found = made(request)
            if found is None:
                raise unknown_path()
            return answer(found)

        return document

    async def _openapi_v2(self, request: Request, identity: Identity) -> Response:
        """`kubectl` asks for it in protobuf, and only about kinds that version 3 does not have: no kind is in it then, as none is here."""
        if EMPTY_PROTOBUF in request.headers.get("accept", ""):
            return Response(b"", media_type=EMPTY_PROTOBUF.replace("@", "."))
        return answer(self._openapi.version2())

    async def _review(self, request: Request, identity: Identity) -> Response:
        """`kubectl auth can-i`"""
        review = await _body(request)
        asked = (review.get("spec") or {}).get("resourceAttributes") or {}
        resource = asked.get("resource", "") + (f"/{asked['subresource']}" if asked.get("subresource") else "")
        attempt = Attempt(asked.get("verb", ""), asked.get("group", ""), resource, asked.get("namespace"), asked.get("name", ""))
        return answer({**review, "status": {"allowed": self._authorizer.allows(identity, attempt)}}, 201)

    async def _resource(self, request: Request, identity: Identity) -> Response:
        target = parse(request, self._definitions)
        self._permit(target, identity)
        if target.subresource == "log":
            return StreamingResponse(self._logs.read(target, request), media_type="text/plain")
        if target.subresource == "token":
            return await self._token(target, request, identity)
        if target.verb == "get":
            return answer(self._reading.get(target, request))
        if target.verb == "list":
            return Response(self._reading.list(target, request), media_type="application/json")
        if target.verb == "watch":
            return StreamingResponse(self._reading.watch(target, request), media_type="application/json")
        if target.verb in ("delete", "deletecollection"):
            return await self._delete(target, request, identity)
        options = WriteOptions.of(request)
        if target.verb == "create":
            return answer(await self._writing.create(target, await _body(request), options, identity), 201)
        if target.verb == "update":
            return answer(await self._writing.update(target, await _body(request), options, identity))
        return await self._patch(target, request, options, identity)

    def _permit(self, target: Target, identity: Identity, verb: str = "") -> None:
        attempt = Attempt(verb, *_rest(target.attempt)) if verb else target.attempt
        if not self._authorizer.allows(identity, attempt):
            where = f' in the namespace "{target.namespace}"' if target.namespace else " at the cluster scope"
            why = f'User "{identity.name}" cannot {attempt.verb} resource "{attempt.resource}" in API group "{attempt.group}"{where}'
            raise forbidden(target.definition, target.name, why)

    async def _patch(self, target: Target, request: Request, options: WriteOptions, identity: Identity) -> Response:
        sort = request.headers.get("content-type", "").partition(";")[0].strip()
        existed = self._store.find(target.definition.key, target.namespace, target.name) is not None
        if sort in APPLY:
            if not request.query_params.get("fieldManager"):
                raise bad_request("PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch")
            if not existed:
                self._permit(target, identity, "create")
        made = await self._writing.patch(target, await _body(request, True), sort, options, identity)
        return answer(made, 200 if existed else 201)

    async def _delete(self, target: Target, request: Request, identity: Identity) -> Response:
        content = await _read(request)
        options = DeleteOptions.of(request, _parsed(request, content) if content else {})
        if target.verb == "deletecollection":
            for entry in list(self._reading.selected(target, request)):
                namespace, name = entry.key[1] or None, entry.key[2]
                await self._writing.delete(Target(target.definition, namespace, name, "", "delete"), options, identity)
            return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": about(target.definition)})
        found = self._reading.get(Target(target.definition, target.namespace, target.name, "", "get"), request)
        left = await self._writing.delete(target, options, identity)
        if left is None and target.definition.key not in RETURNED:
            return answer(success(target.definition, target.name, _uid(found)))
        return answer(left or found)

    async def _token(self, target: Target, request: Request, identity: Identity) -> Response:
        """A TokenRequest."""
        asked = (await _body(request)).get("spec") or {}
        account = self._reading.get(Target(target.definition, target.namespace, target.name, "", "get"), request)
        asking = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {"name": target.name}, "spec": asked}
        self._admission.must_comply(Write("CREATE", target.definition, identity, asking, None, "token", about=account))
        token, expires = self._tokens.issue(account, int(asked.get("expirationSeconds") or DEFAULT_SECONDS))
        status = {"token": token, "expirationTimestamp": datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        return answer({**asking, "status": status}, 201)


def _rest(attempt: Attempt) -> tuple[str, str, str | None, str]:
    return attempt.group, attempt.resource, attempt.namespace, attempt.name


def _uid(found: Object) -> str:
    return str(found["metadata"].get("uid", ""))


async def _body(request: Request, patch: bool = False) -> Any:
    return _parsed(request, await _read(request), patch)


async def _read(request: Request) -> bytes:
    """Never more than may be sent, whatever its header says."""
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > LARGEST_BODY:
            raise Refusal(413, "RequestEntityTooLarge", f"limit is {LARGEST_BODY}")
    return content


def _parsed(request: Request, content: bytes, patch: bool = False) -> Any:
    """JSON, YAML or protobuf; a patch may be a list."""
    sort = request.headers.get("content-type", "application/json").partition(";")[0]
    if sort == PROTOBUF:
        return protobuf.decode(content)
    if "json" not in sort and "yaml" not in sort:
        raise unsupported(f"the body of the request is {sort} - accepted media types include: application/json, application/yaml")
    try:
        found = yaml.load(content, yaml.CSafeLoader) if sort.endswith("yaml") and content[:1] != b"{" else orjson.loads(content)
    except (orjson.JSONDecodeError, yaml.YAMLError) as fault:
        raise bad_request(f"the body cannot be read: {fault}") from fault
    if not isinstance(found, dict) and not (patch and isinstance(found, list)):
        raise bad_request("the body is not an object")
    return found


def answer(object: Object, code: int = 200) -> Response:
    return Response(orjson.dumps(object), code, media_type="application/json")


def refused(refusal: Refusal) -> Response:
    return answer(refusal.status(), refusal.code)


async def _healthy(request: Request) -> Response:
    return Response("ok", media_type="text/plain")


async def _unknown(request: Request, exception: Exception) -> Response:
    return refused(unknown_path())


async def _no_method(request: Request, exception: Exception) -> Response:
    return refused(not_allowed())
