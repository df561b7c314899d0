"""`flask --app wsgi service ...`: recording what was sold on a date, correcting it, and what insurances paid of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import click
from flask.cli import AppGroup

from portal.domain.refusal import Refused
from portal.domain.service import EntryKind, ServiceFacts
from portal.storage import Session, account, patient, provider
from portal.storage import service as services
from portal.storage.organisation import Organisation
from portal.storage.service import Service
from portal.usecases.service import correct_service, facts_of, lines, lower_service, raise_service, record_service
from portal.usecases.service_import import import_services
from portal.web.command_line.desk import (
    console,
    dollars,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    table,
)
from portal.web.command_line.spreadsheet import file_argument, say_report
from portal.web.command_line.typed import DOLLARS, no_option

service = AppGroup("service", help="Services: record, import, correct, and book what insurances paid.")

KINDS = {"insurance": EntryKind.insurance, "adjustment": EntryKind.adjustment, "fee": EntryKind.fee}


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--on", "performed_on", type=click.DateTime(["%Y-%m-%d"]), help="The day, like 2026-11-02."),
        click.option("--provider", "provider_reference", metavar="NAME", help="The practice's own name for them."),
        click.option("--code", metavar="CODE", help="CPT or HCPCS code."),
        click.option("--modifier", "modifiers", multiple=True, metavar="XX", help="Up to four; once for each."),
        click.option("--units", type=int),
        click.option("--place", metavar="NN", help="Place of service: 11 office, 10 telehealth at home."),
        click.option("--diagnosis", "diagnoses", multiple=True, metavar="CODE", help="ICD-10-CM, the main one first."),
        click.option("--description", metavar="TEXT", help="The practice's own words for the client."),
    ):
        command = option(command)
    return command


@service.command("import")
@file_argument
@organisation_option
@click.option("--dry-run", is_flag=True, help="Say what the file would do, and keep nothing.")
def import_file(content: bytes, slug: str, dry_run: bool) -> None:
    """Record the services of FILE, a CSV in UTF-8: all of them, or none and what is wrong with each row."""
    owner = organisation_named(slug)
    with refusals_said():
        report = import_services(ports(), owner.id, content, by=staff(), dry_run=dry_run)
    say_report(report, "service", dry_run=dry_run)


@service.command("record")
@organisation_option
@click.argument("reference")
@click.argument("account_reference", metavar="ACCOUNT")
@click.argument("patient_reference", metavar="PATIENT")
@click.argument("fee_cents", metavar="FEE", type=DOLLARS)
@_options
def record_one(
    reference: str, account_reference: str, patient_reference: str, fee_cents: int, slug: str, **given: Any
) -> None:
    """Record one service as REFERENCE, owed on ACCOUNT for PATIENT. --on, --provider and --code are needed."""
    owner = organisation_named(slug)
    now = ports().clock.now()
    no_option(given, "performed_on", "provider_reference", "code")
    with refusals_said(), ports().database.transaction(owner.id) as session:
        owed_on = account.by_reference(session, account_reference)
        treated = patient.by_reference(session, patient_reference)
        if owed_on is None:
            raise Refused("account_unknown")
        if treated is None:
            raise Refused("patient_unknown")
        facts = _facts(session, given)
        row = record_service(session, owed_on.id, treated.id, reference, facts, fee_cents, now=now, by=staff())
        console().print(f"{reference}: {dollars(row.balance_cents)} owed on {owed_on.reference}")


@service.command("correct")
@organisation_option
@click.argument("reference")
@_options
def correct(reference: str, slug: str, **given: Any) -> None:
    """Say anew what service REFERENCE was; what is not given stays as it is, what was said before stays on record."""
    owner = organisation_named(slug)
    with refusals_said(), ports().database.transaction(owner.id) as session:
        row = _named(session, reference)
        facts = _facts(session, given, facts_of(services.latest_detail(session, row.id)))
        correct_service(session, row.id, facts, now=ports().clock.now(), by=staff())
        console().print(f"{reference}: corrected, version {row.version}")


@service.command("lower")
@organisation_option
@click.argument("reference")
@click.argument("kind", type=click.Choice(sorted(KINDS)))
@click.argument("amount_cents", metavar="AMOUNT", type=DOLLARS)
@click.option("--key", default="", metavar="TEXT", help="Names the event: the same key is booked once.")
def lower(reference: str, kind: str, amount_cents: int, slug: str, key: str) -> None:
    """Take AMOUNT off service REFERENCE: what an insurance paid, an adjustment, or a lower fee."""
    _move(lower_service, reference, kind, amount_cents, slug, key)


@service.command("raise")
@organisation_option
@click.argument("reference")
@click.argument("kind", type=click.Choice(sorted(KINDS)))
@click.argument("amount_cents", metavar="AMOUNT", type=DOLLARS)
@click.option("--key", default="", metavar="TEXT", help="Names the event: the same key is booked once.")
def raise_(reference: str, kind: str, amount_cents: int, slug: str, key: str) -> None:
    """Put AMOUNT on service REFERENCE: an insurance took back, an adjustment fell, the fee is higher."""
    _move(raise_service, reference, kind, amount_cents, slug, key)


@service.command("list")
@organisation_option
@click.argument("account_reference", metavar="ACCOUNT")
@click.option("--unpaid", is_flag=True, help="Only what is still owed.")
def list_(account_reference: str, slug: str, unpaid: bool) -> None:
    """The services of ACCOUNT, oldest first, with what is owed of each."""
    owner = organisation_named(slug)
    with refusals_said(), ports().database.read(owner.id) as session:
        owed_on = account.by_reference(session, account_reference)
        if owed_on is None:
            raise Refused("account_unknown")
        found = lines(session, owed_on, unpaid=unpaid)
        balance_cents = owed_on.balance_cents
    listed = table(
        "service", "date", "patient", "provider", "code", "fee$", "insurance$", "adjustments$", "paid$", "balance$"
    )
    for line in found:
        money = line.figures
        code = " ".join([line.detail.code, *line.detail.modifiers])
        cents = (money.fee_cents, money.insurance_cents, money.adjustments_cents, money.paid_cents, money.balance_cents)
        listed.add_row(
            line.row.reference, line.detail.performed_on.isoformat(), line.patient.reference, line.provider.reference,
            code, *(dollars(each) for each in cents),
        )  # fmt: skip
    console().print(listed if found else "There are no services.")
    console().print(f"{account_reference}: {dollars(balance_cents)} owed in all")


def _move(use: Callable[..., Service], reference: str, kind: str, amount_cents: int, slug: str, key: str) -> None:
    owner: Organisation = organisation_named(slug)
    with refusals_said(), ports().database.transaction(owner.id) as session:
        row = _named(session, reference)
        if key and any(each.event_key.endswith(f":{key}") for each in services.entries_of(session, row.id)):
            raise Refused("event_booked")
        use(session, row.id, amount_cents, KINDS[kind], now=ports().clock.now(), by=staff(), key=key)
        console().print(f"{reference}: {dollars(row.balance_cents)} owed")


def _named(session: Session, reference: str) -> Service:
    row = services.by_reference(session, reference)
    if row is None:
        raise Refused("service_unknown")
    return row


def _facts(session: Session, given: dict[str, Any], before: ServiceFacts | None = None) -> ServiceFacts:
    changes: dict[str, Any] = {}
    if given["provider_reference"] is not None:
        treated_by = provider.by_reference(session, given["provider_reference"])
        if treated_by is None:
            raise Refused("provider_unknown")
        changes["provider_id"] = treated_by.id
    if given["performed_on"] is not None:
        on: datetime = given["performed_on"]
        changes["performed_on"] = date(on.year, on.month, on.day)
    for option, name in (("code", "code"), ("units", "units"), ("place", "place_of_service")):
        if given[option] is not None:
            changes[name] = given[option]
    for name in ("modifiers", "diagnoses"):
        if given[name]:
            changes[name] = tuple(given[name])
    if given["description"] is not None:
        changes["description"] = given["description"]
    return replace(before, **changes) if before is not None else ServiceFacts(**changes)
