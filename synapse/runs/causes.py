"""What of ours started, paused or stopped something: kept in English, said in the language of its reader."""

from synapse.language import N_, Text, translated

BY_HAND = N_('removed by hand')
COMMAND_LINE = N_('the command line')
"""It sends this in English, whatever its terminal speaks: the language of the control room may be another."""
DASHBOARD = N_('the dashboard')
FILE_DROP = N_('file drop')
LIST = N_('the list of runs')
MENU = N_('the menu')
PAGE = N_('the page')
PALETTE = N_('the palette')
RUN_FORM = N_('the run form')
SAMPLE = N_('the sample button')
SETTINGS = N_('the settings')
_OURS = frozenset({BY_HAND, COMMAND_LINE, DASHBOARD, FILE_DROP, LIST, MENU, PAGE, PALETTE, RUN_FORM, SAMPLE, SETTINGS})


def cause_words(cause: str) -> str:
    """Return a cause of ours in the language of whoever reads it; what anyone else has given as it is."""
    return Text(translated(cause), cause) if cause in _OURS else cause
