"""The Kubernetes wire, by the `kubernetes` library's configuration and transport: one exchange a call, JSON out."""

from __future__ import annotations

import contextlib
import http
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

from pytest_gf.engine.errors import NotUnderstood, ProbeError, Unanswered, Unproven
from pytest_gf.engine.redaction import redact, redactor
from pytest_gf.honey.formats import kube_shapes
from pytest_gf.honey.probes.bounds import check_json
from pytest_gf.honey.probes.exchange import judged_answer, said
from pytest_gf.honey.probes.kube_answers import REACH, STRANGE, KubeAnswer, message_of
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
        status, document = self._call(f"get {resource}", namespace, name, self._path(resource, namespace, name))
        item: Mapping[str, Any] | None = self._read(status, document, "get", resource, namespace, name)
        if item is None:
            return None
        came = kube_shapes.wrong(resource, item)
        if came or item["metadata"]["name"] != name:
            kind = str(item.get("kind"))[:60]
            raise self._strange(f"get {resource} {name}", f"200 with a {kind}: {came or 'another object'}")
        return item

    def served(self) -> frozenset[str]:
        """Return the API groups that the cluster serves, by discovery, which every accepted identity may ask."""
        status, document = self._call("get apis", "", "", "/apis")
        groups = document.get("groups")
        if status != http.HTTPStatus.OK or not isinstance(groups, list):
            raise self._strange("discovery", f"{status} {_message(document) or 'without groups'}")
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
            path = f"{self._path(resource, namespace, version=version)}?{urlencode(query)}"
            status, document = self._call(operation, namespace, place.named, path)
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
        step = "is this the namespace that the target means?"
        raise self._strange(f"list {resource}", f"more than {MOST_PAGES * PAGE} objects", step)

    def _items(self, resource: str, page: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
        """Return the objects of a page. Raises NotUnderstood for what is no list, and for an object of another shape."""
        wrong = "404" if page is None else kube_shapes.wrong_list(page)
        if page is None or wrong or not str(page["kind"]).endswith("List"):
            kind = str(page.get("kind"))[:60] if page is not None else ""
            raise self._strange(f"list {resource}", f"200 with what is no list: {kind} {wrong}".rstrip())
        items: Sequence[Mapping[str, Any]] = page["items"] or ()
        for item in items:
            wrong = kube_shapes.wrong(resource, item)
            if wrong:
                raise self._strange(f"list {resource}", f"an object: {wrong}")
        return items

    def log(self, pod: str, namespace: str, container: str, *, since: int | None, previous: bool) -> str:
        """Return the log of a container, `MOST_LOG` bytes of its end at most; "" where it has none (yet).

        ``since`` in seconds; ``previous`` asks for what ran before the last restart.
        """
        query: dict[str, Any] = {"container": container, "timestamps": "true", "tailLines": MOST_LINES}
        query |= {"sinceSeconds": since} if since is not None else {}
        query |= {"previous": "true"} if previous else {}
        path = f"{self._path('pods', namespace, pod)}/log?{urlencode(query)}"
        what = f"get pods/log {pod} in {namespace}"
        request = {"namespace": namespace, "name": pod, "previous": previous}
        tried = f"Kubernetes {what} at {self.address}"
        answer = self._answer("get pods/log", tried, request, path, accept="*/*")
        if answer.status == http.HTTPStatus.FORBIDDEN:
            self.lack(("get",), "pods/log", namespace, "403", pod)
        if answer.status == http.HTTPStatus.OK:
            return answer.data[-MOST_LOG:].decode("utf-8", "replace")
        words = redact(answer.data[:300].decode(errors="replace"))
        if answer.status in {http.HTTPStatus.BAD_REQUEST, http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_FOUND}:
            # Nothing ran before, or nothing runs yet: the answer names the reason.
            return "" if previous else f"no log: {answer.status} {words}"
        if answer.status == http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unproven(f"no log of {pod}: its kubelet does not give it: {words}", "is its node up?")
        raise self._strange(what, str(answer.status))

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
        status, document = self._call("create selfsubjectaccessreviews", namespace, f"{verb} {resource}", REVIEWS, body)
        if status == http.HTTPStatus.FORBIDDEN:
            raise Unproven(
                f"the rights of the token are unknown, since it may not ask for access reviews: {_message(document)}",
                "bind the ClusterRole system:basic-user, which Kubernetes gives every identity",
            )
        answered = document.get("status")
        allowed = answered.get("allowed") if isinstance(answered, Mapping) else None
        if status != http.HTTPStatus.CREATED or not isinstance(allowed, bool):
            raise self._strange(f"access review of {verb} {resource}", f"{status} {_message(document)}")
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
            raise NotUnderstood(f"Kubernetes {method} {path}", "an encoded body, which nobody asked for", STRANGE)
        return KubeAnswer(int(raw.status), data, dict(raw.headers))

    def _call(
        self, operation: str, namespace: str, name: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Return the status and the document that answer: to GET, or to POST of a ``body``."""
        place = namespace and f"in {namespace}"
        tried = " ".join(filter(None, (f"Kubernetes {operation}", name, place, f"at {self.address}")))
        answer = self._answer(operation, tried, {"namespace": namespace, "name": name}, path, body)
        return answer.status, _decoded(tried, answer)

    def _answer(
        self,
        operation: str,
        tried: str,
        request: Mapping[str, Any],
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        accept: str = "application/json",
    ) -> KubeAnswer:
        """Return what is answered, with each attempt recorded. Raises IdentityRejected, and what `asked` raises."""
        from urllib3.exceptions import HTTPError

        def once(seconds: float) -> KubeAnswer:
            try:
                return self._exchange("GET" if body is None else "POST", path, body, accept=accept, seconds=seconds)
            except (HTTPError, OSError) as broken:
                raise Unanswered(tried, said(broken), REACH) from None

        answer = judged_answer(
            "Kubernetes",
            operation,
            tried,
            once,
            seconds=self.deadline,
            shown=KubeAnswer.shown,
            not_now=KubeAnswer.not_now,
            request=request,
        )
        answer.check_accepted(tried)
        return answer

    def _read(  # noqa: PLR0917  # One call site a verb, each naming its parts.
        self, status: int, document: Mapping[str, Any], verb: str, resource: str, namespace: str, name: str
    ) -> Any:
        if status == http.HTTPStatus.OK:
            return document
        if status == http.HTTPStatus.NOT_FOUND and name and document.get("kind") == "Status":
            return None
        if status == http.HTTPStatus.FORBIDDEN:
            self.lack((verb,), resource, namespace, _message(document), name)
        raise self._strange(f"{verb} {resource} {name}", f"{status} {_message(document)}")

    def _strange(self, what: str, came: str, step: str = STRANGE) -> NotUnderstood:
        return NotUnderstood(f"Kubernetes {what} at {self.address}", came, step)


def _message(document: Mapping[str, Any]) -> str:
    return redact(str(document.get("message") or document.get("reason") or ""))[:300]


def _decoded(tried: str, answer: KubeAnswer) -> Mapping[str, Any]:
    check_json(answer.data, tried)
    document: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(answer.data)
    if isinstance(document, Mapping):
        return document
    if answer.status >= http.HTTPStatus.BAD_REQUEST:  # The kubelet and proxies refuse in plain text.
        return {"message": message_of(answer.data)}
    begins = redact(repr(answer.data[:60]))
    raise NotUnderstood(tried, f"{answer.status} with what is no JSON object, beginning {begins}", STRANGE)
