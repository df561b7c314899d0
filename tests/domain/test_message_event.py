"""The table of messages: each row says what an opt-out does to it, and why."""

import re

import pytest

from portal.domain.message import Channel, MessageKind
from portal.domain.message_event import EVENTS
from portal.domain.message_rule import ALL_PER_DAY, MESSAGE_RULES, PER_DAY


@pytest.mark.parametrize("name", EVENTS)
def test_what_goes_on_after_an_opt_out_names_its_source(name: str) -> None:
    reason = EVENTS[name].goes_on
    assert reason == "" or re.search(r"Reg [EF]|USC|card rules|Keeps a promise|ends the record", reason)


@pytest.mark.parametrize("name", EVENTS)
def test_c16_every_message_to_a_customer_says_how_to_stop(name: str) -> None:
    answers = {MessageKind.house, MessageKind.reply}  # an answer to their own STOP or HELP is none
    assert EVENTS[name].opt_out == (EVENTS[name].kind not in answers)


def test_nothing_that_asks_for_something_goes_on_after_an_opt_out() -> None:
    assert [name for name, row in EVENTS.items() if row.kind is MessageKind.request and row.goes_on] == []


@pytest.mark.parametrize("name", EVENTS)
def test_attack_129_every_kind_of_message_has_a_cap_for_each_of_its_channels(name: str) -> None:
    row = EVENTS[name]
    assert all(0 < PER_DAY[row.kind, channel] <= ALL_PER_DAY[channel] for channel in row.channels)


def test_attack_083_five_texts_a_day_go_to_a_number() -> None:
    assert ALL_PER_DAY[Channel.sms] == 5


@pytest.mark.parametrize("code", MESSAGE_RULES)
def test_every_rule_says_itself_and_its_source(code: str) -> None:
    row = MESSAGE_RULES[code]
    assert row.sentence.endswith(".")
    assert row.source
