"""`python -m synapse.host`: reads one job from standard input, carries it out, reports on standard output.

`python -m synapse.host describe FILE [ORIGIN]` and `... validate FILE CLASS [ORIGIN]` answer with one line and exit.
`python -m synapse.host zygote FD` forks hosts as the socket of this descriptor asks for; see `synapse/host/zygote.py`.
`--language TAG` before these is the language to write in.
"""

import sys

from synapse import zone_data
from synapse.host import process
from synapse.language import speak


def main(arguments: list[str]) -> int:
    zone_data.adopt_from_environment()
    if arguments[:1] == ['--language']:
        speak(arguments[1])
        arguments = arguments[2:]
    if arguments[:1] == ['zygote']:
        from synapse.host.zygote import main as be_zygote

        return be_zygote(int(arguments[1]))
    answers = process.take_output()
    if not arguments:
        process.run_spawned(answers)
        return 0
    process.hide_from_children()
    from synapse.host.questions import answer_spawned

    answer_spawned(answers, *arguments)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
