"""Seed the demo's database exactly once, and keep the links for the next start.

Called by demo/stack.py. A link's token is stored only as a digest, so what the seed returns is the one chance
to know it: it is kept in var/links.json, readable by its owner alone. Never changes a database that was
seeded before.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class HalfMade(RuntimeError):
    """The database and var/links.json do not belong together; only `make demo-reset` helps."""


def seed_once(var: Path, environment: Mapping[str, str], *, root: Path) -> dict[str, Any]:
    """The links and logins of this database, made now if it has none; addresses begin with today's PORTAL_URL."""
    kept_path, started_path = var / "links.json", var / "seeding"
    database = hashlib.sha256(environment["DATABASE_URL"].encode()).hexdigest()[:16]
    portal_url = environment["PORTAL_URL"]
    kept = _read(kept_path)
    if kept is None or kept["database"] != database:
        if started_path.exists():
            raise HalfMade("Seeding was interrupted last time. Run `make demo-reset`, then `make demo`.")
        started_path.touch()
        made = _seed(environment, root)
        kept = {"database": database, "seeded": _replaced(made, portal_url, "{PORTAL_URL}")}
        write_private(kept_path, kept)
        started_path.unlink()
    found: dict[str, Any] = _replaced(kept["seeded"], "{PORTAL_URL}", portal_url)
    return found


def _seed(environment: Mapping[str, str], root: Path) -> dict[str, Any]:
    """In a process of its own: the seed sees the settings that the portal will see, and nothing of ours."""
    done = subprocess.run(
        [sys.executable, "-m", "demo.seed_once"],
        cwd=root,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise HalfMade(f"Seeding failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


def _replaced(value: Any, old: str, new: str) -> Any:
    """The portal may be on another port next time: links are kept without its address."""
    if isinstance(value, str):
        return new + value.removeprefix(old) if value.startswith(old) else value
    if isinstance(value, dict):
        return {key: _replaced(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, old, new) for each in value]
    return value


def _read(path: Path) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return kept


def write_private(path: Path, value: Mapping[str, Any]) -> None:
    """All of it or nothing, for its owner alone: it holds links that open accounts."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        json.dump(value, stream, indent=2)
    draft.replace(path)


def main() -> None:
    """The child of `_seed`: run the seed with the portal's own parts and print what it returns as one line."""
    from config import Settings
    from demo.seed import seed
    from portal.app import build_ports

    print(json.dumps(seed(build_ports(Settings.from_environment()))))


if __name__ == "__main__":
    main()
