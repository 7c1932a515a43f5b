#!/usr/bin/env bash
# The same JSON for `UUID | str` is a UUID by validate_json, a str by validate_python, and so a str in FastAPI
#
# Guess: validate_json(text) is the quick form of validate_python(json.loads(text)); for a field that JSON can only
#        write as text both give the same, whichever member of the union it be.
# Seen:  pydantic 2.14.4 (2.13.5 alike), FastAPI 0.165.0, 2026-11-29: they differ for UUID, Path, timedelta, time,
#        Decimal and bytes beside str, and for dates. A union is first tried strictly; on the JSON road text is a
#        strict UUID (JSON has no other), on the Python road only a UUID object is, and str wins. '2026-11-29' for
#        `datetime | date` is a date by JSON and a datetime by Python; midnight '2026-11-29T00:00:00' for
#        `date | datetime` the reverse. FastAPI reads the body itself and takes the Python road; storing what a model
#        dumped and reading it back takes the JSON road.
# So:    an all-day date becomes a moment at 00:00, or a moment an all-day date, by the door through which it came.
# Source: docs.pydantic.dev, "Unions" (smart mode) and "Conversion table" (strict, JSON); fastapi/routing.py.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"

cat > "$tmp/expected" <<'END'
UUID | str            JSON UUID          Python str           FastAPI str
Path | str            JSON PosixPath     Python str           FastAPI str
timedelta | str       JSON timedelta     Python str           FastAPI str
time | str            JSON time          Python str           FastAPI str
Decimal | str         JSON Decimal       Python str           FastAPI str
bytes | str           JSON bytes         Python str           FastAPI str
datetime | date       JSON date          Python datetime      FastAPI datetime
date | datetime       JSON datetime      Python date          FastAPI date
END

cat > "$tmp/probe.py" <<'END'
import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, create_model

cases = [
    (UUID | str, '7b9a1f6e-0c1d-4e57-9c39-5a1f0e3f6a11'),
    (Path | str, 'films/a.mp4'),
    (timedelta | str, 'PT5M'),
    (time | str, '10:00'),
    (Decimal | str, '1.10'),
    (bytes | str, 'a'),
    (datetime | date, '2026-11-29'),
    (date | datetime, '2026-11-29T00:00:00'),
]
for union, value in cases:
    Model: type[BaseModel] = create_model('Model', field=(union, ...))
    app = FastAPI()

    def route(body):
        return {'kind': type(body.field).__name__}

    route.__annotations__['body'] = Model
    app.post('/')(route)
    text = json.dumps({'field': value})
    by_json = type(Model.model_validate_json(text).field).__name__
    by_python = type(Model.model_validate(json.loads(text)).field).__name__
    by_fastapi = TestClient(app).post('/', content=text, headers={'content-type': 'application/json'}).json()['kind']
    name = ' | '.join(t.__name__ for t in union.__args__)
    print(f'{name:21} JSON {by_json:13} Python {by_python:13} FastAPI {by_fastapi}')
END

cd "$tmp"
for version in 2.13.5 2.14.4; do
  "$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pydantic==$version" "fastapi==0.165.0" "httpx==0.28.1"
  echo "pydantic $version"
  "$tmp/venv/bin/python" -W ignore probe.py | tee seen
  diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
done
echo "as described"
