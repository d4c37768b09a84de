"""The output of a failed push is put into its class: real lines, those that look alike, and anything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_gf.honey.formats import push_log

HASH = "0c5b8vw40d1178xlpddw65q9gf1h2186"
LINES: dict[str, tuple[str, ...]] = {
    "bucket-index recurrence": (
        'Storage error: service error: unhandled error (NoSuchBucket): Error { code: "NoSuchBucket" }',
        "An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation: The specified bucket does not exist",
        "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>",
        "ERROR atticd::error: Storage error: NoSuchBucket: The specified bucket does not exist",
        "upload failed: ./x to s3://attic/x An error occurred (NoSuchBucket) when calling the PutObject operation",
        "fatal error: The specified bucket doesn't exist",
        "NoSuchBucket: attic",
        "Error: failed to get shared state: operation error S3: HeadObject, https response error StatusCode: 404, NoSuchBucket:",
        "rustfs: bucket index is lost: attic",
    ),
    "server full": (
        "write error: No space left on device (os error 28)",
        "Storage error: io error: No space left on device",
        "An error occurred (XMinioStorageFull) when calling the PutObject operation: Storage backend has reached its minimum free drive threshold.",
        "StorageFull: there is no space on any drive",
        "curl: (22) The requested URL returned error: 507",
        "HTTP/1.1 507 Insufficient Storage",
        'Database error: could not extend file "base/16384/2619": No space left on device',
        "Disk quota exceeded (os error 122)",
        "ENOSPC: no space left on device, write",
    ),
    "credential/auth": (
        f"❌ {HASH}-hello-2.12: AccessError: User does not have permission to complete this action.",
        "Error: Unauthorized: Unauthorized.",
        "Error: HTTP 403 Forbidden: <!DOCTYPE html><html><body>Welcome</body></html>",
        '{"code":403,"error":"AccessError","message":"User does not have permission to complete this action."}',
        '{"code":401,"error":"Unauthorized","message":"Unauthorized."}',
        "curl: (22) The requested URL returned error: 403",
        "error: unable to download 'http://attic/main/nix-cache-info': HTTP error 401",
        "Storage error: service error: unhandled error (SignatureDoesNotMatch)",
        "An error occurred (InvalidAccessKeyId) when calling the PutObject operation: The AWS Access Key Id you provided does not exist in our records.",
        "An error occurred (AccessDenied) when calling the PutObject operation: Access Denied.",
        "An error occurred (ExpiredToken) when calling the GetObject operation: The provided token has expired.",
        "no credentials in the property bag",
    ),
    "network": (
        "Error: error sending request for url (http://attic/): error trying to connect: dns error: failed to lookup address information",
        "error trying to connect: tcp connect error: Connection refused (os error 111)",
        "curl: (6) Could not resolve host: attic.nix-cache.svc.cluster.local",
        "curl: (7) Failed to connect to nix-cache.tinyland.dev port 443 after 3 ms: Couldn't connect to server",
        "curl: (28) Operation timed out after 30001 milliseconds with 0 bytes received",
        "curl: (56) Recv failure: Connection reset by peer",
        "curl: (60) SSL certificate problem: unable to get local issuer certificate",
        "Storage error: dispatch failure: io error",
        "Error: error sending request for url (http://attic/_api/v1/cache-config/main)",
        "    2: Connection refused (os error 111)",
        "x509: certificate signed by unknown authority",
        "error: invalid peer certificate: UnknownIssuer",
        "dial tcp 10.43.0.7:80: i/o timeout",
        "curl: (28) Connection timed out after 5001 milliseconds",
        "deadline has elapsed",
        "connect ETIMEDOUT: no route to host",
        "<html><head><title>502 Bad Gateway</title></head>",
    ),
    "unknown": (
        f"❌ {HASH}-hello-2.12: InternalServerError: The server encountered an internal error or misconfiguration.",
        '{"code":500,"error":"InternalServerError","message":"The server encountered an internal error or misconfiguration."}',
        "Error: RequestError: Bad chunk hash or size",
        '{"code":503,"error":"IncompleteNar","message":"The requested NAR has missing chunks and needs to be repaired."}',
        "Database error: Failed to acquire a connection from the pool",
        "thread 'main' panicked at 'called Option::unwrap()'",
        "curl: (18) transfer closed with outstanding read data remaining: Transferred a partial file, error",
        "error: path is not valid",
    ),
    "": (
        f"✅ {HASH}-hello-2.12 (12.3 MiB/s, 45.0% deduplicated)",
        f"✅ {HASH}-no-such-bucket-error-403 (deduplicated)",
        '⚙️ Pushing 22 paths to "main" on "tinyland" (300 already cached, 12 in upstream)...',
        f"copying path '/nix/store/{HASH}-certificate-timeout-unauthorized' from 'https://cache.nixos.org'",
        "🤷 Nothing selected.",
        "✅ All done! (22 already cached, 0 in upstream)",
        "",
        "building 403 of 507 derivations",
    ),
}
NEAR: dict[str, tuple[str, ...]] = {
    "bucket-index recurrence": (
        "An error occurred (NoSuchKey) when calling the GetObject operation: The specified key does not exist.",
        "make_bucket: attic",
        "Storage error: service error: unhandled error (BucketAlreadyExists)",
        f"❌ {HASH}-NoSuchBucket: InternalServerError: The server encountered an internal error or misconfiguration.",
        "bucket index: 3 buckets loaded",
    ),
    "server full": (
        "building 507 derivations",
        "Storage error: service error: unhandled error (SlowDown)",
        "storageclass.storage.k8s.io/full created",
        "error: path is full of spaces",
        "these 28 paths will be fetched (507 MiB download)",
    ),
    "credential/auth": (
        "these 403 paths will be fetched",
        "curl: (22) The requested URL returned error: 404",
        '✍️ Configuring server "tinyland"',
        "warning: signature of path is ignored",
        f"✅ {HASH}-Unauthorized (1 KiB/s)",
    ),
    "network": (
        "warning: ignoring the client-specified setting 'connect-timeout'",
        "connect-timeout = 5",
        "Using certificate bundle /etc/ssl/certs/ca-bundle.crt",
        "curl: (22) The requested URL returned error: 500",
        "building '/nix/store/0c5b8vw40d1178xlpddw65q9gf1h2186-connection-refused.drv'...",
    ),
    "unknown": (
        "building 12 paths",
        "✅ All done! (22 already cached, 0 in upstream)",
        "unpacking source archive",
        f'⚙️ Pushing 1 paths to "{HASH}" on "error" (0 already cached, 0 in upstream)...',
    ),
}
"""Lines that look as if they were of a class, and are not."""
PAIRS = [(kind, line) for kind, lines in LINES.items() for line in lines]


@pytest.mark.upholds("S036")
@pytest.mark.parametrize(("kind", "line"), PAIRS, ids=range(len(PAIRS)))
def test_a_line_is_of_its_class_and_of_no_other(kind: str, line: str) -> None:
    assert push_log.kind_of(line) == kind
    assert push_log.kind_of(f"\x1b[31m{line}\x1b[0m") == kind


@pytest.mark.parametrize("kind", NEAR)
def test_what_only_looks_like_a_class_is_not_of_it(kind: str) -> None:
    assert [line for line in NEAR[kind] if push_log.kind_of(line) == kind] == []


def test_every_class_has_lines_enough() -> None:
    assert set(LINES) == {*push_log.NEXT, ""}
    assert set(NEAR) == set(push_log.NEXT)
    assert all(len(lines) >= 4 for lines in NEAR.values())
    assert all(len(lines) >= 8 for lines in LINES.values())


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for sign in push_log.signs(text):
        assert sign.next_step
        assert sign.number <= len(text.splitlines())


def test_the_gravest_line_speaks_for_a_log() -> None:
    log = "\n".join((LINES["network"][0], LINES["credential/auth"][0], LINES["bucket-index recurrence"][0]))
    gravest = push_log.gravest(log)
    assert gravest is not None
    assert (gravest.kind, gravest.number) == ("bucket-index recurrence", 3)
    assert push_log.gravest("\n".join(LINES[""])) is None


def classify(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest_gf.classify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_log_that_somebody_has_is_told_without_its_secrets(tmp_path: Path) -> None:
    url = "http://s3/attic/x?X-Amz-Signature=0123456789abcdef"
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsYWIifQ.c2ln"  # A made one.
    (tmp_path / "log").write_bytes(
        f"fine\nNoSuchBucket at {url}\nerror: 401 Unauthorized for {token}\n\xff".encode("latin-1")
    )
    done = classify(str(tmp_path / "log"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("bucket-index recurrence: 1 line\n  line 2: ") < done.stdout.index(
        "credential/auth: 1 line"
    )
    assert "next step: push nothing more" in done.stdout
    assert "0123456789abcdef" not in done.stdout
    assert "eyJ" not in done.stdout


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--help",), ("no/such/file",), (".",)], ids=" ".join)
def test_bad_input_is_one_line(arguments: tuple[str, ...]) -> None:
    done = classify(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
