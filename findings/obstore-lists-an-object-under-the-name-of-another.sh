#!/usr/bin/env bash
# obstore lists "/report" of S3 as "report": deleting the oldest of the list deletes the new one that has that name
#
# Guess: a name that list() gives leads to the object that it stands for; and if a library cannot say a key of S3, such
#        as one with a slash in front, it says so, as it does for "a//b" (there all of list() fails).
# Seen:  obstore 0.12.1, boto3 1.43.117, moto 5.2.5, 2026-12-01. A slash at either end is cut off: "/report" is listed
#        as "report", with its own age, size and ETag, while head(), get() and delete() of "report" take another object,
#        or say that there is none. Next to a "report" the name comes twice. The mark of a folder that web consoles
#        write, "photos/", is a file "photos" that isn't there.
# So:    a tool that uploads "/" + path is enough: a copy of what is listed has one file twice and one not at all, and a
#        clean-up by age deletes the one to keep. Compare the e_tag of the list with that of head() before.
# Source: object_store's Path (parse strips a leading and a trailing delimiter), used for the keys of an answer as well
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=y AWS_DEFAULT_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "obstore==0.12.1" "boto3==1.43.117" "botocore==1.43.117" \
  "moto[s3]==5.2.5" "flask==3.1.3" "flask-cors==6.0.5"

cat > "$tmp/expected" <<'END'
boto3                   "/report": of January | "photos/": | "report": new
obstore, list           "photos": 0 bytes | "report": 10 bytes | "report": 3 bytes
obstore, head           "photos": not found | "report": 3 bytes | "report": 3 bytes, other ETag
obstore, get            "photos": not found | "report": new | "report": new
the oldest of the list  "report": 10 bytes
boto3, after its delete "/report": of January | "photos/":
END

cat > "$tmp/probe.py" <<'END'
import time

import boto3
import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
url = f'http://127.0.0.1:{server.get_host_and_port()[1]}'
client = boto3.client('s3', endpoint_url=url)
client.create_bucket(Bucket='home')
store = S3Store('home', endpoint=url, client_options={'allow_http': True})


def tell(what, pairs):
    print(f'{what:23}', ' | '.join(f'"{name}": {text}'.rstrip() for name, text in sorted(pairs)), flush=True)


def contents():
    for one in client.list_objects_v2(Bucket='home')['Contents']:
        yield one['Key'], client.get_object(Bucket='home', Key=one['Key'])['Body'].read().decode()


def attempt(call, one):
    try:
        return call(one)
    except FileNotFoundError:
        return 'not found'


def head(one):
    found = obstore.head(store, one['path'])
    return f'{found["size"]} bytes' + ', other ETag' * (found['e_tag'] != one['e_tag'])


for key, text in (('/report', 'of January'), ('photos/', ''), ('report', 'new')):
    client.put_object(Bucket='home', Key=key, Body=text.encode())
    time.sleep(1.1)
tell('boto3', contents())
listed = [one for some in obstore.list(store) for one in some]
tell('obstore, list', [(one['path'], f'{one["size"]} bytes') for one in listed])
tell('obstore, head', [(one['path'], attempt(head, one)) for one in listed])
tell('obstore, get', [(one['path'], attempt(lambda one: bytes(obstore.get(store, one['path']).bytes()).decode(), one))
                      for one in listed])
oldest = min(listed, key=lambda one: one['last_modified'])
tell('the oldest of the list', [(oldest['path'], f'{oldest["size"]} bytes')])
obstore.delete(store, oldest['path'])
tell('boto3, after its delete', contents())
server.stop()
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py 2>server.log | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
