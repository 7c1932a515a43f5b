"""The pages of the menu: address, name and icon, in the order of their shortcuts `G 1` to `G 7`."""

from synapse.language import N_

PLACES = (
    ('/', N_('Dashboard'), 'dashboard'),
    ('/runs', N_('Runs'), 'runs'),
    ('/logs', N_('Logs'), 'logs'),
    ('/scheduler', N_('Scheduler'), 'calendar'),
    ('/pipelines', N_('Pipelines'), 'pipelines'),
    ('/profiles', N_('Profiles'), 'profiles'),
    ('/settings', N_('Settings'), 'settings'),
)
