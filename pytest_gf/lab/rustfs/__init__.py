"""The lab's RustFS: S3 with real signature checks over a real directory tree (facts as of 1.0.0-beta.7)."""
