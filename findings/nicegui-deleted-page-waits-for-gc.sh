#!/usr/bin/env bash
# NiceGUI 3.18: deleting a page frees its elements at once, but not one of their Props, Style and Classes
#
# Guess: props.py, style.py and classes.py hold their element by weakref, so nothing is circular: when the client
#        is deleted, reference counting alone frees the elements and with them their 3 dictionaries each.
# Seen:  NiceGUI 3.18.0, CPython 3.11, 2026-11-29: client and all 104 elements are gone at once, yet 312 of 312
#        dictionaries (104 each of Props, Style, Classes) stay until the cyclic collector runs. The weakref breaks
#        the wrong link: each dictionary hands its own bound method `self._update` to its base class ObservableDict
#        as change handler, so every one of the three refers to itself.
# So:    a server of live pages that freezes or disables the collector for steady latency (gc.disable, gc.freeze,
#        high thresholds) keeps 3 dictionaries, their handler lists and their values for every element ever shown.
# Source: nicegui/props.py, style.py, classes.py (`super().__init__(*args, on_change=self._update, ...)`),
#         nicegui/observables.py (`change_handlers`).
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "nicegui==3.18.0"

cat > "$tmp/expected" <<'END'
just after Client.delete(): client 0/1, elements 0/104, Props 104/104, Style 104/104, Classes 104/104 alive
refers to itself by its own handler: Props yes, Style yes, Classes yes
after gc.collect():         client 0/1, elements 0/104, Props 0/104, Style 0/104, Classes 0/104 alive
END

cat > "$tmp/probe.py" <<'END'
import asyncio
import gc
import weakref

from nicegui import Client, core, ui
from nicegui.page import page


def build_and_delete():
    client = Client(page('/'))
    with client:
        for _ in range(100):  # the frame of a page adds 4 of its own
            ui.element('div')
    elements = list(client.elements.values())
    refs = {
        'client': [weakref.ref(client)],
        'elements': [weakref.ref(e) for e in elements],
        'Props': [weakref.ref(e.props) for e in elements],
        'Style': [weakref.ref(e.style) for e in elements],
        'Classes': [weakref.ref(e.classes) for e in elements],
    }
    client.delete()
    return refs


def alive(refs):
    return ', '.join(f'{k} {sum(r() is not None for r in v)}/{len(v)}' for k, v in refs.items()) + ' alive'


async def main():
    core.loop = asyncio.get_running_loop()
    gc.collect()
    gc.disable()
    refs = build_and_delete()
    await asyncio.sleep(0)
    print('just after Client.delete():', alive(refs))
    own = []
    for kind in ('Props', 'Style', 'Classes'):
        thing = refs[kind][-1]()
        handlers = [h[0] if isinstance(h, tuple) else h for h in thing.change_handlers]
        own.append(f'{kind} ' + ('yes' if any(getattr(h, '__self__', None) is thing for h in handlers) else 'no'))
        del thing, handlers
    print('refers to itself by its own handler:', ', '.join(own))
    gc.collect()
    print('after gc.collect():        ', alive(refs))

asyncio.run(main())
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
