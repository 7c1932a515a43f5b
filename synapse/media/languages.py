"""Languages as films name them: ISO 639 codes, of which some languages have three."""

_THREE = {
    'ar': 'ara', 'bg': 'bul', 'bn': 'ben', 'ca': 'cat', 'cs': 'cze ces', 'cy': 'wel cym', 'da': 'dan',
    'de': 'ger deu', 'el': 'gre ell', 'en': 'eng', 'es': 'spa', 'et': 'est', 'eu': 'baq eus', 'fa': 'per fas',
    'fi': 'fin', 'fr': 'fre fra', 'ga': 'gle', 'gl': 'glg', 'he': 'heb', 'hi': 'hin', 'hr': 'hrv', 'hu': 'hun',
    'hy': 'arm hye', 'id': 'ind', 'is': 'ice isl', 'it': 'ita', 'ja': 'jpn', 'ka': 'geo kat', 'ko': 'kor',
    'lt': 'lit', 'lv': 'lav', 'mk': 'mac mkd', 'ms': 'may msa', 'my': 'bur mya', 'nb': 'nob', 'nl': 'dut nld',
    'nn': 'nno', 'no': 'nor', 'pl': 'pol', 'pt': 'por', 'ro': 'rum ron', 'ru': 'rus', 'sk': 'slo slk', 'sl': 'slv',
    'sq': 'alb sqi', 'sr': 'srp', 'sv': 'swe', 'ta': 'tam', 'te': 'tel', 'th': 'tha', 'tr': 'tur', 'uk': 'ukr',
    'ur': 'urd', 'vi': 'vie', 'zh': 'chi zho',
}  # fmt: skip
_TWO = {three: two for two, codes in _THREE.items() for three in codes.split()}


def same_language(one: str, other: str) -> bool:
    """Whether two codes name one language, such as `de`, `ger`, `deu` and `de-CH`; ISO 639-1 and 639-2."""
    return _shortest(one) == _shortest(other)


def three_letters(code: str) -> str:
    """Return the code of ISO 639-2 that MP4 takes; empty for none."""
    short = _shortest(code)
    return _THREE.get(short, short).split()[-1] if short and len(_THREE.get(short, short)) >= 3 else ''


def _shortest(code: str) -> str:
    base = code.strip().lower().replace('_', '-').partition('-')[0]
    return _TWO.get(base, base)
