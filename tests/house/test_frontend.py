"""What a browser is sent carries its digest in its name, compressed once, the same bytes on every machine."""

import gzip
import hashlib
import json
from pathlib import Path

import brotli
import pytest

from frontend.build import VENDOR, build


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for origin in VENDOR.values():
        path = tmp_path / "node_modules" / origin
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"/* {origin} */" * 20)
    static = tmp_path / "portal" / "static"
    static.mkdir(parents=True)
    (static / "portal.css").write_text("body { color: black }" * 20)
    return tmp_path


def test_every_file_is_named_by_its_content_and_compressed(tree: Path) -> None:
    manifest = build(tree)
    static = tree / "portal" / "static"
    assert manifest == json.loads((static / "manifest.json").read_text())
    assert set(manifest) == {"portal.css", *VENDOR}
    for built in manifest.values():
        content = (static / "built" / built).read_bytes()
        assert hashlib.sha256(content).hexdigest()[:16] in built
        assert gzip.decompress((static / "built" / f"{built}.gz").read_bytes()) == content
        assert brotli.decompress((static / "built" / f"{built}.br").read_bytes()) == content


def test_a_changed_file_gets_another_name_and_the_old_one_goes(tree: Path) -> None:
    before = build(tree)
    (tree / "portal" / "static" / "portal.css").write_text("body { color: navy }")
    after = build(tree)
    assert after["portal.css"] != before["portal.css"]
    assert {name: after[name] for name in VENDOR} == {name: before[name] for name in VENDOR}
    assert not (tree / "portal" / "static" / "built" / before["portal.css"]).exists()


def test_two_builds_of_one_tree_are_equal_to_the_byte(tree: Path) -> None:
    def everything() -> dict[str, bytes]:
        build(tree)
        return {path.name: path.read_bytes() for path in (tree / "portal" / "static" / "built").iterdir()}

    assert everything() == everything()
