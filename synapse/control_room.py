"""Everything that pages and the API use: one object that holds the parts, started and stopped together."""

import asyncio
import contextlib
import logging
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from storage.documents import Documents
from storage.files import StorageError, make_private_folder, remove_leftovers
from storage.ledger import Ledger
from storage.logs.store import LogStore
from storage.runs import RunStore

from .alerts.alerts import Alerts
from .alerts.watch import AlertWatch
from .auth import Auth
from .bus import Bus
from .calendar.alarm_clock import Clocks, read_clocks
from .calendar.calendar import Calendar
from .calendar.editor import EventEditor
from .calendar.event_store import EventStore
from .calendar.firing import Firing
from .calendar.validation import EventValidator
from .catalog.catalog import Catalog
from .engine.engine import LocalEngine
from .engine.login import LoginEnvironment
from .engine.zygotes import Zygotes
from .errors import DiskIsFull
from .inbox.inbox import Inbox
from .log.handler import LogHandler
from .log.log import Level, Log
from .machine import Machine
from .old_logins import move_old_logins
from .profiles import Profiles
from .protocol import environment
from .records import now_utc
from .recurrence.machine_zone import MachineZone, machine_zone
from .recurrence.zones import use_newest_data
from .recurrence.zones import zone as zone_of
from .retention import Retention
from .runs.runs import Runs
from .sealed import Seal
from .sentences import count_of
from .settings import MOST_WORKERS, Settings
from .status import Status

MAX_RECENT = 10


@dataclass(kw_only=True)
class ControlRoom:
    """The parts of a running Synapse. Use them on the event loop only."""

    settings: Settings
    boot: str
    here: MachineZone
    bus: Bus
    log: Log
    status: Status
    machine: Machine
    alerts: Alerts
    catalog: Catalog
    profiles: Profiles
    inbox: Inbox
    engine: LocalEngine
    runs: Runs
    calendar: Calendar
    editor: EventEditor
    auth: Auth
    preferences: Documents
    history: RunStore
    retention: Retention
    recent_commands: tuple[str, ...] = ()
    """The commands used in the palette, latest first."""
    moved_logins: str = ''
    """What was done about passwords that earlier builds kept in addresses, for the log."""
    chosen: tuple[str, str] = ('', '')
    """The pipeline and the profile that a person chose last to start runs by hand; empty for none."""
    login: LoginEnvironment | None = None
    """What programs of runs have in addition to the environment of this process."""
    _handler: LogHandler | None = field(default=None, init=False, repr=False)
    _watch: AlertWatch | None = field(default=None, init=False, repr=False)

    @classmethod
    def build(
        cls,
        settings: Settings,
        *,
        now: Callable[[], datetime] = now_utc,
        clocks: Callable[[], Clocks] = read_clocks,
        zone: str | None = None,
        login: LoginEnvironment | None = None,
    ) -> 'ControlRoom':
        """Open the data folder and build the parts; nothing runs yet.

        :param now: the wall clock of the calendar
        :param clocks: the clocks that its alarm clock compares
        :param zone: its time zone, that of the machine by default
        :param login: what programs of runs have in addition to the environment of this process
        :raises storage.files.StorageError: if the folder holds something that cannot be read
        """
        zones = use_newest_data()
        here = machine_zone() if zone is None else MachineZone(zone, 'It was chosen at start.')
        data = settings.data
        make_private_folder(data)
        boot = secrets.token_hex(8)
        bus = Bus()
        status = Status(timezone=here.as_json(), timezone_data=zones.as_json())
        logs, store = LogStore(data / 'logs.db'), RunStore(data / 'runs.db')
        events, identities = Documents(data / 'events.json'), Documents(data / 'profiles.json')
        alerts = Documents(data / 'alerts.json')
        moved = move_old_logins(data, profiles=identities, events=events, runs=store, alerts=alerts, logs=logs)
        log = Log(logs, bus)
        event_store = EventStore(events, log, bus)
        profiles = Profiles(identities, data / 'secrets.json', bus, event_store.titles_using)
        zygotes = Zygotes(boot) if sys.platform == 'linux' else None
        if zygotes is not None:
            zygotes.on_change = lambda count, size: setattr(status, 'warm', (count, size))
        catalog = Catalog(
            data / 'pipelines',
            data / 'cache' / 'pipelines',
            bus,
            log,
            room_tag=boot,
            zygotes=zygotes,
            seal=Seal(data / 'secrets.key'),
        )
        inbox = Inbox(data / 'inbox', settings.max_upload_bytes, bus)
        engine = LocalEngine(boot, zygotes)
        preferences = Documents(data / 'settings.json')
        ledger, auth = Ledger(store), Auth(data)
        runs = Runs(
            store=store,
            engine=engine,
            catalog=catalog,
            profiles=profiles,
            inbox=inbox,
            log=log,
            bus=bus,
            status=status,
            folder=data / 'runs',
            workers=settings.workers
            if 'workers' in settings.model_fields_set
            else _saved_workers(preferences, settings),
            min_free_bytes=settings.min_free_bytes,
            zone=here.name,
            planned=event_store.planned_work,
            environment=lambda: _run_environment(settings, login),
            auth=auth,
            run_log_bytes=lambda: retention.policy.run_log_bytes,
        )
        retention = Retention(preferences=preferences, log=log, past=runs.past, bus=bus, now=now)
        validator = EventValidator(catalog, profiles, runs, here.name)
        firing = Firing(
            events=event_store.events,
            ledger=ledger,
            runs=runs,
            bus=bus,
            log=log,
            alive=data / 'alive',
            now=now,
            clocks=clocks,
        )
        return cls(
            settings=settings,
            boot=boot,
            here=here,
            bus=bus,
            log=log,
            status=status,
            machine=Machine(status, data, bus),
            alerts=Alerts(alerts, bus),
            catalog=catalog,
            profiles=profiles,
            inbox=inbox,
            engine=engine,
            runs=runs,
            calendar=Calendar(
                event_store=event_store,
                validator=validator,
                firing=firing,
                store=store,
                ledger=ledger,
                runs=runs,
                catalog=catalog,
                status=status,
                bus=bus,
                zone=here.name,
                now=now,
            ),
            editor=EventEditor(event_store, validator, firing, zone=here.name, now=now),
            auth=auth,
            preferences=preferences,
            history=store,
            recent_commands=tuple((preferences.get('palette') or {}).get('recent', ())),
            chosen=_saved_choice(preferences),
            retention=retention,
            moved_logins=moved,
            login=login,
        )

    async def set_workers(self, count: int) -> None:
        """Set the number of workers, also for the next start unless `--workers` is given.

        :raises Invalid: see `Runs.set_workers`
        :raises DiskIsFull: if it could not be saved; nothing has changed then
        """
        before = len(self.status.workers)
        self.runs.set_workers(count)
        try:
            await asyncio.to_thread(self.preferences.put, 'workers', {'count': count})
        except StorageError as error:
            self.runs.set_workers(before)
            raise DiskIsFull(f'The number of workers could not be saved: {error}') from error
        self.log.append(
            Level.INFO, f'Up to {count_of(count, "run")} may work at the same time from now on', source='synapse'
        )

    async def remember_command(self, command: str) -> None:
        """Offer this command first from now on; forgotten on restart if the disk refuses."""
        self.recent_commands = (command, *(known for known in self.recent_commands if known != command))[:MAX_RECENT]
        with contextlib.suppress(StorageError):
            await asyncio.to_thread(self.preferences.put, 'palette', {'recent': list(self.recent_commands)})

    async def remember_choice(self, pipeline: str, profile: str) -> None:
        """Offer this pipeline and profile for the next run by hand; forgotten on restart if the disk refuses."""
        if self.chosen != (pipeline, profile):
            self.chosen = (pipeline, profile)
            with contextlib.suppress(StorageError):
                document = {'pipeline': pipeline, 'profile': profile}
                await asyncio.to_thread(self.preferences.put, 'chosen', document)

    async def start(self) -> None:
        """Start the parts: the log first, the queue last."""
        await self.log.start()
        self._handler = LogHandler(self.log)
        logging.getLogger().addHandler(self._handler)
        remove_leftovers(self.settings.data)
        await self.profiles.start()
        for notice in [
            *self.preferences.notices,
            *self.alerts.notices,
            *self.profiles.notices,
            *self.calendar.notices,
            *self.history.notices,
        ]:
            self.log.append(Level.WARNING, notice, source='storage')
        if self.moved_logins:
            self.log.append(Level.INFO, self.moved_logins, source='storage')
        self._log_timezone()
        self._watch = AlertWatch(
            self.alerts,
            self.bus,
            status=self.status,
            catalog=self.catalog,
            event=self.calendar.get,
            zone=self.calendar.zone,
            unanswered=self.calendar.open_missed,
            is_queue_paused=lambda: self.runs.is_queue_paused,
            min_free_bytes=self.settings.min_free_bytes,
        )
        await self.engine.start()
        await self.catalog.start()
        await self.machine.start()
        await self.runs.start()
        await self.calendar.start()
        await self.retention.start()
        if self.login is not None:
            self.login.ask_soon()
        self.log.append(Level.INFO, f'Synapse is up at {self.settings.url}', source='synapse')

    def local(self, moment: datetime) -> datetime:
        """The moment in the time zone of the calendar, which all pages use."""
        return moment.astimezone(zone_of(self.here.name))

    def _log_timezone(self) -> None:
        version, source = self.status.timezone_data['version'], self.status.timezone_data['source']
        data = f'version {version}, {source}' if version else f'unknown version, {source}'
        level = Level.INFO if self.here.is_known else Level.WARNING
        text = f'The time zone is {self.here.name}. {self.here.why} Time-zone data: {data}.'
        self.log.append(level, text, source='synapse')

    async def stop_work(self, *, grace: float = 10.0) -> None:
        """Stop firing events and starting runs, and let running steps end within `grace` seconds."""
        await self.retention.stop()
        await self.calendar.stop()
        await self.runs.stop(grace=grace)

    async def stop(self, *, grace: float = 10.0) -> None:
        """Stop work as `stop_work` does, stop what is left, and save everything."""
        await self.stop_work(grace=grace)
        await self.machine.stop()
        await self.catalog.stop()
        await self.engine.close()
        if self.login is not None:
            await self.login.close()
        if self._watch is not None:
            await self._watch.stop()
        await self.alerts.stop()
        self.log.append(Level.INFO, 'Synapse has stopped', source='synapse')
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
        await self.log.stop()
        self.calendar.close()
        self.history.close()
        self.preferences.close()


async def _run_environment(settings: Settings, login: LoginEnvironment | None) -> Mapping[str, str | None]:
    """Return the variables for the programs of runs: as in a terminal, and where they find this control room."""
    as_in_terminal = await login.variables() if login is not None else {}
    return {**as_in_terminal, environment.URL: settings.url, environment.DATA: str(settings.data)}


def _saved_choice(preferences: Documents) -> tuple[str, str]:
    saved = preferences.get('chosen') or {}
    return str(saved.get('pipeline') or ''), str(saved.get('profile') or '')


def _saved_workers(preferences: Documents, settings: Settings) -> int:
    """The number set on the Settings page, else the default."""
    count = (preferences.get('workers') or {}).get('count')
    is_usable = isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= MOST_WORKERS
    return count if is_usable and isinstance(count, int) else settings.workers
