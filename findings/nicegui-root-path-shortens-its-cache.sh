#!/usr/bin/env bash
# NiceGUI 3.18: below a root_path its files are cached for an hour instead of a year; by X-Forwarded-Prefix they are not
#
# Guess: /_nicegui/VERSION/... has the version in its path, so its files are immutable wherever the app is mounted:
#        `root_path` (uvicorn --root-path) and the header X-Forwarded-Prefix are two ways to say the same.
# Seen:  NiceGUI 3.18.0, Starlette 1.10.0, 2026-11-30: at the root and with the header the answer says
#        "max-age=31536000, immutable"; with root_path /room it says "max-age=3600", nothing about immutable, though
#        it is the same file. SetCacheControlMiddleware compares `request.url.path`, which begins with the root_path,
#        with `/_nicegui/VERSION/`; only the mount of static files, which gets its path another way, sets its hour.
#        Components, which are no static files, get no Cache-Control at all.
# So:    every tab of an app that is served below a root_path asks again for some fifty files once an hour or at every
#        load. To put NiceGUI below a path, remove the path in front of it and send X-Forwarded-Prefix.
# Source: nicegui/middlewares.py (SetCacheControlMiddleware), nicegui/staticfiles.py; starlette/requests.py (`url`).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "nicegui==3.18.0" "starlette==1.10.0"

cat > "$tmp/expected" <<'END'
at the root:              static public, max-age=31536000, immutable, stale-while-revalidate=31536000
                          component public, max-age=31536000, immutable, stale-while-revalidate=31536000
below, by the header:     static public, max-age=31536000, immutable, stale-while-revalidate=31536000
                          component public, max-age=31536000, immutable, stale-while-revalidate=31536000
below, by the root_path:  static public, max-age=3600
                          component None
END

cat > "$tmp/probe.py" <<'END'
import asyncio

import httpx
from fastapi import FastAPI
from nicegui import __version__, ui
from nicegui.dependencies import js_components

app = FastAPI()
ui.run_with(app, show_welcome_message=False)
component = next(iter(js_components))


async def show(words, root='', headers=None):
    transport = httpx.ASGITransport(app, root_path=root)
    async with httpx.AsyncClient(transport=transport, base_url='http://app', headers=headers) as client:
        for kind, path in (('static', 'static/nicegui.js'), ('component', f'components/{component}')):
            answer = await client.get(f'{root}/_nicegui/{__version__}/{path}')
            assert answer.status_code == 200, answer.status_code
            print(f'{words:<25}', kind, answer.headers.get('cache-control'))
            words = ''


async def main():
    async with app.router.lifespan_context(app):
        await show('at the root:')
        await show('below, by the header:', headers={'X-Forwarded-Prefix': '/room'})
        await show('below, by the root_path:', root='/room')

asyncio.run(main())
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
