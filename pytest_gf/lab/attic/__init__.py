"""The emulated Attic: a cache `main` on two surfaces of one family, its chunks in the lab's S3 (docs/systems.md)."""
