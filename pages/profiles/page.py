"""Profiles: where the results of a run go, its default parameters and its secrets."""

from pages.parts.cards import card_name, guide_link
from pages.parts.dialogs import attempt, confirm
from pages.parts.html import button, el, icon, opens
from pages.parts.scope import Scope
from synapse.control_room import ControlRoom
from synapse.language import _
from synapse.profiles import MASK, Profile, ProfileChanged

from .form import ProfileDialog, shown


def profiles_page(room: ControlRoom) -> None:
    """Draw the page; changes made in another tab or by a program show at once."""
    with Scope().classes('sy-page') as scope, el('div', 'profs-page'):
        with el('div', 'sy-x'):
            el(
                'p',
                'sy-2 sy-grow',
                _('Each run uses a profile, which sets where results go and provides default values and secrets.'),
            )
            guide = guide_link('profiles')
            opens(button(_('New profile'), icon_name='plus'), lambda: ProfileDialog(room, None))
        cards = el('div', 'pipes')

        def draw() -> None:
            cards.clear()
            profiles = room.profiles.all()
            guide.set_visibility(len(profiles) == 1)  # nobody has made one yet
            with cards:
                for profile in profiles:
                    _card(room, profile, is_only=len(profiles) == 1)

        scope.follow(room.bus, ProfileChanged, lambda _: draw())
        draw()


def _card(room: ControlRoom, profile: Profile, *, is_only: bool) -> None:
    with el('section', 'glass-card pipe', aria_label=profile.label):
        with el('div', 'sy-x'):
            with el('span', 'prof-icon').style(f'color:{profile.color}'):
                icon(profile.icon)
            card_name(profile.label, profile.id)
            edit = button(_('Edit'), icon_name='edit', small=True, aria_label=_('Edit {label}', label=profile.label))
            opens(edit, lambda: ProfileDialog(room, profile))
            remove = button(
                '', icon_name='trash', kind='ghost', small=True, aria_label=_('Delete {label}', label=profile.label)
            )
            if is_only:
                remove.props.update(
                    {'disabled': True, 'title': _('A run needs a profile, so the only one cannot be deleted.')}
                )
            else:
                opens(remove, lambda: _delete(room, profile), what='')
        with el('dl', 'facts prof-facts'):
            el('dt', text=_('Delivers to'))
            el('dd', 'sy-mono', profile.destination)
            if profile.defaults:
                el('dt', text=_('Defaults'))
                with el('dd'):
                    for name, value in profile.defaults.items():
                        el('p', 'sy-mono', f'{name} = {shown(value)}')
            if profile.secrets:
                el('dt', text=_('Secrets'))
                with el('dd'):
                    for name in profile.secrets:
                        el('p', 'sy-mono', f'{name} = {MASK}')


async def _delete(room: ControlRoom, profile: Profile) -> None:
    if room.profiles.in_use(profile.id):
        await attempt(room.profiles.delete(profile.id))  # refused, naming the events that need it
        return
    text: str = _('Runs that used it keep their history and their files.')
    if profile.secrets:
        text = ' '.join((text, _('Its secrets are deleted for good.')))
    if await confirm(_('Delete {label}?', label=profile.label), text, yes=_('Delete profile'), no=_('Keep it')):
        await attempt(room.profiles.delete(profile.id))
