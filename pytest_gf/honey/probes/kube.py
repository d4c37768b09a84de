"""The Kubernetes wire, by the `kubernetes` library's configuration and transport: one exchange a call, JSON out."""

from __future__ import annotations

import http
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode, urlsplit

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import IdentityRejected, NotUnderstood, ProbeError, Unanswered, Unproven
from pytest_gf.engine.redaction import redact, redactor
from pytest_gf.honey.probes.bounds import check_json
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.s3_client import is_loopback

if TYPE_CHECKING:
    from pytest_gf.honey.target import KubernetesSection

MOST_ANSWER = 32 * 1024 * 1024
"""Bytes of one answer; a page of 500 pods has some 5 MiB."""
PAGE = 500
MOST_LINES = 20_000
MOST_LOG = 4 * 1024 * 1024
"""Bytes kept of one log, its end."""
MOST_PAGES = 40
EVERYWHERE = " in all namespaces"
UPGRADES = ("pods/exec", "pods/portforward")
"""What needs ``get`` and ``create`` both (facts/kubernetes.md: since 1.35)."""
GATEWAY = "gateway.networking.k8s.io"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Place:
    """Where a resource lies in the API; ``group`` "" is the core group.

    ``others``: versions that a cluster may serve it by instead. None of a custom resource is served where nobody
    installed it: ``is_custom``, and then the 404 says that there are no such objects.
    """

    group: str
    version: str
    namespaced: bool
    others: tuple[str, ...] = ()
    is_custom: bool = False


PLACES: Mapping[str, Place] = {
    "nodes": Place("", "v1", namespaced=False),
    "persistentvolumes": Place("", "v1", namespaced=False),
    "storageclasses": Place("storage.k8s.io", "v1", namespaced=False),
    "persistentvolumeclaims": Place("", "v1", namespaced=True),
    "pods": Place("", "v1", namespaced=True),
    "services": Place("", "v1", namespaced=True),
    "events": Place("", "v1", namespaced=True),
    "jobs": Place("batch", "v1", namespaced=True),
    "deployments": Place("apps", "v1", namespaced=True),
    "statefulsets": Place("apps", "v1", namespaced=True),
    "ingresses": Place("networking.k8s.io", "v1", namespaced=True),
    "httproutes": Place(GATEWAY, "v1", namespaced=True, is_custom=True),
    "grpcroutes": Place(GATEWAY, "v1", namespaced=True, others=("v1alpha2",), is_custom=True),
    "tcproutes": Place(GATEWAY, "v1alpha2", namespaced=True, others=("v1",), is_custom=True),
    "tlsroutes": Place(GATEWAY, "v1alpha2", namespaced=True, others=("v1alpha3", "v1"), is_custom=True),
}
"""What probes read. A resource that is not here needs a right that deploy/rbac does not grant."""


class Kube:
    """An API server as one identity sees it. Safe to share between threads: nothing of it is swapped or kept open.

    Calls end within ``deadline`` seconds and raise `Unproven` for a missing right (with its name), `IdentityRejected`,
    `Unanswered`, `DeadlineExceeded` or `NotUnderstood`.
    """

    def __init__(self, section: KubernetesSection, *, deadline: float) -> None:
        from kubernetes.client.api_client import ApiClient

        self.configuration = _configuration(section)
        self.deadline = deadline
        self.address = str(self.configuration.host).rstrip("/")
        self._client = ApiClient(self.configuration)

    def get(self, resource: str, name: str, namespace: str = "") -> Mapping[str, Any] | None:
        """Return one object, None where there is none of that name."""
        asked = self._path(resource, namespace, name)
        status, document = self._call(f"get {resource}", namespace, name, lambda: self._exchange("GET", asked))
        found: Mapping[str, Any] | None = self._read(status, document, "get", resource, namespace, name, found=None)
        if found is not None and (found.get("metadata") or {}).get("name") != name:
            came = f"200 with another object: {str(found.get('kind'))[:60]}"
            raise NotUnderstood(f"Kubernetes get {resource} {name} at {self.address}", came, _STRANGE)
        return found

    def list(self, resource: str, namespace: str = "") -> tuple[Mapping[str, Any], ...]:
        """Return every object of a resource in a namespace, or in the whole cluster where none is named; none of what nobody installed."""
        place = PLACES[resource]
        for version in (place.version, *place.others):
            found = self._pages(resource, namespace, version)
            if found is not None:
                return found
        return ()

    def _pages(self, resource: str, namespace: str, version: str) -> tuple[Mapping[str, Any], ...] | None:
        """Return every object, page after page, at most `MOST_PAGES`; None where a custom resource is not served by this version."""
        items: list[Mapping[str, Any]] = []
        token, again = "", False
        operation = f"list {resource}{EVERYWHERE if PLACES[resource].namespaced and not namespace else ''}"
        for _ in range(MOST_PAGES):
            query = {"limit": PAGE} | ({"continue": token} if token else {})
            asked = f"{self._path(resource, namespace, version=version)}?{urlencode(query)}"
            status, document = self._call(operation, namespace, "", self._exchanging("GET", asked))
            if status == http.HTTPStatus.NOT_FOUND and PLACES[resource].is_custom:
                return None
            if status == http.HTTPStatus.GONE and token and not again:
                items, token, again = [], "", True  # The token was too old: a list begins anew then, as clients do.
                continue
            page = self._read(status, document, "list", resource, namespace, "", found={})
            if "items" not in page or not str(page.get("kind")).endswith("List"):
                came = f"200 with what is no list: {str(page.get('kind'))[:60]}"
                raise NotUnderstood(f"Kubernetes list {resource} at {self.address}", came, _STRANGE)
            items += page.get("items") or ()
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return tuple(items)
        raise NotUnderstood(
            f"Kubernetes list {resource} at {self.address}",
            f"more than {MOST_PAGES * PAGE} objects",
            "is this the namespace that the target means?",
        )

    def log(self, pod: str, namespace: str, container: str, *, since: int | None, previous: bool) -> str:
        """Return the log of a container, `MOST_LOG` bytes of its end at most; "" where it has none (yet).

        ``since`` in seconds; ``previous`` asks for what ran before the last restart.
        """
        query: dict[str, Any] = {"container": container, "timestamps": "true", "tailLines": MOST_LINES}
        query |= {"sinceSeconds": since} if since is not None else {}
        query |= {"previous": "true"} if previous else {}
        asked = f"{self._path('pods', namespace, pod)}/log?{urlencode(query)}"
        tried = f"Kubernetes get pods/log {pod} in {namespace} at {self.address}"
        started = time.monotonic()
        request = {"namespace": namespace, "name": pod, "previous": previous}
        try:
            status, data = self._within(tried, lambda: self._exchange("GET", asked, accept="*/*"))
        except ProbeError as broken:
            seconds = time.monotonic() - started
            evidence.record("Kubernetes", "get pods/log", seconds=seconds, request=request, failed=broken.came_back)
            raise
        answer = {"status": status, "bytes": len(data)}
        evidence.record(
            "Kubernetes", "get pods/log", seconds=time.monotonic() - started, request=request, answer=answer
        )
        if status == http.HTTPStatus.UNAUTHORIZED:
            raise IdentityRejected(
                tried, "401 Unauthorized", "is the kubeconfig's token expired, or of another cluster?"
            )
        if status == http.HTTPStatus.FORBIDDEN:
            self.lack(("get",), "pods/log", namespace, "403")
        if status == http.HTTPStatus.OK:
            return data[-MOST_LOG:].decode("utf-8", "replace")
        if status in {http.HTTPStatus.BAD_REQUEST, http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_FOUND}:
            # Nothing ran before, or nothing runs yet: the answer names the reason.
            return "" if previous else f"no log: {status} {redact(data[:300].decode(errors='replace'))}"
        if status == http.HTTPStatus.INTERNAL_SERVER_ERROR:
            said = redact(data[:300].decode(errors="replace"))
            raise Unproven(f"no log of {pod}: its kubelet does not give it: {said}", "is its node up?")
        raise NotUnderstood(tried, str(status), _STRANGE)

    def allowed(self, verb: str, resource: str, namespace: str = "") -> bool:
        """Ask a SelfSubjectAccessReview. Cluster-scoped kinds are asked without a namespace: with one the answer may lie."""
        base, _, sub = resource.partition("/")
        place = PLACES[base]
        attributes = {"verb": verb, "group": place.group, "resource": base, "subresource": sub}
        attributes |= {"namespace": namespace} if place.namespaced else {}
        spec = {"resourceAttributes": {name: value for name, value in attributes.items() if value or name == "group"}}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        call = self._exchanging("POST", REVIEWS, body)
        status, document = self._call("create selfsubjectaccessreviews", namespace, f"{verb} {resource}", call)
        answered = document.get("status")
        if status != http.HTTPStatus.CREATED or not isinstance(answered, Mapping) or "allowed" not in answered:
            raise NotUnderstood(
                f"Kubernetes access review of {verb} {resource} at {self.address}",
                f"{status} {_said(document)}",
                _STRANGE,
            )
        return bool(answered["allowed"])

    def lack(self, verbs: tuple[str, ...], resource: str, namespace: str, said: str) -> NoReturn:
        """Raise Unproven naming which of these verbs on a resource the token lacks, as access reviews answer."""
        missing = [verb for verb in verbs if not self.allowed(verb, resource, namespace)]
        right = f"{' and '.join(missing or verbs)} {resource}"
        inside = namespace and PLACES[resource.partition("/")[0]].namespaced
        where = f"in namespace {namespace}" if inside else "in the cluster"
        why = f"the token may not {right} {where}" if missing else f"the API server refuses to {right}: {said}"
        raise Unproven(f"missing right: {why}", f"grant it: {rule(tuple(missing or verbs), resource)} (deploy/rbac)")

    def authorization(self) -> str:
        """Return the Authorization header's value, refreshed where the library does so; "" where there is none."""
        value = str(self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization") or "")
        redactor().learn([value.removeprefix("Bearer ")])
        return value

    def _path(self, resource: str, namespace: str, name: str = "", *, version: str = "") -> str:
        place = PLACES[resource]
        version = version or place.version
        base = f"/apis/{place.group}/{version}" if place.group else f"/api/{version}"
        inside = f"/namespaces/{namespace}" if place.namespaced and namespace else ""
        return f"{base}{inside}/{resource}{f'/{name}' if name else ''}"

    def _exchanging(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Callable[[], tuple[int, bytes]]:
        return lambda: self._exchange(method, path, body)

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, accept: str = "application/json"
    ) -> tuple[int, bytes]:
        headers = {"Accept": accept, "Content-Type": "application/json"}
        token = self.authorization()
        headers |= {"authorization": token} if token else {}
        response = self._client.call_api(
            method, f"{self.address}{path}", header_params=headers, body=body, _request_timeout=self.deadline
        )
        raw = response.response
        try:
            data: bytes = raw.read(MOST_ANSWER + 1)
        finally:
            raw.release_conn()
        if len(data) > MOST_ANSWER:
            raise NotUnderstood(f"Kubernetes {method} {path}", f"more than {MOST_ANSWER} bytes came", _STRANGE)
        return int(response.status), data

    def _call(
        self, operation: str, namespace: str, name: str, exchange: Callable[[], tuple[int, bytes]]
    ) -> tuple[int, Mapping[str, Any]]:
        tried = " ".join(
            filter(None, (f"Kubernetes {operation}", name, namespace and f"in {namespace}", f"at {self.address}"))
        )
        started = time.monotonic()
        asked = {"namespace": namespace, "name": name}
        try:
            status, data = self._within(tried, exchange)
            document = _decoded(tried, status, data)
        except ProbeError as broken:
            evidence.record(
                "Kubernetes", operation, seconds=time.monotonic() - started, request=asked, failed=broken.came_back
            )
            raise
        answer = {"status": status} | ({} if status < http.HTTPStatus.BAD_REQUEST else {"message": _said(document)})
        evidence.record("Kubernetes", operation, seconds=time.monotonic() - started, request=asked, answer=answer)
        if status == http.HTTPStatus.UNAUTHORIZED:
            raise IdentityRejected(
                tried, "401 Unauthorized", "is the kubeconfig's token expired, or of another cluster?"
            )
        return status, document

    def _within(self, tried: str, exchange: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            return within(self.deadline, tried, exchange)
        except (ApiException, HTTPError, OSError) as broken:  # ApiException: how the library wraps what TLS raises.
            said = broken.reason if isinstance(broken, ApiException) else str(broken)
            came_back = redact(str(said))[:300] or type(broken).__name__
            raise Unanswered(tried, came_back, "is the address right, the VPN up, the CA the cluster's own?") from None

    def _read(  # noqa: PLR0917  # One call site a verb, each naming its parts.
        self,
        status: int,
        document: Mapping[str, Any],
        verb: str,
        resource: str,
        namespace: str,
        name: str,
        *,
        found: Any,
    ) -> Any:
        if status == http.HTTPStatus.OK:
            return document
        if status == http.HTTPStatus.NOT_FOUND and name and document.get("kind") == "Status":
            return found
        if status == http.HTTPStatus.FORBIDDEN:
            self.lack((verb,), resource, namespace, _said(document))
        raise NotUnderstood(
            f"Kubernetes {verb} {resource} {name} at {self.address}", f"{status} {_said(document)}", _STRANGE
        )


_STRANGE = "is this the API server of the cluster, or a proxy before it?"


def rule(verbs: tuple[str, ...], resource: str) -> str:
    """Return the RBAC rule that grants these verbs on a resource, on one line of YAML."""
    group = PLACES[resource.partition("/")[0]].group
    return f'{{apiGroups: ["{group}"], resources: ["{resource}"], verbs: [{", ".join(f"{chr(34)}{verb}{chr(34)}" for verb in verbs)}]}}'


def _said(document: Mapping[str, Any]) -> str:
    return redact(str(document.get("message") or document.get("reason") or ""))[:300]


def _decoded(tried: str, status: int, data: bytes) -> Mapping[str, Any]:
    check_json(data, tried)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, Mapping):
        return document
    if status >= http.HTTPStatus.BAD_REQUEST:  # The kubelet and proxies refuse in plain text.
        return {"message": data[:300].decode(errors="replace")}
    raise NotUnderstood(tried, f"{status} with what is no JSON object, beginning {redact(repr(data[:60]))}", _STRANGE)


def _configuration(section: KubernetesSection) -> Any:
    """Return the library's configuration: of the kubeconfig, or of the pod that this runs in. Raises Unproven, ProbeError."""
    from kubernetes.client.configuration import Configuration
    from kubernetes.config import ConfigException, load_incluster_config, load_kube_config

    made = Configuration()
    if section.kubeconfig is None:
        try:
            load_incluster_config(client_configuration=made)
        except ConfigException:
            raise Unproven(
                "the target names no kubeconfig, and this is no pod with a ServiceAccount",
                "add kubeconfig (and context) to [kubernetes] of the target file",
            ) from None
    elif not Path(section.kubeconfig).is_file():
        raise Unproven(
            f"there is no kubeconfig at {section.kubeconfig}", "log in to the cluster, or name another in [kubernetes]"
        )
    else:
        try:
            load_kube_config(
                section.kubeconfig, context=section.context, client_configuration=made, persist_config=False
            )
        except Exception as wrong:  # noqa: BLE001  # The library raises whatever a strange file makes it raise.
            said = redact(str(wrong)).splitlines() or [type(wrong).__name__]
            raise ProbeError(
                f"reading kubeconfig {section.kubeconfig}",
                said[0][:300],
                "does the file name that context? kubectl config view",
            ) from None
    made.retries = False  # An answer is judged at once; what was never answered is an error.
    if is_loopback(str(made.host)):
        # Without a proxy here websocket-client would take the environment's: so one that no_proxy never lets it use.
        made.proxy, made.no_proxy = "http://proxy.invalid:1", urlsplit(str(made.host)).hostname
    return made
