"""A controller for tests: it lists the objects of a kind again and again, and brings about what they say."""

import threading
import traceback
from typing import Any

import httpx

INTERVAL_SECONDS = 0.2
MERGE = {"Content-Type": "application/merge-patch+json"}
Object = dict[str, Any]


class Controller:
    """`http`: a client of the API as administrator. Use as a context."""

    path: str
    """Of the kind in all namespaces."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.failures: list[str] = []
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def reconcile(self, object: Object) -> None: ...

    def remove(self, uid: str) -> None:
        """The object is deleted."""

    def known(self) -> set[str]:
        """uid of everything that runs."""
        return set()

    def __enter__(self) -> "Controller":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_stopping.set()
        self._thread.join()
        for uid in self.known():
            self.remove(uid)
        assert not self.failures, "\n".join(self.failures)

    def set_status(self, object: Object, status: Object) -> None:
        if object.get("status") != status:
            group, _, plural = self.path.rpartition("/")
            metadata = object["metadata"]
            path = f"{group}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}/status"
            answer = self.http.patch(path, headers=MERGE, json={"status": status})
            assert answer.status_code in (200, 404), answer.text

    def read(self, object: Object, plural: str, name: str) -> Object:
        """An object of the core group in the namespace of another."""
        answer = self.http.get(f"/api/v1/namespaces/{object['metadata']['namespace']}/{plural}/{name}")
        assert answer.status_code == 200, answer.text
        found: Object = answer.json()
        return found

    def _run(self) -> None:
        while not self._is_stopping.wait(INTERVAL_SECONDS):
            try:
                items = self.http.get(self.path).json()["items"]
                for uid in self.known() - {each["metadata"]["uid"] for each in items}:
                    self.remove(uid)
                for each in items:
                    self.reconcile(each)
            except Exception:  # noqa: BLE001 - the test reports it
                self.failures.append(traceback.format_exc())
                return
