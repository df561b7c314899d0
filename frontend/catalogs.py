"""Translations: compile the catalogs, and see that none lags behind the sentences in the code.

Called by the Makefile (`compile` at install, `check` in make check) and by tests/house. Never translates
anything itself: a person runs `python -m frontend.catalogs update` after a sentence changed, and fills in
what is new.
"""

import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "lazy_gettext": None,
    "N_": None,
}


def spoken(root: Path = ROOT) -> Catalog:
    """Every sentence that portal/ marks for translation, found as babel.cfg says."""
    with (ROOT / "babel.cfg").open() as stream:
        methods, options = parse_mapping_cfg(stream)  # type: ignore[no-untyped-call]  # Babel annotates only some
    found = extract_from_dir(
        root,
        methods,
        options_map=options,
        keywords=KEYWORDS,
        comment_tags=["Translators:"],
        directory_filter=lambda path: Path(path).name == "portal" or "portal" in Path(path).relative_to(root).parts,
    )
    catalog = Catalog(project="paydoor", charset="utf-8")
    for filename, _line, message, comments, context in found:
        catalog.add(message, None, [(filename, 0)], auto_comments=comments, context=context)
    return catalog


def catalogs(root: Path = ROOT) -> list[Path]:
    return sorted((root / "portal" / "translations").glob("*/LC_MESSAGES/messages.po"))


def compile_all(root: Path = ROOT) -> None:
    for path in catalogs(root):
        draft = path.with_suffix(".mo.new")
        with draft.open("wb") as stream:
            write_mo(stream, read(path))
        draft.replace(path.with_suffix(".mo"))


def read(path: Path) -> Catalog:
    with path.open("rb") as stream:
        return read_po(stream, locale=path.parts[-3])


def gaps(root: Path = ROOT) -> list[str]:
    """One line for each sentence that a catalog lacks, guesses, gets wrong, or keeps though nobody says it."""
    wanted = spoken(root)
    problems = []
    for path in catalogs(root):
        catalog = read(path)
        name = path.relative_to(root)
        for message in wanted:
            if not message.id:
                continue
            held = catalog.get(message.id, message.context)
            whole = held and all(held.string if isinstance(held.string, tuple | list) else [held.string])
            if not whole:
                problems.append(f"{name}: no translation of {message.id!r}")
            elif held and held.fuzzy:
                problems.append(f"{name}: a guess (fuzzy) for {message.id!r}")
            elif held:
                problems += [f"{name}: {error} in {message.id!r}" for error in held.check(catalog)]
        problems += [
            f"{name}: nobody says {message.id!r} any more"
            for message in catalog
            if message.id and wanted.get(message.id, message.context) is None
        ]
    if len(wanted) and not catalogs(root):
        problems.append("portal/translations holds no catalog")
    return problems


def update_all(root: Path = ROOT) -> None:
    """Bring the catalogs up to date with the code; what is new is left empty."""
    wanted = spoken(root)
    for path in catalogs(root):
        catalog = read(path)
        catalog.update(wanted, no_fuzzy_matching=True)
        with path.open("wb") as stream:
            write_po(stream, catalog, width=110, sort_output=True, ignore_obsolete=True)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["compile"]:
            compile_all()
        case ["update"]:
            update_all()
        case ["check"]:
            problems = gaps()
            print("\n".join(problems) or "Translations are complete.")
            return 1 if problems else 0
        case _:
            print("python -m frontend.catalogs compile|check|update")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
