"""The public check page: whoever holds a receipt, agreement or message types its code and learns whether it is ours.

An address with a code only fills the form in; the press asks. The answer holds nothing personal.
"""

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from portal.domain.check_code import READ_MAX, read_code
from portal.usecases import check_code
from portal.usecases.check_code import Kind
from portal.web.access import of_organisation, organisation, ports
from portal.web.fragments import page

door = Blueprint("check", __name__)
GUESSED = ("post",)


@door.get(f"/<slug:slug>/{check_code.PATH}")
@of_organisation
def show() -> Response:
    """The form, filled in where the address brings a code. Asks nothing."""
    typed = request.args.get("code", "")[:READ_MAX]
    return page("check/form.html", typed=read_code(typed) or "", errors={}, here=request.path)


@door.post(f"/<slug:slug>/{check_code.PATH}")
@of_organisation
def post() -> Response:
    """Genuine or not; 404 says that it is none of ours, so that guessing is slowed down."""
    typed = request.form.get("code", "").strip()
    if read_code(typed) is None:
        errors = {"code": _("Enter the code of 16 letters and digits, like 7K3M-9QXT-2FHC-8ZWN.")}
        return page("check/form.html", 422, typed=typed[:READ_MAX], errors=errors, here=request.path)
    with ports().database.read(organisation().id) as session:
        found = check_code.check(session, typed)
    if found is None:
        return page("check/not_ours.html", 404, code=read_code(typed), here=request.path, announce=_("Not ours"))
    words = {
        Kind.receipt: _("A receipt"),
        Kind.agreement: _("An agreement"),
        Kind.message: _("A message"),
        Kind.invoice: _("An invoice"),
        Kind.superbill: _("A superbill"),
    }
    return page(
        "check/genuine.html", kind=words[found.kind], made_at=found.made_at, code=read_code(typed), here=request.path,
        announce=_("Genuine"),
    )  # fmt: skip
