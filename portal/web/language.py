"""Which language a page is in, and the switch that every page carries.

A person's own choice wins and is kept in their session; then the customer's language on file; then what the browser
asks for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask, current_app, g, request, session
from flask_babel import Babel, force_locale, get_translations
from flask_wtf.csrf import CSRFProtect
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from portal.web.fragments import move_on

LANGUAGES = {"en": "English", "es": "Español"}
SWITCH = "language"  # a form of any page posts to its own address with ?language=es


def chosen() -> str | None:
    """The language this person picked on an earlier page, if any."""
    language = session.get("language")
    return language if language in LANGUAGES else None


def current() -> str:
    """The language of the page being answered."""
    on_file = g.get("language_on_file")
    if (own := chosen()) is not None:
        return own
    if on_file in LANGUAGES:
        return str(on_file)
    return request.accept_languages.best_match(LANGUAGES) or "en"


def _readable(path: str) -> str:
    """The nearest address at or above this one that can be looked at: an answer to a press may have none of its own."""
    routes = current_app.create_url_adapter(request)
    while routes is not None and path.count("/") > 2 and "GET" not in (routes.allowed_methods(path) or {"GET"}):
        path = path.rpartition("/")[0]
    return path


def words(sentence: str, **values: object) -> Markup:
    """`_()` of templates. As Jinja's own, but the catalog is looked up once a page: a page has fifty sentences."""
    catalog = g.get("catalog")
    if catalog is None:
        catalog = g.catalog = get_translations()
    said = Markup(catalog.ugettext(sentence))  # noqa: S704 - the catalogs are ours; values are escaped by `%`
    return said % values if values or "%" in said else said


@contextmanager
def reading(language: str) -> Iterator[None]:
    """Templates speak `language` within it: a paper stays in the language it was written in, whoever looks."""
    catalog = g.pop("catalog", None)
    try:
        with force_locale(language):
            yield
    finally:
        g.catalog = catalog


def install(app: Flask, csrf: CSRFProtect, keep: Callable[[str], None]) -> None:
    """`keep` is called with a newly chosen language, so that a visit can remember it for its messages."""
    Babel(app, locale_selector=current, default_translation_directories=str(Path(app.root_path) / "translations"))
    app.jinja_env.globals.update(languages=LANGUAGES, current_language=current)
    app.jinja_env.globals["_"] = words

    @app.before_request
    def switch() -> AnyResponse | None:
        language = request.args.get(SWITCH)
        if request.method != "POST" or language not in LANGUAGES:
            return None
        # routing may have found no view for this address, and then the extension's own check would pass it by
        csrf.protect()
        session["language"] = language
        keep(language)
        return move_on(_readable(request.path))
