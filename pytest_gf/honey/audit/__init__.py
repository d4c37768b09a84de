"""The bulk audit of the Bazel cache's bucket: every object read, decoded and hashed, by shards that can be spread and resumed."""
