"""What a server's own log knows a request by stands in the evidence."""

from __future__ import annotations

from pytest_gf.honey.answers import Answer
from pytest_gf.honey.probes import kube_answers
from pytest_gf.honey.probes.s3 import _refusal


def test_s3_names_its_request() -> None:
    about = {"HTTPStatusCode": 404, "RequestId": "17F3\x1b[2J", "HTTPHeaders": {}}
    refused = _refusal("GetObject", {"Error": {"Code": "NoSuchKey"}, "ResponseMetadata": about})
    assert refused.request_id.startswith("17F3")
    assert "\x1b" not in refused.request_id
    assert refused == Answer(404, "NoSuchKey"), "an id makes no other answer"


def test_kubernetes_names_its_request() -> None:
    said = kube_answers.KubeAnswer(200, b"{}", {"Audit-Id": "6f6c5b6e-0c7e-4a86"})
    assert said.audit_id == {"audit_id": "6f6c5b6e-0c7e-4a86"}
    assert kube_answers.KubeAnswer(200, b"{}", {}).audit_id == {}
