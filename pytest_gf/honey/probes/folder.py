"""What stands in a folder of a pod, by one exec of a constant script."""

from __future__ import annotations

from pytest_gf.engine.errors import NotUnderstood
from pytest_gf.honey.answers import Folder
from pytest_gf.honey.probes.kube import Kube
from pytest_gf.honey.probes.kube_exec import run_marked

SCRIPT = r"""
printf 'gf-begin\000'
if ls -a "$1" >/dev/null 2>&1 && cd "$1" 2>/dev/null; then
  printf 'listed\000'
  for name in .* *; do
    if [ -L "$name" ]; then printf 'l%s\000' "$name"
    elif [ -d "$name" ]; then printf 'd%s\000' "$name"
    elif [ -f "$name" ]; then printf 'f%s\000' "$name"
    elif [ -e "$name" ]; then printf 'o%s\000' "$name"
    fi
  done
elif [ -e "$1" ]; then printf 'unreadable\000'
else
  up=$1
  while [ "${up#*/}" != "$up" ] && ! [ -e "${up:-/}" ]; do up=${up%/*}; done
  if [ -d "${up:-/}" ] && ! [ -x "${up:-/}" ]; then printf 'unreadable\000'; else printf 'absent\000'; fi
fi
printf 'gf-end\000'
""".strip()
"""POSIX sh, so that ash and dash read it. Names end in NUL: no other byte is forbidden in one. `ls` is a program of its own,
so that a disk that hangs does so after the first mark."""
KINDS = {b"d": "folder", b"f": "file", b"l": "symlink", b"o": "other"}
STATES = (b"listed", b"unreadable", b"absent")


def look(kube: Kube, namespace: str, pod: str, container: str, path: str) -> Folder:
    """Return what stands in a folder. Raises as `run_marked` does."""
    output = run_marked(kube, namespace, pod, container, SCRIPT, path)
    if output.hung:
        return Folder(path, "stalled")
    state, *names = output.stdout.removesuffix(b"\0").split(b"\0")
    if state not in STATES or any(name[:1] not in KINDS for name in names):
        tried = f"Kubernetes exec pod {pod} in {namespace} at {kube.address}"
        raise NotUnderstood(
            tried, f"a listing of {path} that begins {state[:20]!r}", "what shell does the container have?"
        )
    entries = {name[1:]: KINDS[name[:1]] for name in names if name[1:] not in {b".", b".."}}
    return Folder(path, state.decode(), entries)
