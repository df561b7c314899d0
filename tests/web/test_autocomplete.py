"""W16: fields say what belongs in them, so that browsers and managers fill them in; amounts are left alone."""

from tests.rig.people import payer
from tests.rig.practice import service_of
from tests.web.conftest import Portal


def test_w16_fields_behind_the_sign_in_say_what_belongs_in_them(portal: Portal) -> None:
    reader = portal.reader().open(f"/{portal.slug}/sign-in/username")
    assert reader.field("Username")["autocomplete"] == "username"
    assert reader.field("PIN")["autocomplete"] == "current-password"
    one = service_of(portal.house, portal.house.account(0), 1_000)
    reader = payer(portal.house).sign_in(portal.reader()).open(f"/{portal.slug}/account/profile/contact")
    for label, value in (
        ("Full name", "name"), ("Email address", "email"), ("Phone number", "tel"), ("Address line 1", "address-line1"),
        ("Address line 2", "address-line2"), ("City", "address-level2"), ("State", "address-level1"),
        ("ZIP code", "postal-code"),
    ):  # fmt: skip
        assert reader.field(label)["autocomplete"] == value, label
    reader.open(f"/{portal.slug}/account/services")
    form, _ = reader.form_of("Make a Payment for checked")
    reader.post(f"/{portal.slug}/account/services", reader.values_of(form) | {"only": one})
    assert reader.field("Payment Amount")["autocomplete"] == "off"
    assert reader.field("Notes")["autocomplete"] == "off"
