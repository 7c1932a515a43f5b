"""The pages of the menu: address, name and icon, in the order of their shortcuts `G 1` to `G 7`."""

PLACES = (
    ('/', 'Dashboard', 'dashboard'),
    ('/runs', 'Runs', 'runs'),
    ('/logs', 'Logs', 'logs'),
    ('/scheduler', 'Scheduler', 'calendar'),
    ('/pipelines', 'Pipelines', 'pipelines'),
    ('/profiles', 'Profiles', 'profiles'),
    ('/settings', 'Settings', 'settings'),
)
