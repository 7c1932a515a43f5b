#!/usr/bin/env bash
# A semicolon in a contact's note: each save by an ical.js client on Radicale puts one more backslash before it
#
# Guess: "Keys: Ana; Rui" stays so however often a contact is saved, as a comma and a line break do: in vCard both "\;"
#        and ";" stand for a semicolon in a text (RFC 6350, 3.4: it MAY be escaped; RFC 2426 lists it as ESCAPED-CHAR).
# Seen:  Radicale 3.9.0 with vobject 0.9.9, ical.js 2.2.1, 2026-12-01: vobject writes each semicolon of a text as "\;",
#        in URL too; ical.js takes only "\\", "\n" and "\," for escapes in a text of a vCard, so its user sees a
#        backslash, and it writes that one as "\\". The next save has two on the screen, then three, though nobody
#        edited the note (only the title is changed here), in vCard 3.0 as in 4.0. A link gets one in 3.0, and one more
#        each time in 4.0. The comma stays as it was, and so does everything that goes through ical.js alone.
# So:    notes and links of contacts rot with each sync; count the backslashes, or store texts without semicolons.
# Source: vobject/base.py (backslashEscape), ical.js lib/ical/design.js (FROM_VCARD_NEWLINE has no semicolon)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "radicale==3.9.0" "vobject==0.9.9"
npm install --silent --no-audit --no-fund --prefix "$tmp" "ical.js@2.2.1" >/dev/null

cat > "$tmp/expected" <<'END'
vCard 3.0
  save 1: Keys: Ana; Rui, 2nd floor | https://example.org/?a=1;b=2
  save 2: Keys: Ana\; Rui, 2nd floor | https://example.org/?a=1\;b=2
  save 3: Keys: Ana\\; Rui, 2nd floor | https://example.org/?a=1\;b=2
  save 4: Keys: Ana\\\; Rui, 2nd floor | https://example.org/?a=1\;b=2
vCard 4.0
  save 1: Keys: Ana; Rui, 2nd floor | https://example.org/?a=1;b=2
  save 2: Keys: Ana\; Rui, 2nd floor | https://example.org/?a=1\;b=2
  save 3: Keys: Ana\\; Rui, 2nd floor | https://example.org/?a=1\\;b=2
  save 4: Keys: Ana\\\; Rui, 2nd floor | https://example.org/?a=1\\\;b=2
ical.js alone, 4 times: Keys: Ana; Rui, 2nd floor | https://example.org/?a=1;b=2
END

cat > "$tmp/probe.mjs" <<'END'
import ICAL from 'ical.js';

const [base] = process.argv.slice(2);
const headers = { authorization: 'Basic ' + Buffer.from('me:me').toString('base64') };
const book = `<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype><collection/>
  <C:addressbook/></resourcetype></prop></set></mkcol>`;
const CARD = (version) => ['BEGIN:VCARD', `VERSION:${version}`, `UID:u${version}`, 'FN:Ana', 'N:Silva;Ana;;;',
  'NOTE:Keys: Ana; Rui\\, 2nd floor', 'URL:https://example.org/?a=1;b=2', 'TITLE:0', 'END:VCARD', ''].join('\r\n');

async function dav(method, path, body) {
  const answer = await fetch(base + path, { method, headers, body });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  return answer.text();
}

function edit(text, number) {
  const card = new ICAL.Component(ICAL.parse(text));
  const shown = ['note', 'url'].map((name) => card.getFirstPropertyValue(name)).join(' | ');
  card.updatePropertyWithValue('title', String(number));
  return [shown, card.toString() + '\r\n'];
}

await dav('MKCOL', '/me/book/', book);
for (const version of ['3.0', '4.0']) {
  console.log(`vCard ${version}`);
  let text = CARD(version), shown;
  for (let number = 1; number < 5; number += 1) {
    [shown, text] = edit(text, number);
    console.log(`  save ${number}: ${shown}`);
    await dav('PUT', `/me/book/${version}.vcf`, text);
    text = await dav('GET', `/me/book/${version}.vcf`);
  }
}
let text = CARD('4.0'), shown;
for (let number = 1; number < 5; number += 1) [shown, text] = edit(text, number);
console.log(`ical.js alone, 4 times: ${shown}`);
END

cd "$tmp"
port=$(venv/bin/python -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
venv/bin/python -m radicale --config '' --server-hosts "127.0.0.1:$port" --auth-type none \
    --storage-filesystem-folder "$tmp/store" >log 2>&1 & server=$!
trap 'kill "$server"; rm -rf "$tmp"' EXIT
for _ in $(seq 100); do (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
node probe.mjs "http://127.0.0.1:$port" | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
