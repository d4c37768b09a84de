"""``-m cache_delete``: deletes a blob of its own from the Bazel cache, and looks whether ListBuckets stays whole."""

from pytest_gf.engine.house import Selection

CACHE_DELETE = Selection(
    "cache_delete",
    "deletes from the Bazel cache the blob that this run wrote, and looks whether ListBuckets stays whole; never in the canary",
    confirm={"cache-delete": "delete-from-bazel-cache"},
)
