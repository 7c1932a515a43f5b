#!/usr/bin/env bash
# aiohttp sends "sp ace.txt" as "sp%20ace.txt", and its own server, given that, calls the file sp%20ace.txt
#
# Guess: what aiohttp's client does to the name of a file in a form is undone by a server, at least by its own.
# Seen:  aiohttp 3.14.5, 2026-11-29: FormData percent-encodes the whole name as in a URL. The WHATWG encodes only quotes and
#        line ends of it, RFC 7578 nothing. Neither aiohttp's server nor Starlette 1.10 decodes it, so the file is stored
#        under the encoded name; "50%25.txt" arrives as "50%2525.txt". FormData(quote_fields=False) and httpx are right.
# So:    a server that wants the person's name has to know the client: a browser's "%20" in a name is the name.
# Source: aiohttp/helpers.py (content_disposition_header: quote), aiohttp/multipart.py (content_disposition_filename); RFC 7578, 4.2
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "aiohttp==3.14.5" "httpx==0.28.1" "starlette==1.10.0" \
  "uvicorn==0.54.0" "python-multipart==0.0.34"

cat > "$tmp/expected" <<'END'
sp ace.txt  to aiohttp    aiohttp sp%20ace.txt | unquoted sp ace.txt | httpx sp ace.txt
sp ace.txt  to starlette  aiohttp sp%20ace.txt | unquoted sp ace.txt | httpx sp ace.txt
50%25.txt   to aiohttp    aiohttp 50%2525.txt | unquoted 50%25.txt | httpx 50%25.txt
50%25.txt   to starlette  aiohttp 50%2525.txt | unquoted 50%25.txt | httpx 50%25.txt
END

cat > "$tmp/probe.py" <<'END'
import asyncio

import aiohttp
import httpx
import uvicorn
from aiohttp import web
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def name_for_starlette(request):
    form = await request.form()
    return JSONResponse(form['file'].filename)


async def name_for_aiohttp(request):
    form = await request.post()
    return web.json_response(form['file'].filename)


async def sent_by_aiohttp(url, name, **options):
    form = aiohttp.FormData(**options)
    form.add_field('file', b'x', filename=name)
    async with aiohttp.ClientSession() as client, client.post(url, data=form) as answer:
        return await answer.json()


async def sent_by_httpx(url, name):
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, files={'file': (name, b'x')})
        return answer.json()


async def main():
    application = web.Application()
    application.router.add_post('/', name_for_aiohttp)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, '127.0.0.1', 0)
    await site.start()
    app = Starlette(routes=[Route('/', name_for_starlette, methods=['POST'])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level='error'))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    ports = {'aiohttp': runner.addresses[0][1], 'starlette': server.servers[0].sockets[0].getsockname()[1]}
    for name in ('sp ace.txt', '50%25.txt'):
        for receiver, port in ports.items():
            url = f'http://127.0.0.1:{port}/'
            quoted, unquoted = await sent_by_aiohttp(url, name), await sent_by_aiohttp(url, name, quote_fields=False)
            by_httpx = await sent_by_httpx(url, name)
            print(f'{name:<10}  to {receiver:<9}  aiohttp {quoted} | unquoted {unquoted} | httpx {by_httpx}')
    server.should_exit = True
    await serving
    await runner.cleanup()


asyncio.run(main())
END

"$tmp/venv/bin/python" "$tmp/probe.py" | tee "$tmp/seen"
diff "$tmp/expected" "$tmp/seen"
