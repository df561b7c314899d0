"""What the pages are measured against: the least a page of equal weight can be, under the same server.

Plain Flask, four ORM SELECTs by key, one Jinja page of as many bytes as it is asked for: no session, no form token, no
language, no limits, no headers, no log. Started by bench/desk.py as `granian bench.bare:app`; never part of the portal.
"""

import os
from typing import Any

from flask import Flask, render_template_string, request
from sqlalchemy import Table, create_engine, select
from sqlalchemy.orm import DeclarativeBase, sessionmaker

ROWS = 24  # filled in one by one and escaped, as a page's rows are; the rest of the weight is plain text
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ customer.given_name }}</title></head>
<body><main><h1>{{ account.label }}</h1><dl>{% for row in rows %}<div><dt>{{ row[0] }}</dt><dd>{{ row[1] }}</dd></div>
{% endfor %}</dl><p>{{ link.purpose }} {{ visit.locale }}</p><p>"""
ENDING = "</p></main></body></html>"

engine = create_engine(os.environ["DATABASE_URL"], pool_size=32, max_overflow=8)
sessions = sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """Columns are read from the database: none of the portal's own row code takes part."""


class Visit(Base):
    __table__ = Table("visit", Base.metadata, autoload_with=engine, resolve_fks=False)


class Link(Base):
    __table__ = Table("payment_link", Base.metadata, autoload_with=engine, resolve_fks=False)


class Account(Base):
    __table__ = Table("account", Base.metadata, autoload_with=engine, resolve_fks=False)


class Customer(Base):
    __table__ = Table("customer", Base.metadata, autoload_with=engine, resolve_fks=False)


app = Flask(__name__)
pages: dict[int, str] = {}


def page_of(weight: int) -> str:
    """The template, with so much plain text in it that the page comes out near `weight` bytes."""
    if weight not in pages:
        filled = len(PAGE) + len(ENDING) + ROWS * 55
        pages[weight] = PAGE + "w" * max(weight - filled, 0) + ENDING
    return pages[weight]


@app.get("/healthz")
def health() -> str:
    return "ok"


@app.get("/bare/<organisation_id>/<visit_id>/<int:weight>")
def bare(organisation_id: str, visit_id: str, weight: int) -> str:
    request.headers.get("Cookie")
    with sessions() as session:
        visit, link, account, customer = None, None, None, None
        visit = session.scalars(_by_key(Visit, organisation_id, visit_id)).one()
        link = session.scalars(_by_key(Link, organisation_id, visit.link_id)).one()
        account = session.scalars(_by_key(Account, organisation_id, visit.account_id)).one()
        customer = session.scalars(_by_key(Customer, organisation_id, visit.customer_id)).one()
    rows = [(f"Row {number}", account.reference) for number in range(ROWS)]
    return render_template_string(
        page_of(weight), visit=visit, link=link, account=account, customer=customer, rows=rows
    )


def _by_key(row: Any, organisation_id: str, id_: str) -> Any:
    return select(row).where(row.organisation_id == organisation_id, row.id == id_)
