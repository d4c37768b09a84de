"""What ``--gf-plan`` looks at first in each section of honey's targets: its addresses, and whether its identity is accepted."""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_gf.engine.errors import NotUnderstood, ProbeError
from pytest_gf.engine.house import Endpoint
from pytest_gf.honey import target as sections
from pytest_gf.honey.formats import jwt
from pytest_gf.honey.target import honeys

if TYPE_CHECKING:
    from pytest_gf.engine.target import Target
    from pytest_gf.honey.probes.reapi_wire import Identity

ASKED = "gf-plan/never-locked"
"""The LockID that a plan asks the table for."""
KUBECONFIG = 5.0
"""Seconds for a kubeconfig's exec plugin in a plan."""
OK = 200


Endpoints = dict[str, str | Endpoint]


def _s3(section: sections.S3Section, target: Target) -> Endpoints:
    way = honeys(target).routes.get("s3")
    if way is not None:
        return {"endpoint": Endpoint(_words(way), about="the identity below opens this route, and a run does")}
    return {"endpoint": Endpoint(section.endpoint, section.ca_file)}


def _s3_identity(section: sections.S3Section, target: Target, seconds: float) -> Iterator[str]:
    from pytest_gf.honey.probes.s3 import S3
    from pytest_gf.honey.routes import routed

    credentials, known = keys(section, target), honeys(target)
    with routed(known.kubernetes, known.routes.get("s3"), deadline=seconds) as route:
        if route is not None:
            yield f"the route reaches pod {route.pod}"
        answer = S3(section, credentials, deadline=seconds, route=route).list_buckets().answer
    yield f"access key {credentials[0]} of {section.access_key_env} is accepted"
    if answer.status != OK:
        yield f"and ListBuckets answered {answer.status} {answer.code}"


def keys(section: sections.S3Section | sections.DynamoDBSection, target: Target) -> tuple[str, str]:
    """Return a section's access key and secret key. Raises Unset, ProbeError."""
    return target.credential(section.access_key_env), target.credential(section.secret_key_env)


def _addresses(*names: str) -> Callable[[Any, Target], Endpoints]:
    """Return what gives those of a section's keys that name an address."""
    return lambda section, _: {
        name: Endpoint(getattr(section, name), section.ca_file) for name in names if getattr(section, name) is not None
    }


def _dynamodb_identity(section: sections.DynamoDBSection, target: Target, seconds: float) -> Iterator[str]:
    from pytest_gf.honey.probes.dynamodb import lock_of

    credentials = keys(section, target)
    lock_of(section, credentials, ASKED, deadline=seconds)
    yield f"access key {credentials[0]} of {section.access_key_env} may read table {section.table}"


def _kubernetes(section: sections.KubernetesSection, _: Target) -> Endpoints:
    from pytest_gf.honey.probes.kubeconfig import access

    reached = access(section, deadline=KUBECONFIG)
    key = "kubeconfig" if section.kubeconfig is not None else "ServiceAccount"
    host, made = str(reached.configuration.host), reached.configuration
    if reached.proxied:
        return {key: Endpoint(f"proxied:{host}", about="asked through the kubeconfig's proxy-url")}
    return {key: Endpoint(host, made.ssl_ca_cert, unchecked=not made.verify_ssl)}


def _kubernetes_identity(section: sections.KubernetesSection, _: Target, seconds: float) -> Iterator[str]:
    from pytest_gf.honey.probes.kube import Kube

    Kube(section, deadline=seconds).allowed("list", "nodes")
    yield f"{section.kubeconfig or 'the ServiceAccount of this pod'} is accepted"


def _attic_identity(section: sections.AtticSection, target: Target, _: float) -> Iterator[str]:
    """Read what the token says, and send it nowhere: Attic answers a token that it doesn't know as if there were none."""
    if section.token_env is None:
        yield "none is named: Attic is read by anybody"
        return
    tried = f"reading the token in {section.token_env}"
    step = "make a new one with atticadm make-token"
    try:
        token = jwt.read(target.credential(section.token_env))
    except jwt.Malformed as wrong:
        raise NotUnderstood(tried, f"the token in {section.token_env}: {wrong}", step) from None
    ends = "has no end"
    if token.expires is not None:
        ends = f"ends {datetime.datetime.fromtimestamp(token.expires, datetime.UTC):%Y-%m-%d}"
        if token.expires < time.time():
            raise ProbeError(tried, f"the token in {section.token_env} ended: it {ends}", step)
    yield f"the token in {section.token_env} {ends}, for caches {', '.join(sorted(token.caches)) or '(none)'}"
    yield "and is sent only by -m gate and -m publication"


def _bazel_identity(section: sections.BazelSection, target: Target, seconds: float) -> Iterator[str]:
    from pytest_gf.honey.probes.reapi import Cache

    who = cache_identity(section, target)
    with contextlib.closing(Cache(section.grpc, ca_file=section.ca_file, deadline=seconds, identity=who)) as cache:
        status = cache.capabilities().status
    name = f"user {who.login[0]}" if who.login is not None else "client certificate" if who.certificate else "nobody"
    yield f"as {name}: GetCapabilities answers {status}"


def cache_identity(section: sections.BazelSection, target: Target) -> Identity:
    """Return who asks the Bazel cache, as the target says. Raises Unset, ProbeError."""
    from pytest_gf.honey.probes.reapi_wire import Identity

    login = certificate = None
    if section.username_env is not None and section.password_env is not None:
        login = (target.credential(section.username_env), target.credential(section.password_env))
    if section.client_cert is not None and section.client_key is not None:
        certificate = (section.client_cert, section.client_key)
    return Identity(login, certificate)


def _words(way: sections.PortForward) -> str:
    return f"port-forward:{way.namespace}/svc/{way.service}:{way.port}"


def _routes(section: sections.Routes, _: Target) -> Endpoints:
    return {name: Endpoint(_words(way), about=f"see [{name}]") for name, way in section.ways.items()}


_LOOKS: Mapping[str, Mapping[str, Any]] = {
    "s3": {"endpoints": _s3, "identity": _s3_identity},
    "kubernetes": {"endpoints": _kubernetes, "identity": _kubernetes_identity},
    "attic": {"endpoints": _addresses("api", "https"), "identity": _attic_identity},
    "bazel": {"endpoints": _addresses("grpc", "http"), "identity": _bazel_identity},
    "repository": {"endpoints": lambda section, _: {"path": Path(section.path).absolute().as_uri()}},
    "flakehub": {"endpoints": lambda section, _: {"page": section.page}},
    "dynamodb": {"endpoints": _addresses("endpoint"), "identity": _dynamodb_identity},
    "routes": {"endpoints": _routes},
}
SECTIONS = tuple(replace(section, **_LOOKS[section.name]) for section in sections.SECTIONS)
"""The sections of honey's targets, with what a plan looks at in each."""
