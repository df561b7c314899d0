"""The first page of the console: what do you want to do. A page that belongs on it adds a row to `WORK`."""

from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from portal.domain.staff import EVERYBODY, Role
from portal.web.fragments import page
from portal.web.staff.door import path_of
from portal.web.staff.guard import ROLES_OF, Here, page_for


@dataclass(frozen=True, slots=True)
class Work:
    """One thing that can be done: the endpoint of its page, what it is called, what it is for.

    Shown to those who may open the page. Words are made when asked for, in the reader's language.
    """

    endpoint: str
    words: Callable[[], str]
    note: Callable[[], str]


WORK: list[Work] = [
    Work(
        "plan_list",
        lambda: _("Payment plans"),
        lambda: _("Make one and offer it; see how each stands; pause, resume or cancel one."),
    ),
    Work(
        "subscription_list",
        lambda: _("Subscriptions"),
        lambda: _("Assign one; see how each stands; lower, waive, pause, extend, shorten or cancel."),
    ),
    Work(
        "autopay_list",
        lambda: _("AutoPay"),
        lambda: _("Whether clients may choose it; who has it on which account; turn one off."),
    ),
    Work(
        "paper_list",
        lambda: _("Print and post"),
        lambda: _("Records of customers who want them on paper: print them, post them, tick them off."),
    ),
    Work(
        "erasure_list",
        lambda: _("Erase a customer"),
        lambda: _("For somebody who asks to be forgotten: what goes, what the law has us keep, and until when."),
    ),
    Work("password", lambda: _("Change your password"), lambda: _("You are signed out everywhere when you do.")),
]


@page_for(EVERYBODY, "", name="home")
def home(here: Here) -> AnyResponse:
    """What this person may do."""
    rows = [
        (path_of(work.endpoint), work.words(), work.note())
        for work in WORK
        if here.role in ROLES_OF[f"staff.{work.endpoint}"]
    ]
    return page("staff/home.html", rows=rows, role=role_name(here))


def role_name(here: Here) -> str:
    """The role in words."""
    words: dict[Role, str] = {
        Role.auditor: _("Auditor"),
        Role.clerk: _("Clerk"),
        Role.manager: _("Manager"),
        Role.admin: _("Administrator"),
    }
    return words[here.role]
