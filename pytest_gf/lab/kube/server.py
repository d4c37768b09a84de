"""The API server: aiohttp over TLS on a loopback port; who asks, whether RBAC lets them, what they get."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from pytest_gf.honey.contract import Contract
from pytest_gf.lab.bends import Bends, Undo, nothing
from pytest_gf.lab.faults import Bend
from pytest_gf.lab.journal import Exchange, Journal
from pytest_gf.lab.kube import exposing, protobuf, rights, secret, selecting, table, tls
from pytest_gf.lab.kube.channels import V4, V5, Channels
from pytest_gf.lab.kube.cluster import Cluster
from pytest_gf.lab.kube.resources import (
    CUSTOM_GROUPS,
    GATEWAY,
    RESOURCES,
    REVIEWS,
    Resource,
    discovery,
    groups,
    version_of,
)
from pytest_gf.lab.kube.rights import Attributes, Identity, Rights
from pytest_gf.lab.kube.rustfs_pods import CONTAINER
from pytest_gf.lab.wire import LONGEST_WAIT, Port

LONGEST_BODY = 1024 * 1024
VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.3", "platform": "linux/amd64"}
OPEN = ("/version", "/livez", "/readyz", "/healthz")

NO_SPDY = f"the lab speaks WebSocket with {V4} or {V5}, and no SPDY: neither of its own nor inside of a WebSocket"
NO_ROUTE = "error dialing backend: dial tcp 10.42.0.11:10250: connect: no route to host"


class Refused(Exception):
    """A request that is answered with a Status."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason = code, reason


class KubeServer:
    """The emulated API server."""

    name = "kubernetes"

    def __init__(  # noqa: PLR0917  # Made once, in the lab's main.
        self,
        folder: Path,
        contract: Contract,
        tokens: Mapping[str, Identity],
        bends: Bends,
        journal: Journal,
        channels: Channels,
        held: secret.Values,
    ) -> None:
        self.cluster = Cluster(contract, bends, held)
        self._rights = Rights(tokens, bends)
        self._bends, self._journal, self._channels = bends, journal, channels
        self._asked: dict[str, int] = {}
        app = web.Application(client_max_size=LONGEST_BODY)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._port = Port(app, tls=tls.context(folder))

    @property
    def address(self) -> str:
        """Where it listens, "" before it is started."""
        return self._port.address

    async def start(self) -> None:
        """Listen on a port that the kernel chooses."""
        await self._port.open()

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._port.stop()

    async def bend(self, bend: Bend) -> Undo:
        """Close the port if the fault says so. Earlier requests do not count for the fault."""
        self._asked.clear()
        if bend.name == "kubernetes-unreachable":
            self._port.close()
        return nothing

    async def mended(self) -> None:
        """Listen again if no fault forbids it any more, and forget the requests that it counted."""
        self._asked.clear()
        if not self._port.is_open and not self._bends.on("kubernetes-unreachable"):
            await self._port.open()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self._bends.on("kubernetes-silent"):
            await asyncio.sleep(LONGEST_WAIT)
        exchange = self._journal.begin(Exchange(self.name, *_asked(request)))
        try:
            await self._bends.late()
            response = self._bent(request) or await self._answer(request, exchange)
        except Refused as refused:
            response = _status(refused.code, refused.reason, str(refused))
            exchange.finish(refused.code, refused.reason)
        except (ConnectionError, asyncio.CancelledError):
            exchange.finish(None, "")
            raise
        else:
            exchange.finish(response.status, "")
        return response

    def _bent(self, request: web.Request) -> web.Response | None:
        """Return what a fault answers before the token is looked at."""
        elsewhere = self._bends.argument("kubernetes-redirects")
        if elsewhere is not None:
            return web.Response(status=307, headers={"Location": f"{elsewhere.rstrip('/')}{request.path_qs}"})
        times = self._bends.argument("kubernetes-throttled")
        self._asked[request.path_qs] = self._asked.get(request.path_qs, 0) + 1
        if times is not None and sum(self._asked.values()) <= int(times):
            refused = _status(
                429, "TooManyRequests", "the server has received too many requests, please try again later"
            )
            refused.headers["Retry-After"] = "1"
            return refused
        if self._bends.on("kubernetes-list-expires") and "continue" in request.query:
            continued = self._asked[request.path] = self._asked.get(request.path, 0) + 1
            if continued == 1:
                raise Refused(410, "Expired", "The provided continue parameter is too old")
        return None

    async def _answer(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        identity = self._rights.identify(request.headers.get("Authorization", ""))
        if identity is None:
            raise Refused(401, "Unauthorized", "Unauthorized")
        exchange.authenticated = identity is not rights.ANONYMOUS
        if request.path in OPEN:
            return web.json_response(VERSION) if request.path == "/version" else web.Response(text="ok")
        document = _discovered(request.path, exposing.groups(self._bends))
        if document is not None:
            return web.json_response(document)
        if request.path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" and request.method == "POST":
            return await self._review(request, identity)
        return await self._object(request, identity)

    async def _review(self, request: web.Request, identity: Identity) -> web.Response:
        attributes = Attributes("create", "authorization.k8s.io", REVIEWS)
        if self._bends.on("kubernetes-forbidden", attributes.right) and not identity.everything:
            raise Refused(403, "Forbidden", self._rights.refusal(identity, attributes))
        body = await request.read()
        try:
            if "protobuf" in request.content_type:
                document: Mapping[str, Any] = protobuf.review(body)
            else:
                document = msgspec.json.decode(body, type=dict[str, Any])
            return web.json_response(rights.review(self._rights, identity, document), status=201)
        except (msgspec.DecodeError, ValueError) as wrong:
            raise Refused(422, "Invalid", str(wrong)) from None

    async def _object(self, request: web.Request, identity: Identity) -> web.StreamResponse:
        resource, namespace, name, sub = _place(request.path)
        verb = "get" if name else "list"
        if request.method not in {"GET", "HEAD"} and not (request.method == "POST" and sub in {"exec", "portforward"}):
            raise Refused(405, "MethodNotAllowed", "the lab's cluster is read-only")
        named = name or selecting.named(request.query.get("fieldSelector", ""))
        attributes = Attributes(
            verb, resource.group, f"{resource.name}/{sub}" if sub else resource.name, namespace, named
        )
        if not self._rights.allows(identity, attributes):
            raise Refused(403, "Forbidden", self._rights.refusal(identity, attributes))
        if not self._serves(resource, request.path):  # As a real one: after RBAC, and in plain text.
            return web.Response(status=404, text="404 page not found\n")
        if sub in {"exec", "portforward"}:
            create = Attributes("create", resource.group, attributes.resource, namespace, name)
            if not self._rights.allows(identity, create):
                raise Refused(403, "Forbidden", f'pods "{name}" is forbidden: ')
            return await self._upgrade(request, namespace, name, sub)
        if sub == "log":
            return self._log(request, namespace, name)
        if not name:
            return self._list(request, resource, namespace)
        document = self._one(resource, namespace, name)
        return web.json_response(table.of(resource, [document], {}) if table.is_wanted(request) else document)

    def _serves(self, resource: Resource, path: str) -> bool:
        """Tell whether a resource is served by the version that the path asks for; a gateway's where one is installed."""
        if resource.group == GATEWAY and not exposing.has_gateway(self._bends):
            return False
        if resource.group in CUSTOM_GROUPS and resource.group not in exposing.groups(self._bends):
            return False
        if resource.name == "httproutes" and exposing.is_old(self._bends):
            return path.startswith(f"/apis/{GATEWAY}/v1beta1/")
        return not resource.group or path.startswith(f"/apis/{resource.group_version}/")

    def _one(self, resource: Resource, namespace: str, name: str) -> Mapping[str, Any]:
        for document in self.cluster.objects(resource.name):
            if document["metadata"]["name"] == name and document["metadata"].get("namespace", "") == namespace:
                return document
        full = f"{resource.name}{f'.{resource.group}' if resource.group else ''}"
        raise Refused(404, "NotFound", f'{full} "{name}" not found')

    def _list(self, request: web.Request, resource: Resource, namespace: str) -> web.Response:
        query = request.query
        objects = [
            document
            for document in self.cluster.objects(resource.name)
            if not namespace or document["metadata"].get("namespace", "") == namespace
        ]
        try:
            chosen = selecting.chosen(objects, query.get("labelSelector", ""), query.get("fieldSelector", ""))
            items, token, left = selecting.page(chosen, query.get("limit", ""), query.get("continue", ""))
        except ValueError as wrong:
            raise Refused(400, "BadRequest", str(wrong)) from None
        meta: dict[str, Any] = {"resourceVersion": "4711"}
        meta |= {"continue": token, "remainingItemCount": left} if token else {}
        if table.is_wanted(request):
            return web.json_response(table.of(resource, items, meta))
        listed = {"kind": f"{resource.kind}List", "apiVersion": resource.group_version, "metadata": meta}
        return web.json_response(listed | {"items": items})

    def _log(self, request: web.Request, namespace: str, name: str) -> web.Response:
        pod = self._one(RESOURCES["pods"], namespace, name)
        if "nodeName" not in pod["spec"]:
            return web.Response(status=204)
        if self._bends.on("node-down", pod["spec"]["nodeName"]):
            raise Refused(500, "InternalError", NO_ROUTE)
        statuses = pod["status"].get("containerStatuses") or [{"name": CONTAINER}]
        container = request.query.get("container") or statuses[0]["name"]
        mine: Mapping[str, Any] = next((status for status in statuses if status["name"] == container), {})
        if request.query.get("previous") == "true" and not mine.get("restartCount"):
            said = f'previous terminated container "{container}" in pod "{name}" not found'
            raise Refused(400, "BadRequest", said)
        lines = ("rustfs: starting, data in /data", "rustfs: listening on 0.0.0.0:9000", "")
        return web.Response(
            text="\n".join(f"2026-03-14T09:27:0{at}Z {line}" if line else "" for at, line in enumerate(lines))
        )

    async def _upgrade(self, request: web.Request, namespace: str, name: str, sub: str) -> web.StreamResponse:
        pod = self._one(RESOURCES["pods"], namespace, name)
        node = pod["spec"].get("nodeName")
        if node is None:
            raise Refused(400, "BadRequest", f"pod {name} does not have a host assigned")
        container = request.query.get("container", CONTAINER)
        if sub == "exec" and (container != CONTAINER or self._bends.on("container-missing")):
            raise Refused(400, "BadRequest", f"container {container} is not valid for pod {name}")
        if self._bends.on("pod-broken") and sub == "exec":
            said = f'unable to upgrade connection: container not found ("{container}")'
            return web.Response(status=500, text=said)
        if self._bends.on("kubelet-silent"):
            await asyncio.sleep(LONGEST_WAIT)
        if self._bends.on("node-down", node):
            raise Refused(500, "InternalError", NO_ROUTE)
        said = self._channels.refusal(request)
        if said:
            raise Refused(500, "InternalError", said)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Refused(400, "BadRequest", NO_SPDY)
        spoken = {protocol.strip() for protocol in request.headers.get("Sec-WebSocket-Protocol", "").split(",")}
        if not spoken & {V4, V5}:
            raise Refused(400, "BadRequest", NO_SPDY)
        if sub == "exec":
            return await self._channels.exec(request)
        return await self._channels.forward(request, self.cluster.workload.port if self.cluster.workload else 0)


def _asked(request: web.Request) -> tuple[str, str, str]:
    """Return operation, namespace and name, as the journal keeps them."""
    if request.path.endswith("/selfsubjectaccessreviews"):
        return "create selfsubjectaccessreviews", "", ""
    try:
        resource, namespace, name, sub = _place(request.path)
    except Refused:
        return f"{request.method.lower()} {request.path}", "", ""
    return f"{'get' if name else 'list'} {resource.name}{f'/{sub}' if sub else ''}", namespace, name


def _discovered(path: str, more: set[str]) -> Mapping[str, object] | None:
    """Return what kubectl asks first: the groups, ``more`` of somebody's own among them, and the resources of each."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        known = groups() | {group: version_of(group) for group in more}
        listed = [
            {
                "name": group,
                "versions": [version := {"groupVersion": f"{group}/{v}", "version": v}],
                "preferredVersion": version,
            }
            for group, v in known.items()
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    if path == "/api/v1":
        return discovery("", "v1")
    parts = path.strip("/").split("/")
    if len(parts) == 3 and parts[0] == "apis" and groups().get(parts[1]) == parts[2]:  # noqa: PLR2004  # /apis/GROUP/VERSION.
        return discovery(parts[1], parts[2])
    return None


def _place(path: str) -> tuple[Resource, str, str, str]:
    """Return resource, namespace, name and subresource of an API path ("" where it has none). Raises Refused."""
    parts = path.strip("/").split("/")
    first, group = (*parts, "")[:2]
    if first == "apis":
        rest = parts[3:]
    else:
        group, rest = "", parts[2:] if parts[:2] == ["api", "v1"] else []
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:  # noqa: PLR2004  # namespaces/NS/RESOURCE.
        namespace, rest = rest[1], rest[2:]
    resource = RESOURCES.get(rest[0]) if rest else None
    if resource is None or resource.group != group or len(rest) > 3:  # noqa: PLR2004  # RESOURCE/NAME/SUB.
        raise Refused(404, "NotFound", "the server could not find the requested resource")
    name, sub = (*rest[1:], "", "")[:2]
    return resource, namespace, name, sub


def _status(code: int, reason: str, message: str) -> web.Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return web.json_response(body, status=code)
