"""Hangs every group of commands on the application. Called by portal/app.py; a new group gets a line here."""

from flask import Flask

from portal.web.command_line.alarms import alarms
from portal.web.command_line.clock import clock
from portal.web.command_line.explain import explain_obligation
from portal.web.command_line.pages import pages
from portal.web.command_line.reconcile import reconcile
from portal.web.command_line.refund import refund
from portal.web.command_line.restored import restored


def install(app: Flask) -> None:
    """`flask --app wsgi --help` lists them."""
    for command in (alarms, clock, explain_obligation, pages, reconcile, refund, restored):
        app.cli.add_command(command)
