"""What people type at a command that click does not know by itself: amounts in dollars, options that are needed."""

from collections.abc import Mapping

import click

from portal.domain.money import parse_amount
from portal.domain.refusal import Refused


class Dollars(click.ParamType[int]):
    """125.50 -> 12550 cents."""

    name = "dollars"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_amount(str(value))
        except Refused:
            self.fail("write dollars and cents, like 125.50", param, ctx)


DOLLARS = Dollars()


def no_option(given: Mapping[str, object], *needed: str) -> None:
    """Ends with a usage error that names the first option that is needed and was not given."""
    for name in needed:
        if given[name] is None:
            raise click.UsageError(f"--{NAMES.get(name, name)} is needed.")


NAMES = {"performed_on": "on", "provider_reference": "provider"}
