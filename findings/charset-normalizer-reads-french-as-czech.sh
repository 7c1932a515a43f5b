#!/usr/bin/env bash
# charset-normalizer reads four lines of French in Windows-1252 as cp1250 ("où" becomes "oů"), English quotes as DOS
#
# Guess: it replaced chardet in requests, so it names the encoding of a short subtitle file at least as well; Windows-1252
#        is the easiest of all, being that of most old files in Western Europe.
# Seen:  charset-normalizer 3.5.3, chardet 7.7.0, 2026-11-29, texts of three or four subtitles with their times: both
#        know the Czech, Cyrillic, Greek and Japanese ones. charset-normalizer takes French for cp1250, curly quotes in
#        English for cp852 and Turkish for cp1250. chardet takes the quotes for MacLatin2; kept to the encodings of
#        today it knows them, but then takes French for Baltic, of which it is as sure. With the four Latin
#        encodings of Windows where few letters are outside ASCII, and Windows-1252 where they are even, all are right.
# So:    every "ù" or quote of a caption is another letter, and no error says so. Count letters first, then break ties.
# Source: charset_normalizer/api.py (mess and coherence of a decoded text); chardet 7, EncodingEra.
set -euo pipefail
export LC_ALL=C.UTF-8 TZ=UTC
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install -qq --disable-pip-version-check "charset-normalizer==3.5.3" "chardet==7.7.0"

cat > "$tmp/expected" <<'END'
text            charset-normalizer  chardet             chardet, MODERN_WEB chardet, by script
French          wrong, cp1250       right, windows-1252 wrong, windows-1257 right, windows-1252
English         wrong, cp852        wrong, maclatin2    right, windows-1252 right, windows-1252
German          right, cp1250       right, iso8859-15   right, windows-1252 right, windows-1252
Turkish         wrong, cp1250       right, windows-1254 right, windows-1254 right, windows-1254
Czech           right, cp1250       right, windows-1250 right, windows-1250 right, windows-1250
Russian         right, cp1251       right, windows-1251 right, windows-1251 right, windows-1251
Greek           right, cp1253       right, windows-1253 right, windows-1253 right, windows-1253
Japanese        right, cp932        right, cp932        right, cp932        right, cp932
END

cat > "$tmp/probe.py" <<'END'
import re

import chardet
import charset_normalizer

TEXTS = {
    ('French', 'cp1252'): ['Bonsoir à tous.', 'Aujourd’hui, où est le pain ?', 'D’abord la farine, après l’eau.',
                           'C’est prêt ! Ça sent bon.'],
    ('English', 'cp1252'): ['It’s a nice day — isn’t it?', 'He said “hello”…', 'Then we went home.'],
    ('German', 'cp1252'): ['Heute zeigen wir, wie man Brot bäckt.', 'Wir müssen Mehl und Wasser mischen.',
                           'Das ist schön. Größer geht es nicht.'],
    ('Turkish', 'cp1254'): ['İyi akşamlar, bugün ekmeğin nasıl yapıldığını göstereceğiz.',
                            'Önce unu suyla karıştırıyoruz.', 'Sonra bir saat bekliyoruz, çok güzel oluyor.'],
    ('Czech', 'cp1250'): ['Dobrý večer, dámy a pánové.', 'Dnes vám ukážeme, jak se peče chléb.',
                          'Nejdřív smícháme mouku s vodou.'],
    ('Russian', 'cp1251'): ['Добрый вечер, дамы и господа.', 'Сегодня мы покажем, как печётся хлеб.',
                            'Сначала смешаем муку с водой.'],
    ('Greek', 'cp1253'): ['Καλησπέρα σας, κυρίες και κύριοι.', 'Σήμερα θα δείξουμε πώς γίνεται το ψωμί.',
                          'Πρώτα ανακατεύουμε το αλεύρι με νερό.'],
    ('Japanese', 'shift_jis'): ['こんばんは、みなさん。', '今日はパンの作り方をお見せします。',
                                'まず小麦粉と水を混ぜます。'],
}


LATIN = ['cp1252', 'cp1250', 'cp1254', 'cp1257']


def by_script(data):
    foreign, ascii_letters = sum(byte > 127 for byte in data), len(re.findall(rb'[A-Za-z]', data))
    if foreign / (foreign + ascii_letters) < 0.3:
        sure = {guess['encoding']: guess['confidence']
                for guess in chardet.detect_all(data, include_encodings=LATIN, ignore_threshold=True)}
        return max(sure, key=lambda name: sure[name] + 0.01 * (name == 'Windows-1252'))
    return chardet.detect(data, encoding_era=chardet.EncodingEra.MODERN_WEB)['encoding']


def judged(encoding, data, text):
    is_right = data.decode(encoding) == text
    return f'{"right" if is_right else "wrong"}, {encoding.lower()}'


print('text            charset-normalizer  chardet             chardet, MODERN_WEB chardet, by script')
for (language, encoding), lines in TEXTS.items():
    text = ''.join(f'{n}\r\n00:00:{n:02},000 --> 00:00:{n + 1:02},000\r\n{line}\r\n\r\n' for n, line in enumerate(lines, 1))
    data = text.encode(encoding)
    found = [charset_normalizer.from_bytes(data).best().encoding, chardet.detect(data)['encoding'],
             chardet.detect(data, encoding_era=chardet.EncodingEra.MODERN_WEB)['encoding'], by_script(data)]
    print(f'{language:16}' + ''.join(f'{judged(name, data, text):20}' for name in found).rstrip())
END

cd "$tmp"
"$tmp/venv/bin/python" probe.py | tee seen
diff -u expected seen || { echo "CHANGED: not as described above" >&2; exit 1; }
echo "as described"
