"""The S3 operations on buckets."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from email.utils import formatdate

from pytest_gf.lab.rustfs import markup
from pytest_gf.lab.rustfs.call import Call, Refusal, Reply
from pytest_gf.lab.rustfs.disk import Versioning
from pytest_gf.lab.rustfs.service import BUSY, REGION, Service

STATUSES: Mapping[str, Versioning] = {"Enabled": "Enabled", "Suspended": "Suspended"}


def http_date(seconds: float) -> str:
    """Return Unix seconds as HTTP headers write them."""
    return formatdate(seconds, usegmt=True)


def list_buckets(service: Service, call: Call) -> Reply:
    """Answer ListBuckets from the folders in /data, sorted; MaxBuckets and Prefix are ignored, as in RustFS."""
    if service.busy:
        service.busy -= 1
        return BUSY
    if service.listing_fails:
        raise Refusal(500, "InternalError", "We encountered an internal error, please try again.")
    names = [name for name in service.disk.listed() if service.may_see(call, name)]
    if service.bends.on("scratch-unlisted"):
        names = [name for name in names if name in service.contract.buckets]
    rows = [
        ("Bucket", [("Name", name), ("CreationDate", markup.moment(service.disk.metadata(name).created))])
        for name in names
    ]
    owner = [("ID", "rustfs"), ("DisplayName", "rustfs")]
    return Reply.of(markup.document("ListAllMyBucketsResult", [("Owner", owner), ("Buckets", rows)]))


def head(service: Service, call: Call) -> Reply:
    """Answer HeadBucket by a stat of /data/BUCKET: a plain file is found too."""
    if service.disk.presence(call.bucket) == "gone":
        raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
    return Reply(headers={"x-amz-bucket-region": REGION})


def location(service: Service, call: Call) -> Reply:
    """Answer GetBucketLocation: empty, which means us-east-1."""
    service.disk.folder(call.bucket)
    return Reply.of(markup.document("LocationConstraint", ()))


def versioning(service: Service, call: Call) -> Reply:
    """Answer GetBucketVersioning; no Status where it was never set."""
    service.disk.folder(call.bucket)
    status = service.disk.metadata(call.bucket).versioning
    return Reply.of(markup.document("VersioningConfiguration", [("Status", status)] if status else ()))


def set_versioning(service: Service, call: Call) -> Reply:
    """Answer PutBucketVersioning."""
    service.disk.folder(call.bucket)
    status = markup.read_versioning(call.body)
    if status not in STATUSES:
        raise Refusal(400, "IllegalVersioningConfigurationException", "Status must be Enabled or Suspended.")
    metadata = service.disk.metadata(call.bucket)
    metadata.versioning = STATUSES[status]
    service.disk.set_metadata(call.bucket, metadata)
    return Reply()


def create(service: Service, call: Call) -> Reply:
    """Answer CreateBucket: both markers exist when it answers."""
    if service.bends.on("create-refused"):
        raise Refusal(500, "InternalError", "We encountered an internal error, please try again.")
    service.disk.create(call.bucket)
    if service.bends.on("scratch-markers-missing"):
        shutil.rmtree(service.disk.metadata_folder(call.bucket))
    if service.bends.on("scratch-folder-missing"):
        service.disk.hide(call.bucket)
    return Reply(headers={"Location": f"/{call.bucket}"})


def delete(service: Service, call: Call) -> Reply:
    """Answer DeleteBucket: both markers are gone when it answers; 409 where an object or a version is left."""
    if service.store.keys(call.bucket):
        raise Refusal(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
    if not service.bends.on("scratch-lingers"):
        service.disk.remove(call.bucket)
    if service.bends.on("scratch-markers-linger"):
        service.disk.metadata_folder(call.bucket).mkdir(parents=True)
    service.busy = int(service.bends.argument("busy-after-delete") or 0)
    service.listing_fails = service.listing_fails or service.bends.on("listing-fails-after-delete")
    if service.bends.on("delete-empties-list"):
        service.disk.lost.update(service.disk.listed())
    return Reply(204)
