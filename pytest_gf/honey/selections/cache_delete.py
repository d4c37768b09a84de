"""``-m cache_delete``: deletes a blob of its own from the Bazel cache, and looks whether ListBuckets stays whole."""

from pytest_gf.engine.house import Selection

CACHE_DELETE = Selection(
    "cache_delete",
    "Deletes the blob that this run wrote from the Bazel cache, and looks whether ListBuckets stays whole: a delete set off "
    "the loss of 2026-05-25. Needs --gf-confirm. Never in the canary.",
    confirm={"cache-delete": "delete-from-bazel-cache"},
)
