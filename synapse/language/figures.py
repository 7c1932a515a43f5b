"""Numbers as a language writes them, without Babel for English: a process that works for a run has no time for it."""

from .choice import ENGLISH, PSEUDO, language


def number(value: float, chosen: str | None = None, *, digits: int | None = None) -> str:
    """Return `1,234.5` or `1.234,5`, as `synapse.language.formats.number` does.

    :param digits: exactly as many after the point; None for as many as are needed, at most three
    """
    spoken = chosen or language()
    if spoken in (ENGLISH, PSEUDO):
        text = f'{value:,.{3 if digits is None else digits}f}'
        return text if digits is not None else text.rstrip('0').rstrip('.')
    if isinstance(value, int) and -1000 < value < 1000 and not digits:
        return str(value)  # as nearly all counts are: Babel takes ten times as long as the rest of a text
    from . import formats

    return formats.number(value, spoken, digits=digits)
