"""`flask --app wsgi provider ...` and `patient ...`: who treats, and who is treated, as insurers know them."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup

from portal.domain.provider import ProviderFacts
from portal.domain.refusal import Refused
from portal.storage import customer, patient
from portal.storage import provider as providers
from portal.usecases.patient import add_patient, change_patient
from portal.usecases.patient_import import import_patients
from portal.usecases.provider import add_provider, change_provider, facts_of
from portal.web.command_line.desk import (
    console,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    table,
)
from portal.web.command_line.spreadsheet import file_argument, say_report

provider = AppGroup("provider", help="Providers: name, credentials, licence and NPI for superbills.")
treated = AppGroup("patient", help="Patients: whom services are for, and who pays for them.")


def _provider_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, words in (
        ("name", "As on the licence."),
        ("credentials", "Such as LMFT."),
        ("licence-number", ""),
        ("licence-state", "Two letters."),
        ("npi", "National Provider Identifier, ten digits."),
        ("signature-line", "Printed over the signature; else name and credentials."),
    ):
        command = click.option(f"--{name}", metavar="TEXT", help=words)(command)
    return command


@provider.command("add")
@organisation_option
@click.argument("reference")
@_provider_options
def add(reference: str, slug: str, **given: str | None) -> None:
    """Add a provider as REFERENCE, the practice's own name for them."""
    owner = organisation_named(slug)
    with refusals_said(), ports().database.transaction(owner.id) as session:
        facts = ProviderFacts(**{"name": "", **_given(given)})
        add_provider(session, reference, facts, now=ports().clock.now(), by=staff())
    console().print(f"{reference}: added")


@provider.command("change")
@organisation_option
@click.argument("reference")
@_provider_options
def change(reference: str, slug: str, **given: str | None) -> None:
    """Other facts of provider REFERENCE from now on; papers already issued keep theirs."""
    owner = organisation_named(slug)
    with refusals_said(), ports().database.transaction(owner.id) as session:
        change_provider(session, reference, now=ports().clock.now(), by=staff(), **_given(given))
    console().print(f"{reference}: changed")


@provider.command("list")
@organisation_option
def list_(slug: str) -> None:
    """Every provider."""
    owner = organisation_named(slug)
    with ports().database.read(owner.id) as session:
        rows = [(row.reference, *asdict(facts_of(row)).values()) for row in providers.everybody(session)]
    listed = table("provider", "name", "credentials", "licence", "state", "NPI", "signature line")
    for row in rows:
        listed.add_row(*row)
    console().print(listed if rows else "There are no providers.")


def _patient_options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--born-on", type=click.DateTime(["%Y-%m-%d"]), help="Like 1990-04-17.")(command)
    for name in ("given-name", "family-name", "address-line1", "address-line2", "city", "state", "postal-code"):
        command = click.option(f"--{name}", metavar="TEXT")(command)
    return command


@treated.command("add")
@organisation_option
@click.argument("reference")
@click.argument("customer_reference", metavar="CUSTOMER")
@_patient_options
def add_one(reference: str, customer_reference: str, slug: str, **given: Any) -> None:
    """Add a patient as REFERENCE, whose services CUSTOMER pays for. An address left out is the customer's."""
    owner = organisation_named(slug)
    with refusals_said(), ports().database.transaction(owner.id) as session:
        payer = customer.by_reference(session, customer_reference)
        if payer is None:
            raise Refused("customer_unknown")
        add_patient(session, payer.id, reference, now=ports().clock.now(), by=staff(), **_given(given))
    console().print(f"{reference}: added")


@treated.command("change")
@organisation_option
@click.argument("reference")
@_patient_options
def change_one(reference: str, slug: str, **given: Any) -> None:
    """Other facts of patient REFERENCE from now on; papers already issued keep theirs."""
    owner = organisation_named(slug)
    with refusals_said(), ports().database.transaction(owner.id) as session:
        change_patient(session, reference, now=ports().clock.now(), by=staff(), **_given(given))
    console().print(f"{reference}: changed")


@treated.command("list")
@organisation_option
@click.argument("customer_reference", metavar="CUSTOMER")
def list_of(customer_reference: str, slug: str) -> None:
    """Everybody CUSTOMER pays for."""
    owner = organisation_named(slug)
    with refusals_said(), ports().database.read(owner.id) as session:
        payer = customer.by_reference(session, customer_reference)
        if payer is None:
            raise Refused("customer_unknown")
        rows = patient.of_customer(session, payer.id)
    listed = table("patient", "name", "born on", "address")
    for row in rows:
        place = " ".join(each for each in (row.address_line1, row.city, row.state, row.postal_code) if each)
        listed.add_row(row.reference, row.full_name, row.born_on.isoformat() if row.born_on else "", place)
    console().print(listed if rows else "There are no patients.")


@treated.command("import")
@file_argument
@organisation_option
@click.option("--dry-run", is_flag=True, help="Say what the file would do, and keep nothing.")
def import_file(content: bytes, slug: str, dry_run: bool) -> None:
    """Record the patients of FILE, a CSV in UTF-8: all of them, or none and what is wrong with each row."""
    owner = organisation_named(slug)
    with refusals_said():
        report = import_patients(ports(), owner.id, content, by=staff(), dry_run=dry_run)
    say_report(report, "patient", dry_run=dry_run)


def _given(given: dict[str, Any]) -> dict[str, Any]:
    """What was given; a day without the time that click gives it."""
    return {
        name: value.date() if isinstance(value, datetime) else value
        for name, value in given.items()
        if value is not None
    }
