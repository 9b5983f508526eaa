"""The cluster of a kubeconfig and a context, as kubectl finds them."""

import itertools
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.dynamic.exceptions import ApiException

from knative.machine.cluster import KubernetesApi, Object, reason_of
from knative.machine.problems import Problem

Answer = TypeVar("Answer")

USE_ANOTHER = "Pass --kubeconfig FILE and --context NAME, or set KUBECONFIG."
PATIENCE_SECONDS = 120.0
"""How long a refusal that passes is waited for, for each object."""
PAUSE_SECONDS = 2.0
PASSING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
UNREACHABLE_WEBHOOK = "failed to call webhook"
"""What the API server answers, with 500, when it cannot reach a webhook or gets no answer in time."""

AT_ONCE = 8
"""Requests to the API at the same time. Most of one is waiting: for webhooks and for the store."""
INDEPENDENT = frozenset({("serving.knative.dev/v1", "Service"), ("eventing.knative.dev/v1", "Trigger"), ("rabbitmq.com/v1beta1", "TopicPermission")})
"""Kinds with hundreds of objects, in any order."""


class ClusterApi(KubernetesApi):
    """A KubernetesApi that knows where it is. `name`: of the context. `host`: of the API server. `version`: as /version answers."""

    before_writes: Callable[[], None] | None = None
    """Called before each write; raises Problem when this process must not write any more (`lease.exclusive`)."""

    def __init__(self, api: client.ApiClient, name: str) -> None:
        super().__init__(api)
        self.name = name
        self.host = str(api.configuration.host)
        self.version: dict[str, str] = dict(self.dynamic.version["kubernetes"])

    def apply(self, objects: Iterable[Object], manager: str, *, is_dry_run: bool = False) -> int:
        """Apply the objects in their order; neighbours of a kind without dependencies on each other, some at a time. Returns their number.

        Raises: Problem for the first that is refused. Others of its kind may have been applied.
        """
        count = 0
        for kind, group in itertools.groupby(objects, key=lambda item: (item["apiVersion"], item["kind"])):
            if kind not in INDEPENDENT:
                count += super().apply(group, manager, is_dry_run=is_dry_run)
                continue
            self._resource(*kind)  # discovered once, by this thread
            with ThreadPoolExecutor(AT_ONCE) as pool:
                count += sum(pool.map(lambda item: KubernetesApi.apply(self, [item], manager, is_dry_run=is_dry_run), group))
        return count

    def _apply(self, item: Object, manager: str, *, is_dry_run: bool = False) -> None:
        """Apply one object, and again while the refusal is one that passes: an API or a webhook of an operator that starts, or has too much to do."""

        def once() -> None:
            if self.before_writes is not None and not is_dry_run:
                self.before_writes()
            KubernetesApi._apply(self, item, manager, is_dry_run=is_dry_run)

        patiently(once, time.monotonic() + PATIENCE_SECONDS)

    def begin_deletion(self, item: Object, propagation: str) -> bool:
        """As KubernetesApi.begin_deletion, and again as `_apply`. Raises: also Problem when this process must not write any more."""

        def once() -> bool:
            if self.before_writes is not None:
                self.before_writes()
            return KubernetesApi.begin_deletion(self, item, propagation)

        return patiently(once, time.monotonic() + PATIENCE_SECONDS)

    def has(self, api_version: str, kind: str) -> bool:
        """Whether the API serves a kind."""
        return bool(self.dynamic.resources.search(api_version=api_version, kind=kind))

    def present(self, item: Object) -> Object | None:
        """The current state of an object; None when it, or its kind, does not exist."""
        return self.get(item) if self.has(item["apiVersion"], item["kind"]) else None

    def text(self, path: str) -> str:
        """What the API answers at a path as text, such as the metrics of a pod through its proxy. Raises: ApiException."""
        response = self.dynamic.request("get", path, header_params={"Accept": "text/plain"}, serialize=False)
        return str(response.data.decode())

    def listed(self, api_version: str, kind: str, namespace: str | None = None, labels: str | None = None) -> list[Object]:
        """Objects of a kind; none when the kind does not exist. Raises: Problem when this login may not list them."""
        if not self.has(api_version, kind):
            return []
        try:
            return self.find(api_version, kind, namespace, labels)
        except ApiException as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                raise failure_of(error, self.name, self.host) from error
            raise Problem(f"{kind} objects cannot be listed: {reason_of(error)}", remedy_of(error)) from error


def patiently(call: Callable[[], Answer], deadline: float) -> Answer:
    """Call, and again while it fails in a way that passes, until `deadline` (time.monotonic()).

    Raises: ApiException for any other refusal and for the last one, Problem when there is no answer.
    """
    while True:
        try:
            return call()
        except ApiException as error:
            if time.monotonic() > deadline or not is_passing(error):
                raise
        except urllib3.exceptions.HTTPError as error:
            if time.monotonic() > deadline:
                raise Problem(f"The API does not answer: {error}", "Repeat the command.") from error
        time.sleep(PAUSE_SECONDS)


def is_passing(error: ApiException) -> bool:
    """Whether the same request may succeed in a moment. A webhook that denies a request answers 400 or 403."""
    return error.status in PASSING or (error.status == HTTPStatus.INTERNAL_SERVER_ERROR and UNREACHABLE_WEBHOOK in reason_of(error))


def remedy_of(error: ApiException) -> str:
    """What the operator does about a refusal: another account where it has no right, the same again where the API is not ready or too busy."""
    if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "Use a kubeconfig of an administrator of the cluster."
    return "Repeat the command: the API is not ready yet or has too much to do. What it says of itself: kubectl get --raw '/readyz?verbose'"


def connect(kubeconfig: Path | None = None, context: str | None = None) -> ClusterApi:
    """Connect as kubectl does: --kubeconfig, else KUBECONFIG, else ~/.kube/config.

    Raises: Problem when there is none, it cannot be read, or the API does not answer or refuses the login.
    """
    path = None if kubeconfig is None else str(kubeconfig)
    try:
        contexts, active = config.list_kube_config_contexts(path)
        name = context or str(active["name"])
        if name not in (names := [str(each["name"]) for each in contexts]):
            raise Problem(f'The kubeconfig has no context "{name}".', f"One of: {', '.join(names)}")
        api = config.new_client_from_config(path, context)
    except yaml.YAMLError as error:
        raise Problem(f"The kubeconfig {path or ''} is not YAML: {' '.join(str(error).split())}", USE_ANOTHER) from error
    except (config.ConfigException, OSError) as error:
        raise Problem(f"No cluster: {error}", USE_ANOTHER) from error
    except (TypeError, AttributeError, KeyError, ValueError, UnicodeDecodeError) as error:  # the library does not check what it reads
        raise Problem(f"{path or 'The kubeconfig'} is no kubeconfig.", USE_ANOTHER) from error
    try:
        return ClusterApi(api, name)
    except (client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
        raise failure_of(error, name, str(api.configuration.host)) from error


def being_deleted(namespace: str) -> Problem:
    """A namespace that is being deleted takes what is applied into it away."""
    return Problem(f"The namespace {namespace} is being deleted.", f"Wait until it no longer exists: kubectl wait --for=delete namespace/{namespace}")


def failure_of(error: Exception, name: str, host: str) -> Problem:
    """What an error of the client means to the operator. `name`: of the context. `host`: of the API server."""
    if not isinstance(error, ApiException | client.ApiException):
        return Problem(
            f"The API of the cluster {name} at {host} does not answer: {error}", "Is the address right, and reachable? kubectl cluster-info"
        )
    match error.status:
        case HTTPStatus.UNAUTHORIZED:
            remedy = "Its token or certificate has expired, or is of another cluster. Sign in again, then: kubectl auth whoami"
            return Problem(f"The cluster {name} at {host} does not accept the login of the kubeconfig.", remedy)
        case HTTPStatus.FORBIDDEN:
            return Problem(f"The login of the kubeconfig may not do this: {reason_of(error)}", "Use a kubeconfig of an administrator of the cluster.")
    return Problem(f"The API of the cluster {name} at {host} answered {error.status}: {reason_of(error)}", "Repeat the command.")
