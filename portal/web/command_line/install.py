"""Hangs every group of commands on the application. Called by portal/app.py; a new group gets a line here."""

from flask import Flask

from portal.web.command_line.alarms import alarms
from portal.web.command_line.authorization import authorization
from portal.web.command_line.autopay import autopay
from portal.web.command_line.clock import clock
from portal.web.command_line.customers import customers
from portal.web.command_line.document import document
from portal.web.command_line.due import due
from portal.web.command_line.erasure import erasures
from portal.web.command_line.explain import explain_obligation
from portal.web.command_line.messages import messages
from portal.web.command_line.objection import objections
from portal.web.command_line.pages import pages
from portal.web.command_line.plan import plan
from portal.web.command_line.practice import provider, treated
from portal.web.command_line.reconcile import reconcile
from portal.web.command_line.refund import refund
from portal.web.command_line.restored import restored
from portal.web.command_line.schedule_change import cancel, move, retry, skip
from portal.web.command_line.service import service
from portal.web.command_line.staff import staff
from portal.web.command_line.subscription import subscription
from portal.web.command_line.wish import wish


def install(app: Flask) -> None:
    """`flask --app wsgi --help` lists them."""
    for command in (
        alarms, authorization, autopay, cancel, clock, customers, document, due, erasures, explain_obligation, messages,
        move, objections, pages, plan, provider, reconcile, refund, restored, retry, service, skip, staff, subscription,
        treated, wish,
    ):  # fmt: skip
        app.cli.add_command(command)
