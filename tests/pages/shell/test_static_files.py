"""Files in memory: the same bytes, read once, and nothing outside the folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse

from pages.shell import static_files
from pages.shell.static_files import FilesInMemory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / 'static'
    (inside / 'fonts').mkdir(parents=True)
    (inside / 'a.js').write_text('let a = "ü";')
    (inside / 'fonts' / 'b.woff2').write_bytes(bytes(range(256)))
    (tmp_path / 'secret.js').write_text('let secret;')
    return inside


@pytest.fixture
async def web(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = FilesInMemory(PlainTextResponse('passed on'), '/s/', folder, {'Cache-Control': 'immutable'})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url='http://test') as web:
        yield web


async def test_a_file_is_read_once(web: httpx.AsyncClient, folder: Path) -> None:
    first = await web.get('/s/a.js')
    (folder / 'a.js').unlink()
    again = await web.get('/s/a.js')
    font = await web.get('/s/fonts/b.woff2')

    assert first.text == again.text == 'let a = "ü";'
    assert first.headers['content-type'] == 'text/javascript; charset=utf-8'
    assert first.headers['cache-control'] == 'immutable'
    assert (font.content, font.headers['content-type']) == (bytes(range(256)), 'font/woff2')


@pytest.mark.parametrize(
    'path', ['/s/', '/s/fonts', '/s/nowhere.js', '/s/../secret.js', '/s/%2e%2e/secret.js', '/s//a.js']
)
async def test_whatever_else_is_asked_for_is_passed_on(web: httpx.AsyncClient, path: str) -> None:
    assert (await web.get(path)).text == 'passed on'


async def test_other_methods_are_passed_on(web: httpx.AsyncClient) -> None:
    assert (await web.post('/s/a.js')).text == 'passed on'


async def test_memory_is_bounded(web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_files, 'MAX_FILES', 1)

    assert (await web.get('/s/a.js')).text != 'passed on'
    assert (await web.get('/s/fonts/b.woff2')).text == 'passed on'
