#!/usr/bin/env bash
# pyipp: "monochrome, pages 2 to 3" is never sent to the printer; cancelling job 7 by Cancel-Jobs cancels them all
#
# Guess: what stands in the attributes given to execute() is sent; one whose type pyipp doesn't know is an error, as it
#        is in npm's ipp, and surely with ipp-attribute-fidelity, which tells a printer "just like this or not at all".
# Seen:  pyipp 0.17.2, ipp 2.0.1 (npm) as the printer, 2026-12-01: pyipp knows the types of 59 attributes and leaves all
#        others out: print-color-mode, page-ranges, output-bin, print-scaling, media-col; also compression (the printer
#        takes the gzip stream for text), limit of Get-Jobs, and job-ids of Cancel-Jobs, which without them means all
#        jobs (PWG 5100.11). No error, no warning, a line in the log at debug level; and as the request is flawless and
#        nothing in it is unsupported, the printer answers 0, successful-ok. The names of operations are all there.
# So:    pyipp.tags.ATTRIBUTE_TAG_MAP['print-color-mode'] = IppTag.KEYWORD before, and a look at the job afterwards;
#        ranges and collections can't be sent even so. A job is cancelled with Cancel-Job and job-id, never Cancel-Jobs.
# Source: pyipp/serializer.py (construct_attribute returns b'' for unknown names), pyipp/tags.py; RFC 8011, 4.1.7
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pyipp==0.17.2" "aiohttp==3.14.5"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ipp@2.0.1" >/dev/null

cat > "$tmp/printer.cjs" <<'END'
// A printer that says what it was asked for, and "successful-ok".
const http = require('node:http')
const ipp = require('ipp')
const usual = /^(attributes-.*|printer-uri|requesting-user-name|document-format)$/
http.createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray())
  const got = ipp.parse(body)
  const asked = { ...got['operation-attributes-tag'], ...got['job-attributes-tag'] }
  const names = Object.keys(asked).filter(name => !usual.test(name))
  const data = body.includes('1f8b08', 'hex') ? ', a gzip stream' : body.includes('%PDF') ? ', a PDF' : ''
  console.log(`  gets ${names.map(name => `${name}=${JSON.stringify(asked[name])}`).join(' ') || 'nothing'}${data}`)
  const usually = { 'attributes-charset': 'utf-8', 'attributes-natural-language': 'en' }
  const answer = { version: '2.0', statusCode: 'successful-ok', id: got.id, 'operation-attributes-tag': usually }
  response.end(ipp.serialize(answer))
}).listen(0, '127.0.0.1', function () { require('node:fs').writeFileSync('port', `${this.address().port}\n`) })
END

cat > "$tmp/probe.py" <<'END'
import asyncio
import gzip
import sys

from pyipp import IPP
from pyipp.enums import IppOperation

TICKET = {'copies': 2, 'sides': 'two-sided-long-edge', 'print-color-mode': 'monochrome', 'page-ranges': (2, 3),
          'output-bin': 'face-down', 'print-scaling': 'none', 'media-col': {'media-source': 'tray-2'}}


async def ask(printer, operation, about, job=None, data=b''):
    print(f'{operation.name}, {" ".join([*about, *(job or {})])}', flush=True)
    message = {'operation-attributes-tag': about, 'data': data} | ({'job-attributes-tag': job} if job else {})
    answer = await printer.execute(operation, message)
    print(f'  status {answer["status-code"]}', flush=True)


async def main():
    async with IPP('127.0.0.1', port=int(sys.argv[1])) as printer:
        await ask(printer, IppOperation.PRINT_JOB, {'ipp-attribute-fidelity': True}, TICKET, b'%PDF-')
        await ask(printer, IppOperation.PRINT_JOB, {'compression': 'gzip'}, data=gzip.compress(b'text'))
        await ask(printer, IppOperation.GET_JOBS, {'which-jobs': 'completed', 'limit': 1})
        await ask(printer, IppOperation.CANCEL_JOBS, {'job-ids': [7]})


asyncio.run(main())
END

cat > "$tmp/expected" <<'END'
PRINT_JOB, ipp-attribute-fidelity copies sides print-color-mode page-ranges output-bin print-scaling media-col
  gets ipp-attribute-fidelity=true copies=2 sides="two-sided-long-edge", a PDF
  status 0
PRINT_JOB, compression
  gets nothing, a gzip stream
  status 0
GET_JOBS, which-jobs limit
  gets which-jobs="completed"
  status 0
CANCEL_JOBS, job-ids
  gets nothing
  status 0
END
cd "$tmp"
node printer.cjs >>seen &
for attempt in $(seq 300); do [ -s port ] && break; sleep 0.1; done
venv/bin/python probe.py "$(cat port)" >>seen
cat seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
