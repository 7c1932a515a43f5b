"""`python -m scripts.life.host`: a run host whose lines and steps carry the time of the demo's moved clock."""

import os
import sys
from pathlib import Path

from scripts.life.moved_time import VARIABLE, install

if __name__ == '__main__':
    install(Path(os.environ.pop(VARIABLE)))
    from synapse.host.__main__ import main

    sys.exit(main(sys.argv[1:]))
