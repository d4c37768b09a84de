"""The emulated container: a command runs as a process of this machine, with /data the lab's own folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from pytest_gf.lab.bends import Bends
from pytest_gf.lab.rustfs.disk import Disk

PATH = os.defpath
LOOKING = ("cat", "find", "ls", "stat", "test", "touch", "du", "rm")
"""The programs of the container that a bent disk holds or refuses."""


class MissingBinary(Exception):
    """The container has no such program."""


class Container:
    """RustFS's container. ``data`` is where its volume is mounted; ``folder`` is the lab's."""

    def __init__(self, folder: Path, data: str, disk: Disk, bends: Bends) -> None:
        self._folder = folder / "container"
        self._data = re.compile(rf"(?<![\w./-]){re.escape(data)}(?=$|[/\s\"';)&|])")
        self._disk = disk
        self._bends = bends

    async def start(self, command: Sequence[str], *, stdin: bool) -> asyncio.subprocess.Process:
        """Start a command. Raises MissingBinary."""
        if self._bends.on("binary-missing") or shutil.which(command[0], path=PATH) is None:
            raise MissingBinary(command[0])
        where = str(self._mounted())
        mapped = [self._data.sub(lambda _: where, word) for word in command]
        self._folder.mkdir(parents=True, exist_ok=True)
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            shutil.which(command[0], path=PATH) or command[0],
            *mapped[1:],
            stdin=pipe if stdin else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            cwd=self._folder,
            env={"PATH": self._path(), "HOSTNAME": "rustfs"},
            start_new_session=True,
        )

    def _mounted(self) -> Path:
        """Return what lies at /data as the container sees it."""
        if not self._bends.on("data-mounted-over"):
            return self._disk.root
        place = self._folder / "mounted-over"
        place.mkdir(parents=True, exist_ok=True)
        if self._bends.argument("rustfs-version") == "newer":
            for name in ("tmp", "config", "multipart", "buckets", "datausage"):  # Within 4 s; never format.json.
                (place / ".rustfs.sys" / name).mkdir(parents=True, exist_ok=True)
        return place

    def _path(self) -> str:
        """Return PATH. If the disk hangs or refuses, programs that do the same come first in it."""
        if self._disk.stalled:
            flag = self._folder / "stalled"
            flag.parent.mkdir(parents=True, exist_ok=True)
            flag.touch()
            self._disk.freed.append(lambda: flag.unlink(missing_ok=True))
            return self._programs("hanging", f'while [ -e "{flag}" ]; do sleep 0.05; done; exec {{}} "$@"')
        if self._bends.on("data-unreadable"):
            return self._programs("refusing", "echo \"{}: can't open '/data': Permission denied\" >&2; exit 1")
        return PATH

    def _programs(self, name: str, text: str) -> str:
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        for tool in LOOKING:
            program = folder / tool
            if not program.exists():
                program.write_text(f"#!/bin/sh\n{text.format(shutil.which(tool, path=PATH) or tool)}\n")
                program.chmod(0o755)
        return f"{folder}{os.pathsep}{PATH}"


async def end(process: asyncio.subprocess.Process) -> None:
    """End a command and all that it started: it has a process group of its own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
