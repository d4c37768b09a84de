"""The emulated bazel-remote: gRPC and HTTP, a hot cache on disk, casblobs in the lab's S3 (docs/systems.md)."""
