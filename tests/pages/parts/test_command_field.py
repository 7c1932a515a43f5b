"""A command in a form: what its text becomes, what is shown of it, and the offer of a shell."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from pages.parts.command_field import CommandField
from pages.parts.fields import SwitchField, Unreadable
from pages.parts.schema_fields import field_for
from synapse.builtin.run_command import SHELL_HINT
from synapse.control_room import ControlRoom
from tests.parts.screens import Screen, drawn, fire, text_of, type_into

COMMAND = {'type': 'array', 'items': {'type': 'string'}, 'x-command': 'shell'}

SHELL = {'type': 'boolean', 'title': 'Run it with /bin/sh'}


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    with drawn() as screen:
        yield screen


class Form:
    """The command and the switch for a shell, as the form of Run command has them."""

    def __init__(self, screen: Screen, value: Any = None, *, in_shell: bool = False) -> None:
        self.screen = screen
        no_room = cast(ControlRoom, None)

        def draw() -> tuple[Any, Any]:
            fields = {
                'command': field_for(no_room, 'command', COMMAND, {}, value, is_required=False),
                'shell': field_for(no_room, 'shell', SHELL, {}, in_shell, is_required=False),
            }
            for made in fields.values():
                made.connect(fields)
            return fields['command'], fields['shell']

        command, switch = screen.draw(draw)
        assert isinstance(command, CommandField)
        assert isinstance(switch, SwitchField)
        self.command, self.switch = command, switch

    async def type(self, text: str) -> Any:
        await type_into(self.screen.one(id='parameter-command'), text)
        return self.command.value()

    @property
    def words(self) -> list[Any]:
        return [box.props['^value'] for box in self.screen.all(css='sy-mono', tag='input')]

    @property
    def offers(self) -> list[str]:
        return [text_of(line) for line in self.screen.all(css='form-shell')]


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('echo\nhello', ['echo', 'hello']),
        ('echo\nhello world', ['echo', 'hello world']),
        ('true', ['true']),
        (' $ rsync -a "/a b" /c ', ['rsync', '-a', '/a b', '/c']),
        ("python -c 'a\nb'", ['python', '-c', 'a\nb']),
        ('sh\n-c\necho "a', ['sh', '-c', 'echo "a']),
        ('a | b', ['a | b']),
        ('cd /srv\n./x', ['cd /srv\n./x']),
        ('echo "|" a', ['echo "|" a']),
        ('echo\na\n|\nwc', ['echo', 'a', '|', 'wc']),
        ('', []),
    ],
)
async def test_typed_text_becomes_words_or_a_text_for_a_shell(screen: Screen, text: str, value: list[str]) -> None:
    assert await Form(screen).type(text) == value


async def test_the_words_of_a_command_line_are_shown_and_can_be_edited(screen: Screen) -> None:
    form = Form(screen)

    await form.type('rsync -a "/a b" /c')
    assert form.words == ['rsync', '-a', '/a b', '/c']
    await fire(screen.one(tag='input', aria_label='Word 4'), 'input', '/d e')

    assert form.command.value() == ['rsync', '-a', '/a b', '/d e']
    assert form.command.text == "rsync -a '/a b' '/d e'"


async def test_words_on_lines_of_their_own_are_not_shown_twice(screen: Screen) -> None:
    form = Form(screen, ['echo', 'hello'])

    await form.type('echo\nhello world')

    assert (form.words, form.offers) == ([], [])


async def test_a_shell_is_offered_for_what_needs_one_and_taken_at_a_press(screen: Screen) -> None:
    form = Form(screen)
    await form.type('date > out')
    (offer,) = form.offers
    assert offer.startswith('“>” is for a shell')

    await fire(screen.button('Run it with /bin/sh'))

    assert form.command.value() == ['date > out']
    assert form.switch.value() is True
    assert form.switch.is_touched
    assert form.offers[0].startswith('/bin/sh runs this as a script.')
    await fire(screen.button('Run it without a shell'))
    assert form.switch.value() is False


async def test_lines_for_a_shell_stay_lines(screen: Screen) -> None:
    assert await Form(screen, in_shell=True).type('make\ninstall') == ['make\ninstall']


async def test_for_a_shell_the_form_says_what_a_pipe_makes_of_failures(screen: Screen) -> None:
    form = Form(screen, in_shell=True)

    await form.type('date > out')
    assert 'pipe' not in form.offers[0]
    await form.type('pg_dump x | gzip > x.gz')

    assert 'A pipe succeeds if its last command does.' in form.offers[0]


async def test_an_open_quote_is_said_when_the_value_is_read(screen: Screen) -> None:
    with pytest.raises(Unreadable, match='is not closed'):
        await Form(screen).type('echo "a')


async def test_an_open_quote_is_said_while_typing(screen: Screen) -> None:
    form = Form(screen)

    await type_into(screen.one(id='parameter-command'), 'echo "a')
    assert form.offers == ['The quote " is not closed.']
    await form.type('echo "a"')

    assert form.offers == []


async def test_the_form_names_its_own_switch(screen: Screen) -> None:
    form = Form(screen)

    form.command.show_error(f'“|” is for a shell, which is not used here. {SHELL_HINT}')

    assert text_of(screen.one(id='parameter-command-error')) == (
        '“|” is for a shell, which is not used here. Turn on “Run it with /bin/sh”.'
    )


@pytest.mark.parametrize(
    ('value', 'shown'),
    [
        (['echo', 'hello'], 'echo\nhello'),
        (['grep', '', 'f'], "grep '' f"),
        (['python', '-c', 'a\nb'], "python -c 'a\nb'"),
        (['a | b'], 'a | b'),
        ([], ''),
    ],
)
async def test_a_command_is_shown_so_that_it_is_read_again_as_it_was(
    screen: Screen, value: list[str], shown: str
) -> None:
    form = Form(screen, value)

    assert text_of(screen.one(id='parameter-command')) == shown
    assert form.command.value() == value
    assert await form.type(shown) == value
