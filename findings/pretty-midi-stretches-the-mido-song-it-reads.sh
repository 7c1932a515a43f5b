#!/usr/bin/env bash
# pretty_midi: after PrettyMIDI(mido_object=song) the song itself, saved or played by mido, lasts 32 seconds, not 4
#
# Guess: who hands a mido.MidiFile over to be read, to know its notes or its length, has the same song afterwards; and a
#        note sounds with the instrument that was set when it began, as a synthesizer has it.
# Seen:  pretty_midi 0.2.11.post0, mido 1.3.3, 2026-12-01: pretty_midi turns the times of all messages (ticks since the
#        one before) into ticks since the start in the song itself, and leaves them so. Eight notes in a row last 4 s,
#        and after that 32 s, saved and read by mido; a second PrettyMIDI() of the same object says 32 s, a third 186 s.
#        song.length alone still says 4 s where it was asked before: mido keeps the merged track. The same song by its
#        file name comes to no harm. And a note gets the instrument that is set when it ends: where the program changes
#        just before the end of a held note (as between the two halves of a split file) the note changes over too.
# So:    PrettyMIDI(mido_object=copy.deepcopy(song)); a change of program goes after the ends of the notes.
# Source: pretty_midi/pretty_midi.py (__init__: "event.time += tick"; _load_instruments looks at note_off)
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "pretty_midi==0.2.11.post0" "mido==1.3.3" "setuptools<81"

cat > "$tmp/probe.py" <<'END'
import mido
import pretty_midi
from mido import Message


def song(*messages):
    file = mido.MidiFile()
    file.tracks.append(mido.MidiTrack(messages))
    return file


def saved(file):
    file.save('copy.mid')
    return mido.MidiFile('copy.mid').length


notes = [message for note in range(60, 68) for message in
         (Message('note_on', note=note, velocity=80), Message('note_off', note=note, time=480))]
scale = song(*notes)
scale.save('scale.mid')
by_name = pretty_midi.PrettyMIDI('scale.mid').get_end_time()
print(f'new:    length {scale.length}, saved {saved(scale)}, by name {by_name}')
for number in ('once', 'twice', 'thrice'):
    end = pretty_midi.PrettyMIDI(mido_object=scale).get_end_time()
    print(f'{number + ":":7} length {scale.length}, saved {saved(scale)}, by object {end}')

held = (Message('program_change', program=0), Message('note_on', note=60, velocity=80))
change, end = Message('program_change', program=40), Message('note_off', note=60)
for what, rest in (('after', (end.copy(time=480), change)), ('before', (change.copy(time=480), end))):
    instruments = pretty_midi.PrettyMIDI(mido_object=song(*held, *rest)).instruments
    names = [pretty_midi.program_to_instrument_name(one.program) for one in instruments]
    print(f'a note of the piano, violin from its end on, change {what} the end: {", ".join(names)}')
END

cat > "$tmp/expected" <<'END'
new:    length 4.0, saved 4.0, by name 4.0
once:   length 4.0, saved 32.0, by object 4.0
twice:  length 4.0, saved 186.0, by object 32.0
thrice: length 4.0, saved 858.0, by object 186.0
a note of the piano, violin from its end on, change after the end: Acoustic Grand Piano
a note of the piano, violin from its end on, change before the end: Violin
END

cd "$tmp"
venv/bin/python probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
