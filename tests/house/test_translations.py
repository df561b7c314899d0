"""No sentence reaches a Spanish reader in English, and a gap is seen."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from frontend import catalogs


def test_every_sentence_is_translated() -> None:
    assert catalogs.gaps() == []


def test_there_are_sentences_and_a_spanish_catalog() -> None:
    assert len(catalogs.spoken()) > 20
    assert [path.parts[-3] for path in catalogs.catalogs()] == ["es"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small portal that says two sentences."""
    room = tmp_path / "portal" / "templates"
    room.mkdir(parents=True)
    (room / "page.html").write_text("{{ _('Pay now') }} {% trans %}Amount{% endtrans %}")
    (tmp_path / "portal" / "translations" / "es" / "LC_MESSAGES").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"Pay now": "Pagar", "Amount": "Importe"}, []),
        ({"Pay now": "Pagar"}, ["no translation of 'Amount'"]),
        ({"Pay now": "Pagar", "Amount": ""}, ["no translation of 'Amount'"]),
        ({"Pay now": "Pagar", "Amount": "Importe", "Gone": "Ido"}, ["nobody says 'Gone' any more"]),
    ],
)
def test_a_gap_in_a_catalog_is_seen(tree: Path, held: dict[str, str], said: list[str]) -> None:
    catalog = Catalog(locale="es")
    for message, translation in held.items():
        catalog.add(message, translation)
    path = tree / "portal" / "translations" / "es" / "LC_MESSAGES" / "messages.po"
    with path.open("wb") as stream:
        write_po(stream, catalog)
    assert [line.split(": ", 1)[1] for line in catalogs.gaps(tree)] == said
