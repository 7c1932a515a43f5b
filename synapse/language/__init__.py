"""What Synapse says, in the language of whoever reads it: gettext catalogues, and formats by Babel.

The English text in the code is the key of a catalogue: `_('There is no profile {name}.', name=name)`. A third language
is one file, `LANGUAGE/LC_MESSAGES/synapse.po`; `python scripts/catalogues.py` writes and compiles it.
"""

from storage.texts import Text as Text
from storage.texts import joined as joined

from .choice import AUTO as AUTO
from .choice import ENGLISH as ENGLISH
from .choice import LANGUAGES as LANGUAGES
from .choice import PSEUDO as PSEUDO
from .choice import answering_in as answering_in
from .choice import ask_viewer as ask_viewer
from .choice import in_this_language as in_this_language
from .choice import in_thread as in_thread
from .choice import language as language
from .choice import language_for as language_for
from .choice import language_of_machine as language_of_machine
from .choice import own_language as own_language
from .choice import preferred as preferred
from .choice import read_language as read_language
from .choice import speak as speak
from .choice import tag_of as tag_of
from .kept import parts_of as parts_of
from .kept import text_from as text_from
from .texts import N_ as N_
from .texts import Nn_ as Nn_
from .texts import Np_ as Np_
from .texts import Words as Words
from .texts import _ as _
from .texts import _n as _n
from .texts import _p as _p
from .texts import capital as capital
from .texts import counted as counted
from .texts import filled as filled
from .texts import for_count as for_count
from .texts import own as own
from .texts import said_in as said_in
from .texts import spoken as spoken
from .texts import translated as translated
