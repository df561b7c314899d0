"""`flask --app wsgi authorization ...`: what customers authorized, listed and taken out as it was accepted (C9).

For operators, for a bank or a customer who asks. Holds no rule; the audit trail says who looked.
"""

import json
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from portal.storage.organisation import Organisation
from portal.usecases.authorization import Authorization, of_account
from portal.web.command_line.desk import (
    console,
    dollars,
    moment,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    table,
)

authorization = AppGroup("authorization", help="What customers authorized: listed, and taken out as it was accepted.")
INDEX = "authorizations.json"


@authorization.command("list")
@click.argument("reference", metavar="ACCOUNT")
@organisation_option
def list_(reference: str, slug: str) -> None:
    """Every authorization given on ACCOUNT, replaced and ended ones too, and what was debited under each."""
    paid_to, rows = _found(slug, reference)
    shown = table("accepted", "what for", "standing", "ended", "debits$", "taken$", "last", "keep until", "as accepted")
    for row in rows:
        shown.add_row(
            moment(row.sealed.accepted_at, paid_to.timezone), row.sealed.kind, row.standing.value,
            moment(row.ended_at, paid_to.timezone), str(row.debits), dollars(row.debited_cents),
            moment(row.debited_at, paid_to.timezone), _kept(row), _as_accepted(row),
        )  # fmt: skip
    console().print(shown if rows else "Nothing was authorized on that account.")


def _as_accepted(row: Authorization) -> str:
    if not row.sealed.text:
        return "erased"  # with its customer, when its time was over
    return "yes" if row.as_accepted else "NO"


@authorization.command("export")
@click.argument("reference", metavar="ACCOUNT")
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="A folder.")
@organisation_option
def export(reference: str, folder: Path, slug: str) -> None:
    """Write each into FOLDER word for word, signed papers as PDF, and who accepted it, when and from where."""
    _, rows = _found(slug, reference)
    if not rows:
        raise click.ClickException("Nothing was authorized on that account.")
    folder.mkdir(parents=True, exist_ok=True)
    index = [_written(folder, number, row) for number, row in enumerate(rows, 1)]
    (folder / INDEX).write_text(json.dumps(index, indent=2, ensure_ascii=False), encoding="utf-8")
    for name in (*(file for each in index for file in each["files"]), INDEX):
        console().print(str(folder / name), soft_wrap=True)
    changed = [each["files"][0] for each in index if not each["as_accepted"]]
    if changed:
        raise click.ClickException(f"Not as it was accepted, restore from a backup: {', '.join(changed)}")
    console().print("They are byte for byte what was accepted.")


def _found(slug: str, reference: str) -> tuple[Organisation, list[Authorization]]:
    paid_to = organisation_named(slug)
    with refusals_said():
        return paid_to, of_account(ports(), paid_to.id, reference, staff())


def _written(folder: Path, number: int, row: Authorization) -> dict[str, Any]:
    sealed = row.sealed
    stem = f"{number:02d}-{sealed.accepted_at:%Y-%m-%d}-{sealed.kind}"
    files = {f"{stem}.txt": sealed.text.encode(), **{f"{stem}-{kind}.pdf": pdf for kind, pdf in row.papers.items()}}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {
        "files": list(files),
        "what_for": sealed.kind,
        "version": sealed.text_version,
        "language": sealed.locale,
        "sha256": sealed.text_sha256,
        "as_accepted": row.as_accepted,
        "accepted_at": sealed.accepted_at.isoformat(),
        "ip": sealed.ip,
        "user_agent": sealed.user_agent,
        "standing": row.standing.value,
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "debits": row.debits,
        "debited_cents": row.debited_cents,
        "last_debited_at": row.debited_at.isoformat() if row.debited_at else None,
        "keep_until": row.keep_until.isoformat() if row.keep_until else None,
    }


def _kept(row: Authorization) -> str:
    return row.keep_until.isoformat() if row.keep_until else "it stands"
