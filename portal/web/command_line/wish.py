"""`flask --app wsgi wish ...`: writing down what people said on the phone or by letter about being written to.

Every channel by which somebody says it counts (47 CFR 64.1200(a)(10), Reg F 1006.6(b)(1)). Each is a row that stays.
"""

from collections.abc import Callable
from datetime import datetime

import click
from flask.cli import AppGroup

from portal.domain.contact_wish import WishSource
from portal.domain.refusal import Refused
from portal.storage import Session, contact_wish, customer
from portal.storage.customer import Customer
from portal.usecases import contact_wish as wishes
from portal.usecases.contact_wish import Words
from portal.web.command_line.desk import (
    console,
    moment,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    table,
)

wish = AppGroup("wish", help="What people said about being written to.")
words_option = click.option("--words", required=True, help="What they said, as they said it.")
undo_option = click.option("--undo", is_flag=True, help="They took it back.")


@wish.command("times")
@click.argument("reference", metavar="CUSTOMER")
@click.argument("times")
@words_option
@undo_option
@organisation_option
def times_(reference: str, times: str, words: str, undo: bool, slug: str) -> None:
    """TIMES do not suit CUSTOMER: `mon-fri 09:00-17:00`, `sun 00:00-24:00`, on their own clock."""
    _write(slug, lambda session, said, now: wishes.mark_times(
        session, _customer(session, reference), times, said, now, on=not undo), words)  # fmt: skip


@wish.command("medium")
@click.argument("reference", metavar="CUSTOMER")
@click.argument("channel", type=click.Choice(["email", "sms"]))
@words_option
@undo_option
@organisation_option
def medium(reference: str, channel: str, words: str, undo: bool, slug: str) -> None:
    """CUSTOMER does not want to be reached by CHANNEL."""
    _write(slug, lambda session, said, now: wishes.refuse_medium(
        session, _customer(session, reference), channel, said, now, on=not undo), words)  # fmt: skip


@wish.command("work-address")
@click.argument("address")
@words_option
@undo_option
@organisation_option
def work_address(address: str, words: str, undo: bool, slug: str) -> None:
    """ADDRESS is one at work: a debt collector does not write there unless its owner agrees."""
    _write(slug, lambda session, said, now: wishes.mark_work_address(session, address, said, now, on=not undo), words)


@wish.command("stop")
@click.argument("reference", metavar="CUSTOMER")
@click.argument("channel", type=click.Choice(["email", "sms"]))
@words_option
@undo_option
@organisation_option
def stop(reference: str, channel: str, words: str, undo: bool, slug: str) -> None:
    """CUSTOMER wants no more messages by CHANNEL to the address on file; with --undo they agree to them again."""

    def work(session: Session, said: Words, now: datetime) -> None:
        about = _customer(session, reference)
        address = about.email if channel == "email" else about.phone
        if not address:
            raise Refused("wish_no_address")
        say = wishes.agree if undo else wishes.stop
        say(session, channel, address, said, now, customer=about.id)

    _write(slug, work, words)


@wish.command("list")
@click.argument("reference", metavar="CUSTOMER")
@organisation_option
def list_(reference: str, slug: str) -> None:
    """Everything CUSTOMER said, oldest first."""
    owner = organisation_named(slug)
    listed = table("when", "what", "about", "says", "how", "words")
    with refusals_said(), ports().database.read(owner.id) as session:
        about = _customer(session, reference)
        for row in contact_wish.of_customer(session, about.id):
            said_at, subject = moment(row.said_at, owner.timezone), row.subject.removeprefix(f"{about.id}:")
            listed.add_row(said_at, row.kind, subject, "yes" if row.is_on else "no", row.source, row.words)
    console().print(listed if listed.row_count else "Nothing was said yet.")


def _write(slug: str, work: Callable[[Session, Words, datetime], None], words: str) -> None:
    owner = organisation_named(slug)
    said, now = Words(words, WishSource.phone, by=staff()), ports().clock.now()
    with refusals_said():
        ports().database.run(owner.id, lambda session: work(session, said, now))
    console().print("Written down.")


def _customer(session: Session, reference: str) -> Customer:
    found = customer.by_reference(session, reference)
    if found is None:
        raise Refused("customer_unknown")
    return found
