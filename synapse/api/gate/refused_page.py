"""What a browser shows if the gate refuses a page."""

from functools import cache
from html import escape
from pathlib import Path

from starlette.responses import HTMLResponse

from synapse.api.responses import HttpError
from synapse.language import _

from .page_words import REFUSED, in_words

_STATIC = Path(__file__).parent / 'static'


def response_of(refusal: HttpError, headers: dict[str, str], home: str = '') -> HTMLResponse:
    """The refusal as a page that needs nothing else.

    :param home: the address of the dashboard, for who may go there
    """
    words = _('Go to the dashboard')
    link = f'<a class="button" href="{escape(home)}">{words}</a>' if home else ''
    # The message last: it may quote what was sent, braces and all.
    page = in_words(_page(), REFUSED).replace('{home}', link).replace('{hint}', escape(refusal.hint))
    page = page.replace('{message}', escape(refusal.message))
    return HTMLResponse(page, refusal.status, headers | {'cache-control': 'no-store'})


@cache
def _page() -> str:
    style = (_STATIC / 'sign-in.css').read_text(encoding='utf-8')
    return (_STATIC / 'refused.html').read_text(encoding='utf-8').replace('{style}', style)
