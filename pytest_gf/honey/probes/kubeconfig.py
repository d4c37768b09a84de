"""A kubeconfig as kubectl reads it: what it says of an identity is honoured, or refused by its name, and never dropped."""

from __future__ import annotations

import base64
import datetime
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from pytest_gf.engine.errors import ProbeError, Unproven
from pytest_gf.engine.redaction import redactor
from pytest_gf.honey.endpoint import is_loopback
from pytest_gf.honey.probes.deadline import within
from pytest_gf.honey.probes.exchange import said

if TYPE_CHECKING:
    from pytest_gf.honey.target import KubernetesSection

IMPERSONATE = {"as": "Impersonate-User", "as-uid": "Impersonate-Uid"}
"""The header of each member of a user that is one value."""
NOWHERE = "http://proxy.invalid:1"
_importing = threading.Lock()


@dataclass(frozen=True)
class KubeAccess:
    """The library's configuration, and the headers that say in whose name is asked (``as``, ``as-groups``)."""

    configuration: Any
    headers: tuple[tuple[str, str], ...] = ()
    proxied: bool = False
    """Whether the kubeconfig names a proxy: it is used then for loopback too."""


def access(section: KubernetesSection, *, deadline: float) -> KubeAccess:
    """Return how a cluster is reached: by the kubeconfig, or as the pod that this runs in. Raises Unproven, ProbeError."""
    with _importing:  # Its modules import each other: two threads that import it at once find half of it.
        import kubernetes  # noqa: F401
    if section.kubeconfig is None:
        return _of_this_pod()
    path = Path(section.kubeconfig)
    if not path.is_file():
        raise Unproven(
            f"there is no kubeconfig at {section.kubeconfig}", "log in to the cluster, or name another in [kubernetes]"
        )
    try:
        return _of_file(path, section.context, deadline)
    except (ProbeError, Unproven):
        raise
    except Exception as wrong:  # noqa: BLE001  # The library raises whatever a strange file makes it raise.
        first = said(wrong).splitlines()[0]
        raise _unread(path, first, "does the file name that context? kubectl config view") from None


def _unread(path: Path, came_back: str, step: str) -> ProbeError:
    return ProbeError(f"reading kubeconfig {path}", came_back, step)


def _of_this_pod() -> KubeAccess:
    from kubernetes.client.configuration import Configuration
    from kubernetes.config import ConfigException, load_incluster_config

    made = Configuration()
    try:
        load_incluster_config(client_configuration=made)
    except ConfigException:
        raise Unproven(
            "the target names no kubeconfig, and this is no pod with a ServiceAccount",
            "add kubeconfig (and context) to [kubernetes] of the target file",
        ) from None
    return KubeAccess(_settled(made))


def _of_file(path: Path, context: str | None, deadline: float) -> KubeAccess:
    import yaml
    from kubernetes.client.configuration import Configuration
    from kubernetes.config.kube_config import KubeConfigLoader

    document = yaml.safe_load(path.read_text())
    if not isinstance(document, dict):
        raise _unread(path, "it holds no kubeconfig", "kubectl config view")
    chosen = _entry(path, document, "contexts", "context", context or document.get("current-context"))
    cluster = _entry(path, document, "clusters", "cluster", chosen.get("cluster"))
    name = chosen.get("user")
    user = dict(_entry(path, document, "users", "user", name)) if name else {}
    headers = _impersonated(path, user)
    _refused(path, str(name), user)
    plugin = _Plugin(path, str(name), user.pop("exec"), cluster, deadline) if user.get("exec") else None
    if plugin is not None:
        user |= plugin.credential()
    if user.get("tokenFile"):
        user.pop("token", None)  # As kubectl: the file is the newer one.
    made: Any = Configuration()
    one = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": dict(cluster)}],
        "users": [{"name": "u", "user": user}],
    }
    KubeConfigLoader(config_dict=one, config_base_path=str(path.absolute().parent)).load_and_set(made)
    if plugin is not None:
        made.refresh_api_key_hook = plugin.refresh
    proxied = bool(cluster.get("proxy-url"))
    if proxied:
        _through(path, made, str(cluster["proxy-url"]))
    return KubeAccess(_settled(made, proxied=proxied), headers, proxied)


def _entry(path: Path, document: Mapping[str, Any], many: str, one: str, name: object) -> Mapping[str, Any]:
    """Return the named entry of one of a kubeconfig's three lists. Raises ProbeError."""
    listed = document.get(many)
    for entry in listed if name and isinstance(listed, list) else ():
        inner = (entry.get(one) or {}) if isinstance(entry, dict) and entry.get("name") == name else None
        if isinstance(inner, dict):
            return inner
    raise _unread(path, f"it names no {one} {name!r}", "kubectl config get-contexts shows what it names")


def _impersonated(path: Path, user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the headers that kubectl sends for ``as`` and its companions. Raises ProbeError for what is none."""
    headers = [(header, user[name]) for name, header in IMPERSONATE.items() if user.get(name)]
    headers += [("Impersonate-Group", group) for group in _several(user.get("as-groups"))]
    extra = dict(user.get("as-user-extra") or {})
    headers += [(f"Impersonate-Extra-{quote(str(key))}", value) for key in extra for value in _several(extra[key])]
    for header, value in headers:
        if not isinstance(value, str) or not (header + value).isprintable() or not (header + value).isascii():
            step = "kubectl config view shows whom it impersonates"
            raise _unread(path, f"{header} is not one line of text", step)
    if headers and not user.get("as"):
        came_back = "it names groups or a uid to act as, and no user (`as`)"
        raise _unread(path, came_back, "add `as`: Kubernetes refuses the rest without it")
    return tuple(headers)


def _several(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _refused(path: Path, name: str, user: Mapping[str, Any]) -> None:
    """Raise ProbeError where a user authenticates in a way that nobody here honours."""
    provider = user.get("auth-provider")
    if provider:
        kind = provider.get("name") if isinstance(provider, dict) else None
        came_back = f"user {name!r} authenticates by the auth provider {kind!r}, which is not honoured here"
        raise _unread(path, came_back, "give that user a token, a client certificate or an exec plugin")


class _Plugin:
    """The exec plugin of a user, which gives a credential for a while."""

    def __init__(self, path: Path, name: str, settings: Any, cluster: Mapping[str, Any], deadline: float) -> None:
        self._path, self._name, self._settings, self._cluster, self._deadline = path, name, settings, cluster, deadline
        self._ends: datetime.datetime | None = None

    def credential(self) -> dict[str, str]:
        """Run it; return what a kubeconfig says of the same credential. Raises ProbeError with the plugin's own words."""
        from kubernetes.config.exec_provider import ExecProvider
        from kubernetes.config.kube_config import ConfigNode

        command = self._settings.get("command") if isinstance(self._settings, dict) else None
        tried = f"running the auth plugin {command!r} of user {self._name!r} in kubeconfig {self._path}"

        def ask() -> Any:
            settings, cluster = ConfigNode("exec", self._settings), ConfigNode("cluster", dict(self._cluster))
            return ExecProvider(settings, str(self._path.absolute().parent), cluster).run()

        try:
            status = within(self._deadline, tried, ask)
        except ProbeError:
            raise
        except Exception as failed:  # noqa: BLE001  # The library's own errors, and the system's.
            raise ProbeError(tried, said(failed), "run it by hand; log in again") from None
        return self._read(tried, status)

    def _read(self, tried: str, status: Any) -> dict[str, str]:
        given = {str(name): value for name, value in status.items()} if isinstance(status, dict) else {}
        if isinstance(given.get("expirationTimestamp"), str):
            self._ends = datetime.datetime.fromisoformat(given["expirationTimestamp"])
        if isinstance(given.get("token"), str) and given["token"].strip():
            redactor().learn([given["token"].strip()])
            return {"token": given["token"].strip()}
        pair = {"client-certificate-data": "clientCertificateData", "client-key-data": "clientKeyData"}
        if all(isinstance(given.get(member), str) for member in pair.values()):
            return {name: base64.b64encode(given[member].encode()).decode() for name, member in pair.items()}
        raise ProbeError(tried, "it gave neither a token nor a client certificate", "run it by hand; log in again")

    def refresh(self, configuration: Any) -> None:
        """Run it again where its credential has run out: the library calls this before each request."""
        if self._ends is not None and self._ends <= datetime.datetime.now(datetime.UTC):
            token = self.credential().get("token")
            if token:
                configuration.api_key["BearerToken"] = f"Bearer {token}"


def _through(path: Path, made: Any, url: str) -> None:
    """Let a configuration use a cluster's ``proxy-url``, as kubectl does: for every host. Raises ProbeError for another kind."""
    from urllib3.util import make_headers

    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        came_back = f"proxy-url is a proxy of kind {parts.scheme!r}, which is not honoured here"
        raise _unread(path, came_back, "name an http:// proxy")
    made.proxy, made.no_proxy = url, ""
    if parts.username:
        redactor().learn([unquote(parts.password or "")])
        made.proxy_headers = make_headers(proxy_basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")


def _settled(made: Any, *, proxied: bool = False) -> Any:
    made.retries = False  # Asked again by the one policy (again.py), and by nobody below it.
    if is_loopback(str(made.host)) and not proxied:
        # Without a proxy here websocket-client would take the environment's: so one that no_proxy never lets it use.
        made.proxy, made.no_proxy = NOWHERE, urlsplit(str(made.host)).hostname
    return made
