"""Where tests keep what they throw away: memory, if this machine has enough of it, else the temporary directory.

A new PostgreSQL database is some thousand small files: 0.5 s on a disk, 0.03 s in memory, and there is one for every
second test. A killed process loses nothing in either place; only a benchmark of commits needs the disk (bench/).
"""

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 6 * 2**30


def use() -> None:
    """Make it the temporary directory of this process and of those it starts; a TMPDIR somebody set is kept."""
    if "TMPDIR" in os.environ or not _has_room():
        return
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None


def _has_room() -> bool:
    """A container may have a /dev/shm of 64 MB, and what lies there is memory that nobody else has."""
    try:
        free = shutil.disk_usage(MEMORY).free
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return False
    return os.access(MEMORY, os.W_OK | os.X_OK) and min(free, available) >= ROOM_BYTES
