"""Our reader of the gateway's XML gives what the SDK's own reader gives, for real answers and for any other."""

import pytest
from braintree.util.xml_util import XmlUtil
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.gateway.answer import UnreadableAnswer, read
from portal.gateway.wire import WiredConfiguration
from tests.gateway.conftest import SOON, Desk

names = st.sampled_from(["a", "b-c", "b_c", "item", "type", "errors"])
texts = st.text(st.sampled_from("a1 -:TZ\n\t<&>é\u00a0"), max_size=6)
spaces = st.sampled_from(["", "", " ", "\n  ", "<!-- x -->", "<?pi x?>"])
values = {
    "integer": st.sampled_from(["1", "-20", " 3 ", "x", ""]),
    "boolean": st.sampled_from(["true", "1", "false", "TRUE", ""]),
    "datetime": st.sampled_from(["2026-03-08T02:30:00Z", "2026-03-08T02:30:00+01:00", "nonsense", ""]),
    "date": st.sampled_from(["2028-02-29", "2027-02-29", ""]),
    "array": st.just(""),
    "collection": texts,
}


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    """An element of the kinds the gateway writes, and of kinds it never would."""
    name = draw(names)
    kind = draw(st.sampled_from(["", "", "", "", "array", "integer", "boolean", "datetime", "date", "collection"]))
    nil = draw(st.sampled_from(["", "", "", ' nil="true"', ' nil="false"']))
    inner = escaped(draw(values.get(kind, texts)))
    if depth < 3 and draw(st.booleans()):
        children = draw(st.lists(elements(depth + 1), max_size=4))
        inner = draw(st.sampled_from(["", "", inner])) + "".join(each + draw(spaces) for each in children)
    if draw(st.integers(0, 19)) == 0:
        inner = f"<![CDATA[{draw(st.sampled_from(['x', '<y/>']))}]]>" + inner
    attributes = (f' type="{kind}"' if kind else "") + nil
    return f"<{name}{attributes}>{draw(spaces)}{inner}</{name}>"


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def by_the_sdk(document: str) -> object:
    try:
        return XmlUtil.dict_from_xml(document)
    except Exception:
        return Exception


def by_us(document: str) -> object:
    try:
        return read(document.encode())
    except Exception:
        return Exception


@given(elements())
@settings(max_examples=1_500, deadline=None)
def test_any_document_is_read_as_the_sdk_reads_it(element: str) -> None:
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n{element}\n'
    assert by_us(document) == by_the_sdk(document)


@pytest.mark.parametrize(
    "document",
    ["", "  ", "no xml", "<a>", "<a></b>", "<a/><b/>", "<a>&nbsp;</a>", "<a x=1/>", "<a>\x00</a>",
     f"<a>{'x' * 30_000}</a>", f"<a>{'<b>1</b>' * 500}</a>", "<a>x<b/>y</a>", "<a><!-- x -->y</a>",
     "<a>x<!-- z -->y</a>", "<a><b>1</b><b>2</b></a>", "<a><b><c/></b><b><d>1</d></b></a>",
     '<a><b type="array"/><b type="array"><i/></b></a>'],
)  # fmt: skip
def test_odd_documents_are_read_as_the_sdk_reads_them(document: str) -> None:
    assert by_us(document) == by_the_sdk(document)


@pytest.mark.parametrize("document", ["<!DOCTYPE a><a/>", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'])
def test_attack_100_a_document_that_declares_anything_is_not_read(document: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read(document.encode())


def test_an_answer_in_another_encoding_is_not_guessed() -> None:
    with pytest.raises(UnicodeDecodeError):
        read("<a>é</a>".encode("latin-1"))


def test_every_answer_of_the_gateway_is_read_as_the_sdk_reads_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a day at the desk brings: sales, declines, refusals, cards, searches."""
    heard: list[bytes] = []

    def hear(body: bytes) -> dict[str, object]:
        heard.append(body)
        return read(body)

    monkeypatch.setattr("portal.gateway.wire.read", hear)
    request = desk.request()
    desk.gateway.sale(request, SOON)
    desk.gateway.sale(desk.request(amount_cents=200_100), SOON)
    desk.gateway.sale(desk.request(token="unknown"), SOON)
    desk.gateway.search(request.order_id)
    desk.gateway.client_token()
    desk.gateway.card_behind(desk.nonce())
    desk.kept()
    assert len(heard) >= 8
    for body in heard:
        assert read(body) == XmlUtil.dict_from_xml(body.decode())


def test_the_sdk_sends_what_it_would_have_sent_itself(desk: Desk) -> None:
    """Our headers are the SDK's own, so the gateway sees no difference."""
    config = WiredConfiguration(environment="sandbox", merchant_id="m", public_key="p", private_key="k")
    own = super(WiredConfiguration, config).http()
    theirs = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in own._Http__headers("application/xml").items()
    }
    assert config.http()._headers == theirs
