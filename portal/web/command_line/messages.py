"""`flask --app wsgi messages ...`: what a rule holds and until when, what became of a message, which addresses fail.

Addresses are shown in part: whoever needs the whole one looks at the customer.
"""

import click
from flask.cli import AppGroup

from portal.domain.message_rule import MESSAGE_RULES
from portal.domain.refusal import Refused
from portal.storage import Session, bounce, message, message_fact
from portal.storage.message import Message
from portal.storage.organisation import Organisation
from portal.usecases.delivery_log import clear_bounce
from portal.usecases.inbound_text import REPLY_PATH
from portal.usecases.payment_link import home
from portal.usecases.sms_account import set_sms_account
from portal.web.command_line.desk import (
    console,
    everybody,
    find_in_any,
    moment,
    organisation_named,
    organisation_option,
    ports,
    refusals_said,
    staff,
    table,
)
from portal.web.masking import masked

messages = AppGroup("messages", help="Messages out: held, sent, refused.")
LATEST = 30


@messages.command("held")
@click.option("--organisation", "slug", metavar="SLUG", help="Only this one; all if absent.")
def held(slug: str | None) -> None:
    """Messages that wait for a rule to fall: which one, and until when. They leave by themselves."""
    listed = table("organisation", "message", "event", "to", "rule", "until", "what it says")
    count = 0
    for owner in [organisation_named(slug)] if slug else everybody():
        with ports().database.read(owner.id) as session:
            for row in message.held(session):
                until = moment(row.held_until, owner.timezone)
                listed.add_row(owner.slug, row.id, row.event, _to(row), row.held_by, until, _why(session, row))
                count += 1
    if count:
        console().print(listed)
    else:
        console().print("No message is held.")


@messages.command("log")
@click.argument("message_id", metavar="MESSAGE", required=False)
@click.option("--organisation", "slug", metavar="SLUG", help="Without MESSAGE: the latest ones of this organisation.")
@click.option("--last", default=LATEST, show_default=True, type=click.IntRange(1, 1_000), help="How many of them.")
def log(message_id: str | None, slug: str | None, last: int) -> None:
    """What became of MESSAGE, step by step; or the latest messages of an organisation and where each stands."""
    if message_id is None:
        if slug is None:
            raise click.UsageError("Give a MESSAGE, or --organisation.")
        _print_latest(organisation_named(slug), last)
        return
    found = find_in_any(lambda session: message.by_id(session, message_id))
    with refusals_said():
        if found is None:
            raise Refused("message_unknown")
    owner, row = found
    out = console()
    out.print(f"{owner.slug}: {row.event} by {row.channel} to {_to(row)}, {_state(row)}")
    steps = table("when", "what", "code", "from", "facts")
    steps.add_row(moment(row.created_at, owner.timezone), "promised", "", "", "")
    with ports().database.read(owner.id) as session:
        for fact in message_fact.of_message(session, row.id):
            facts = " ".join(f"{name}={value}" for name, value in fact.facts.items() if value is not None)
            steps.add_row(moment(fact.at, owner.timezone), fact.what, fact.code, fact.source, facts)
    out.print(steps)


@messages.command("bounced")
@organisation_option
def bounced(slug: str) -> None:
    """Addresses and numbers that were refused for good. Nothing is sent to them."""
    owner = organisation_named(slug)
    listed = table("channel", "address", "since", "why", "message")
    with ports().database.read(owner.id) as session:
        for row in bounce.all_standing(session):
            listed.add_row(row.channel, row.address, moment(row.found_at, owner.timezone), row.reason, row.message_id)
    console().print(listed if listed.row_count else "Every address is written to.")


@messages.command("works-again")
@click.argument("address")
@click.option("--channel", type=click.Choice(["email", "sms"]), default="email", show_default=True)
@organisation_option
def works_again(address: str, channel: str, slug: str) -> None:
    """ADDRESS was refused and works again: messages go to it from now on."""
    owner = organisation_named(slug)
    with refusals_said():
        ports().database.run(
            owner.id, lambda session: clear_bounce(session, channel, address, staff(), ports().clock.now())
        )
    console().print("Messages go there again.")


@messages.command("carrier")
@click.option("--account-sid", required=True, metavar="AC...", help="The account at Twilio.")
@click.option("--sender", required=True, metavar="+1...", help="Its number, or a messaging service (MG...).")
@click.option("--auth-token", prompt=True, hide_input=True, help="Asked for if absent; kept sealed.")
@organisation_option
def carrier(account_sid: str, sender: str, auth_token: str, slug: str) -> None:
    """From now on the texts of an organisation go by this account; says what to enter at Twilio."""
    owner = organisation_named(slug)
    values = {"account_sid": account_sid, "auth_token": auth_token, "sender": sender, "by": staff()}
    with refusals_said():
        ports().database.run(
            owner.id, lambda session: set_sms_account(session, ports().seal, **values, now=ports().clock.now())
        )
    console().print(f"Stored. A message comes in: POST {home(ports().portal_url, owner)}/{REPLY_PATH}")


def _print_latest(owner: Organisation, last: int) -> None:
    listed = table("promised", "message", "event", "to", "state", "why")
    with ports().database.read(owner.id) as session:
        for row in message.latest(session, last):
            promised_at = moment(row.created_at, owner.timezone)
            listed.add_row(promised_at, row.id, row.event, _to(row), _state(row), row.last_error or "")
    console().print(listed if listed.row_count else "No message was promised yet.")


def _state(row: Message) -> str:
    if row.state == "queued" and row.held_by:
        return f"held by {row.held_by}"
    return f"stopped by {row.held_by}" if row.state == "stopped" else row.state


def _to(row: Message) -> str:
    return masked("phone" if row.channel == "sms" else "email", row.recipient)


def _why(session: Session, row: Message) -> str:
    rule = MESSAGE_RULES.get(row.held_by or "")
    facts = [fact for fact in message_fact.of_message(session, row.id) if fact.code == row.held_by]
    return rule.sentence.format_map(facts[-1].facts) if rule and facts else ""
