"""The emulated Kubernetes of honey: REST, access reviews, exec and port-forward, over TLS."""
