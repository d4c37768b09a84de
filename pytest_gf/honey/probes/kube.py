"""The Kubernetes wire, by the `kubernetes` library's configuration and transport: one exchange a call, JSON out."""

from __future__ import annotations

import contextlib
import http
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

from pytest_gf.engine import evidence
from pytest_gf.engine.errors import IdentityRejected, NotUnderstood, ProbeError, Unanswered, Unproven
from pytest_gf.engine.redaction import redact, redactor
from pytest_gf.honey.formats import kube_shapes
from pytest_gf.honey.probes.again import settled
from pytest_gf.honey.probes.bounds import check_json
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.kube_answers import KubeAnswer, message_of
from pytest_gf.honey.probes.kube_places import EVERYWHERE, PLACES, rule
from pytest_gf.honey.probes.kubeconfig import access

if TYPE_CHECKING:
    from pytest_gf.honey.target import KubernetesSection

MOST_ANSWER = 16 * 1024 * 1024
"""Bytes of one answer; a page of 500 pods has some 5 MiB. Above it nothing is read, and what needs it is unproven."""
PAGE = 500
MOST_LINES = 20_000
MOST_LOG = 4 * 1024 * 1024
"""Bytes kept of one log, its end."""
MOST_PAGES = 40
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Kube:
    """An API server as one identity sees it. Threads may share it: it keeps no connection and changes nothing of its own.

    Calls end within ``deadline`` seconds and raise `Unproven` for a missing right (with its name), `IdentityRejected`,
    `Unanswered`, `DeadlineExceeded` or `NotUnderstood`.
    """

    def __init__(self, section: KubernetesSection, *, deadline: float) -> None:
        self.access = access(section, deadline=deadline)
        from kubernetes.client.rest import RESTClientObject

        self.configuration = self.access.configuration
        self.deadline = deadline
        self.address = str(self.configuration.host).rstrip("/")
        self._pool = RESTClientObject(self.configuration).pool_manager

    def get(self, resource: str, name: str, namespace: str = "") -> Mapping[str, Any] | None:
        """Return one object, None where there is none of that name."""
        asked = self._path(resource, namespace, name)
        status, document = self._call(f"get {resource}", namespace, name, self._exchanging("GET", asked))
        item: Mapping[str, Any] | None = self._read(status, document, "get", resource, namespace, name)
        if item is not None:
            came = kube_shapes.wrong(resource, item)
            if not came and item["metadata"]["name"] != name:
                came = "another object"
            if came:
                kind = str(item.get("kind"))[:60]
                raise NotUnderstood(
                    f"Kubernetes get {resource} {name} at {self.address}", f"200 with a {kind}: {came}", _STRANGE
                )
        return item

    def served(self) -> frozenset[str]:
        """Return the API groups that the cluster serves, by discovery, which every accepted identity may ask."""
        status, document = self._call("get apis", "", "", self._exchanging("GET", "/apis"))
        groups = document.get("groups")
        if status != http.HTTPStatus.OK or not isinstance(groups, list):
            raise NotUnderstood(
                f"Kubernetes discovery at {self.address}", f"{status} {_said(document) or 'without groups'}", _STRANGE
            )
        return frozenset(str(group.get("name")) for group in groups if isinstance(group, Mapping))

    def list(self, resource: str, namespace: str = "") -> tuple[Mapping[str, Any], ...]:
        """Return every object of a resource in a namespace, or in the whole cluster where none is named. Where nobody installed it, there are none."""
        place = PLACES[resource]
        for version in (place.version, *place.others):
            listed = self._pages(resource, namespace, version)
            if listed is not None:
                return listed
        return ()

    def _pages(self, resource: str, namespace: str, version: str) -> tuple[Mapping[str, Any], ...] | None:
        """Return every object, page after page, at most `MOST_PAGES`; None where a custom resource is not served by this version."""
        items: list[Mapping[str, Any]] = []
        token, again = "", False
        place = PLACES[resource]
        operation = f"list {resource}{EVERYWHERE if place.namespaced and not namespace else ''}"
        for _ in range(MOST_PAGES):
            query = {"limit": PAGE} | ({"continue": token} if token else {})
            query |= {"fieldSelector": f"metadata.name={place.named}"} if place.named else {}
            asked = f"{self._path(resource, namespace, version=version)}?{urlencode(query)}"
            status, document = self._call(operation, namespace, place.named, self._exchanging("GET", asked))
            if status == http.HTTPStatus.NOT_FOUND and place.is_custom:
                return None
            if status == http.HTTPStatus.GONE and token and not again:
                items, token, again = [], "", True  # The token was too old: a list begins anew then, as clients do.
                continue
            page = self._read(status, document, "list", resource, namespace, place.named)
            items += self._items(resource, page)
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return tuple(items)
        raise NotUnderstood(
            f"Kubernetes list {resource} at {self.address}",
            f"more than {MOST_PAGES * PAGE} objects",
            "is this the namespace that the target means?",
        )

    def _items(self, resource: str, page: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
        """Return the objects of a page. Raises NotUnderstood for what is no list, and for an object of another shape."""
        wrong = "404" if page is None else kube_shapes.wrong_list(page)
        if page is None or wrong or not str(page["kind"]).endswith("List"):
            kind = str(page.get("kind"))[:60] if page is not None else ""
            came = f"200 with what is no list: {kind} {wrong}".rstrip()
            raise NotUnderstood(f"Kubernetes list {resource} at {self.address}", came, _STRANGE)
        for item in page["items"] or ():
            wrong = kube_shapes.wrong(resource, item)
            if wrong:
                raise NotUnderstood(f"Kubernetes list {resource} at {self.address}", f"an object: {wrong}", _STRANGE)
        items: Sequence[Mapping[str, Any]] = page["items"] or ()
        return items

    def log(self, pod: str, namespace: str, container: str, *, since: int | None, previous: bool) -> str:
        """Return the log of a container, `MOST_LOG` bytes of its end at most; "" where it has none (yet).

        ``since`` in seconds; ``previous`` asks for what ran before the last restart.
        """
        query: dict[str, Any] = {"container": container, "timestamps": "true", "tailLines": MOST_LINES}
        query |= {"sinceSeconds": since} if since is not None else {}
        query |= {"previous": "true"} if previous else {}
        asked = f"{self._path('pods', namespace, pod)}/log?{urlencode(query)}"
        tried = f"Kubernetes get pods/log {pod} in {namespace} at {self.address}"
        request = {"namespace": namespace, "name": pod, "previous": previous}
        status, data = self._settled("get pods/log", tried, request, self._exchanging("GET", asked, accept="*/*"))
        if status == http.HTTPStatus.FORBIDDEN:
            self.lack(("get",), "pods/log", namespace, "403", pod)
        if status == http.HTTPStatus.OK:
            return data[-MOST_LOG:].decode("utf-8", "replace")
        if status in {http.HTTPStatus.BAD_REQUEST, http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_FOUND}:
            # Nothing ran before, or nothing runs yet: the answer names the reason.
            return "" if previous else f"no log: {status} {redact(data[:300].decode(errors='replace'))}"
        if status == http.HTTPStatus.INTERNAL_SERVER_ERROR:
            said = redact(data[:300].decode(errors="replace"))
            raise Unproven(f"no log of {pod}: its kubelet does not give it: {said}", "is its node up?")
        raise NotUnderstood(tried, str(status), _STRANGE)

    def allowed(self, verb: str, resource: str, namespace: str = "", name: str = "") -> bool:
        """Ask a SelfSubjectAccessReview: with the name, since a right may be to that one object alone.

        Cluster-scoped kinds are asked without a namespace: with one the answer may lie. Raises Unproven where the
        token may not ask for reviews.
        """
        base, _, sub = resource.partition("/")
        place = PLACES[base]
        attributes = {"verb": verb, "group": place.group, "resource": base, "subresource": sub}
        attributes |= {"name": name or place.named, "namespace": namespace if place.namespaced else ""}
        spec = {"resourceAttributes": {key: value for key, value in attributes.items() if value or key == "group"}}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
        call = self._exchanging("POST", REVIEWS, body)
        status, document = self._call("create selfsubjectaccessreviews", namespace, f"{verb} {resource}", call)
        if status == http.HTTPStatus.FORBIDDEN:
            raise Unproven(
                f"the rights of the token are unknown, since it may not ask for access reviews: {_said(document)}",
                "bind the ClusterRole system:basic-user, which Kubernetes gives every identity",
            )
        answered = document.get("status")
        allowed = answered.get("allowed") if isinstance(answered, Mapping) else None
        if status != http.HTTPStatus.CREATED or not isinstance(allowed, bool):
            raise NotUnderstood(
                f"Kubernetes access review of {verb} {resource} at {self.address}",
                f"{status} {_said(document)}",
                _STRANGE,
            )
        return allowed

    def lack(self, verbs: tuple[str, ...], resource: str, namespace: str, said: str, name: str = "") -> NoReturn:
        """Raise Unproven naming which of these verbs on a resource the token lacks, as access reviews answer."""
        try:
            missing = [verb for verb in verbs if not self.allowed(verb, resource, namespace, name)]
        except Unproven as blind:
            said, missing = f"{said}; {blind.reason}", []
        right = f"{' and '.join(missing or verbs)} {resource}"
        inside = namespace and PLACES[resource.partition("/")[0]].namespaced
        where = f"in namespace {namespace}" if inside else "in the cluster"
        why = f"the token may not {right} {where}" if missing else f"the API server refuses to {right}: {said}"
        raise Unproven(
            f"missing right: {why}", f"grant it: {rule(tuple(missing or verbs), resource, name)} (deploy/rbac)"
        )

    def authorization(self) -> str:
        """Return the Authorization header's value, refreshed where the library does so; "" where there is none."""
        value = str(self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization") or "").strip()
        redactor().learn([value.removeprefix("Bearer ")])
        if not value.isprintable():
            raise ProbeError(
                "reading the kubeconfig's token", "it is no single line of text", "does tokenFile name the token?"
            )
        return value

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers that say who asks, and in whose name."""
        token = self.authorization()
        return (*((("Authorization", token),) if token else ()), *self.access.headers)

    def _path(self, resource: str, namespace: str, name: str = "", *, version: str = "") -> str:
        place = PLACES[resource]
        version = version or place.version
        base = f"/apis/{place.group}/{version}" if place.group else f"/api/{version}"
        inside = f"/namespaces/{namespace}" if place.namespaced and namespace else ""
        return f"{base}{inside}/{resource}{f'/{name}' if name else ''}"

    def _exchanging(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, accept: str = "application/json"
    ) -> Callable[[float], KubeAnswer]:
        return lambda seconds: self._exchange(method, path, body, accept=accept, seconds=seconds)

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, accept: str, seconds: float
    ) -> KubeAnswer:
        """Ask once. No redirect is followed: the credential is for this host alone."""
        from urllib3 import HTTPHeaderDict

        headers = HTTPHeaderDict({"Accept": accept, "Content-Type": "application/json", "Accept-Encoding": "identity"})
        for name, value in self.headers():
            headers.add(name, value)
        sent = json.dumps(body).encode() if body is not None else None
        raw = self._pool.request(
            method,
            f"{self.address}{path}",
            body=sent,
            headers=headers,
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
            timeout=max(seconds, 0.01),
        )
        try:
            data: bytes = raw.read(MOST_ANSWER + 1)
        finally:
            raw.release_conn()
        if len(data) > MOST_ANSWER:
            raw.close()
            raise Unproven(
                f"Kubernetes answered {method} {path.partition('?')[0]} with more than {MOST_ANSWER >> 20} MiB",
                "is this the API server of the cluster? docs/targets.md has the limits",
            )
        if raw.headers.get("Content-Encoding", "identity") != "identity":
            raise NotUnderstood(f"Kubernetes {method} {path}", "an encoded body, which nobody asked for", _STRANGE)
        return KubeAnswer(int(raw.status), data, dict(raw.headers))

    def _call(
        self, operation: str, namespace: str, name: str, exchange: Callable[[float], KubeAnswer]
    ) -> tuple[int, Mapping[str, Any]]:
        tried = " ".join(
            filter(None, (f"Kubernetes {operation}", name, namespace and f"in {namespace}", f"at {self.address}"))
        )
        status, data = self._settled(operation, tried, {"namespace": namespace, "name": name}, exchange)
        return status, _decoded(tried, status, data)

    def _settled(
        self, operation: str, tried: str, asked: Mapping[str, Any], exchange: Callable[[float], KubeAnswer]
    ) -> tuple[int, bytes]:
        """Return the status and the body of an exchange, with each attempt recorded. Raises IdentityRejected, and what `settled` raises."""

        def once(seconds: float) -> KubeAnswer:
            started = time.monotonic()
            try:
                answer = self._within(tried, seconds, exchange)
            except (ProbeError, Unproven) as broken:
                came = broken.came_back if isinstance(broken, ProbeError) else broken.reason
                evidence.record("Kubernetes", operation, seconds=time.monotonic() - started, request=asked, failed=came)
                raise
            seen = {"status": answer.status, "bytes": len(answer.data), **answer.message, **answer.audit_id}
            evidence.record("Kubernetes", operation, seconds=time.monotonic() - started, request=asked, answer=seen)
            return answer

        answer = settled(tried, once, seconds=self.deadline, not_now=KubeAnswer.not_now)
        if answer.status == http.HTTPStatus.UNAUTHORIZED:
            raise IdentityRejected(
                tried, "401 Unauthorized", "is the kubeconfig's token expired, or of another cluster?"
            )
        if http.HTTPStatus.MULTIPLE_CHOICES <= answer.status < http.HTTPStatus.BAD_REQUEST:
            raise NotUnderstood(tried, f"{answer.status}: {answer.leads}", _STRANGE)
        return answer.status, answer.data

    def _within(self, tried: str, seconds: float, exchange: Callable[[float], KubeAnswer]) -> KubeAnswer:
        from urllib3.exceptions import HTTPError

        try:
            return within(seconds, tried, lambda: exchange(seconds))
        except (HTTPError, OSError) as broken:
            came_back = redact(str(broken))[:300] or type(broken).__name__
            raise Unanswered(tried, came_back, "is the address right, the VPN up, the CA the cluster's own?") from None

    def _read(  # noqa: PLR0917  # One call site a verb, each naming its parts.
        self,
        status: int,
        document: Mapping[str, Any],
        verb: str,
        resource: str,
        namespace: str,
        name: str,
    ) -> Any:
        if status == http.HTTPStatus.OK:
            return document
        if status == http.HTTPStatus.NOT_FOUND and name and document.get("kind") == "Status":
            return None
        if status == http.HTTPStatus.FORBIDDEN:
            self.lack((verb,), resource, namespace, _said(document), name)
        raise NotUnderstood(
            f"Kubernetes {verb} {resource} {name} at {self.address}", f"{status} {_said(document)}", _STRANGE
        )


_STRANGE = "is this the API server of the cluster, or a proxy before it?"


def _said(document: Mapping[str, Any]) -> str:
    return redact(str(document.get("message") or document.get("reason") or ""))[:300]


def _decoded(tried: str, status: int, data: bytes) -> Mapping[str, Any]:
    check_json(data, tried)
    document: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(data)
    if isinstance(document, Mapping):
        return document
    if status >= http.HTTPStatus.BAD_REQUEST:  # The kubelet and proxies refuse in plain text.
        return {"message": message_of(data)}
    raise NotUnderstood(tried, f"{status} with what is no JSON object, beginning {redact(repr(data[:60]))}", _STRANGE)
