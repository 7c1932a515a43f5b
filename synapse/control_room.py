"""Everything that pages and the API use: one object that holds the parts, started and stopped together."""

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from storage.damage import Damage
from storage.documents import Documents
from storage.files import StorageError, make_private_folder, remove_leftovers
from storage.ledger import Ledger
from storage.logs.store import LogStore
from storage.past_plans import PastPlans
from storage.run_rescue import missing_in
from storage.runs import RunStore
from synapse.language import _, _n, filled, joined, own, own_language, translated

from .alerts.alerts import Alerts
from .alerts.silent_events import SilenceWatch
from .alerts.watch import AlertWatch
from .auth import Auth
from .backup.backups import Backups
from .bus import Bus, Message
from .calendar.alarm_clock import Clocks, read_clocks
from .calendar.answers import Answers
from .calendar.calendar import Calendar
from .calendar.editor import EventEditor
from .calendar.event_store import EventStore
from .calendar.firing import Firing
from .calendar.plan_history import PlanHistory
from .calendar.validation import EventValidator
from .calendar.zone_changes import ZoneChanges
from .catalog.catalog import Catalog
from .catalog.colors import PipelineColors
from .credentials.messages import SessionsChanged
from .credentials.password import first_line
from .credentials.tokens import ApiTokens
from .damage import RESTORED, DamageChanged, DamageFound, DamageReports
from .engine.engine import LocalEngine
from .engine.leftovers import sweep
from .engine.login import LoginEnvironment
from .engine.zygotes import Zygotes
from .errors import DiskIsFull
from .ical.import_rules import ImportRules
from .inbox.inbox import Inbox
from .inbox.inputs import files_among
from .log.handler import LogHandler
from .log.log import Level, Log
from .machine import Machine
from .machine_loads import MachineLoads
from .notifications.notifications import Notifications
from .offers import Amounts, Offer
from .old_logins import move_old_logins
from .preferences import SavedPreferences, chosen_zone
from .profiles import Profiles
from .protocol import environment
from .protocol.messages import Job
from .records import now_utc
from .recurrence.machine_zone import MachineZone, machine_zone
from .recurrence.zones import use_newest_data
from .recurrence.zones import zone as zone_of
from .restored import Restored
from .retention import Retention
from .room_engine import RoomEngine
from .roster import Roster, UnreachedMachine
from .runs.recovery.rebuilding import rebuild
from .runs.runs import Runs
from .sealed import Seal
from .settings import MOST_WORKERS, Settings
from .status import Status, StatusChanged
from .subscriptions.subscriptions import Subscriptions
from .watches.watches import Watches

if TYPE_CHECKING:
    from .cluster.engine import Machine as OtherMachine
    from .cluster.machines import Machines

MAX_RECENT = 10


class StopAsked(Message):
    """Somebody wants Synapse to stop; whoever serves it does."""


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
    damage: DamageReports
    catalog: Catalog
    profiles: Profiles
    inbox: Inbox
    engine: RoomEngine
    runs: Runs
    roster: Roster
    calendar: Calendar
    editor: EventEditor
    zone_changes: ZoneChanges
    watches: Watches
    answers: Answers
    auth: Auth
    tokens: ApiTokens
    preferences: Documents
    choices: SavedPreferences
    history: RunStore
    retention: Retention
    import_rules: ImportRules
    subscriptions: Subscriptions
    notifications: Notifications
    silence: SilenceWatch
    backups: Backups
    restored: Restored | None = None
    """From which backup the data folder came back, until the time between is accounted for."""
    recent_commands: tuple[str, ...] = ()
    """The commands used in the palette, latest first."""
    moved_logins: str = ''
    """What was done about passwords that earlier builds kept in addresses, for the log."""
    chosen: tuple[str, str] = ('', '')
    """The pipeline and the profile that a person chose last to start runs by hand; empty for none."""
    login: LoginEnvironment | None = None
    """What programs of runs have in addition to the environment of this process."""
    zone_update: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)
    """Held while a newer `tzdata` package is looked for."""
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
        data = settings.data
        make_private_folder(data)
        boot = secrets.token_hex(8)
        bus = Bus()
        # Its folder is made by the first start, so that what is missing now is lost, and not yet to be made.
        was_used = (data / 'runs').is_dir()
        preferences = Documents(data / 'settings.json', was_used=was_used)
        choices = SavedPreferences(preferences, bus, is_language_fixed=settings.language is not None)
        here = _zone(zone, preferences)
        status = Status(timezone=here.as_json(), timezone_data=zones.as_json())
        restored = Restored.read(data)
        logs, store = LogStore(data / 'logs.db', was_used=was_used), RunStore(data / 'runs.db', was_used=was_used)
        events = Documents(data / 'events.json', was_used=was_used)
        identities = Documents(data / 'profiles.json', was_used=was_used)
        saved_alerts = Documents(data / 'alerts.json', was_used=was_used)
        moved = move_old_logins(data, profiles=identities, events=events, runs=store, alerts=saved_alerts, logs=logs)
        log = Log(logs, bus)
        event_store = EventStore(events, log, bus)
        profiles = Profiles(
            identities,
            data / 'secrets.json',
            bus,
            lambda id: {'event': event_store.titles_using(id), 'watch folder': watches.folders_using(id)},
            lambda defaults: catalog.problems_of_defaults(defaults),
        )
        zygotes = Zygotes(boot) if sys.platform == 'linux' else None
        if zygotes is not None:
            zygotes.on_change = lambda count, size: setattr(status, 'warm', (count, size))
        seal = Seal(data / 'secrets.key')
        preferences = Documents(data / 'settings.json', was_used=was_used)
        catalog = Catalog(
            data / 'pipelines',
            data / 'cache' / 'pipelines',
            bus,
            log,
            room_tag=boot,
            zygotes=zygotes,
            seal=seal,
            colors=PipelineColors(preferences.get('colors')),
        )
        inbox = Inbox(data / 'inbox', settings.max_upload_bytes, bus)
        loads = MachineLoads(bus)
        engine = RoomEngine(
            LocalEngine(boot, zygotes),
            lambda: _load_others(boot, settings, catalog, loads, lambda *found: roster.update(*found)),
        )
        given_tokens = Documents(data / 'tokens.json')
        tokens = ApiTokens(given_tokens, bus, now=now)
        ledger, auth = (
            Ledger(store),
            Auth(data, tokens=tokens, password=first_line(settings.password_file) if settings.password_file else None),
        )
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
            labels=settings.offer,
            away=lambda: _away(roster),
            disk_free=loads.disk_free,
            min_free_bytes=settings.min_free_bytes,
            zone=here.name,
            planned=event_store.planned_work,
            environment=lambda: _run_environment(settings, login),
            auth=auth,
            run_log_bytes=lambda: retention.policy.run_log_bytes,
        )
        roster = Roster(
            engine=engine,
            runs=runs,
            loads=loads,
            saved=preferences,
            bus=bus,
            log=log,
            is_asked=settings.cluster is not None,
        )
        retention = Retention(preferences=preferences, log=log, past=runs.past, bus=bus, now=now)
        watched = Documents(data / 'watches.json')
        watches = Watches(
            watched,
            restored=restored,
            data=data,
            runs=runs,
            catalog=catalog,
            profiles=profiles,
            log=log,
            bus=bus,
        )
        validator = EventValidator(catalog, profiles, runs, here.name)
        firing = Firing(
            events=event_store.events,
            ledger=ledger,
            runs=runs,
            bus=bus,
            log=log,
            alive=data / 'alive',
            restored=restored,
            now=now,
            clocks=clocks,
        )
        plans = PlanHistory(events=event_store.events, store=PastPlans(store), runs=runs, bus=bus, now=now)
        calendar = Calendar(
            event_store=event_store,
            validator=validator,
            firing=firing,
            history=plans,
            store=store,
            ledger=ledger,
            runs=runs,
            catalog=catalog,
            status=status,
            bus=bus,
            zone=here.name,
            now=now,
        )
        editor = EventEditor(event_store, validator, firing, zone=here.name, now=now)
        import_rules = ImportRules(preferences, profiles=profiles, new_runs=runs.new, bus=bus)
        subscriptions = Subscriptions(
            documents=preferences,
            calendar=calendar,
            editor=editor,
            catalog=catalog,
            auth=auth,
            rules=import_rules,
            log=log,
            bus=bus,
            now=now,
        )
        alerts = Alerts(saved_alerts, bus)
        channels = Documents(data / 'notifications.json')
        notifications = Notifications(
            documents=channels,
            seal=seal,
            alerts=alerts,
            bus=bus,
            log=log,
            title_of=catalog.title_of,
            room=settings.people_url,
        )
        damage = DamageReports(Documents(data / 'damage.json'), data, bus, now=now)
        bus.subscribe(DamageChanged, lambda message: _show_damage(status, message, bus))
        files = (logs, events, identities, profiles, saved_alerts, preferences, watched, given_tokens, seal)
        damage.add([_rebuilt(store, ledger, logs, data), *(file.damage for file in files), *auth.damages])
        return cls(
            settings=settings,
            boot=boot,
            here=here,
            bus=bus,
            log=log,
            status=status,
            machine=Machine(status, data, bus),
            alerts=alerts,
            damage=damage,
            catalog=catalog,
            profiles=profiles,
            inbox=inbox,
            engine=engine,
            runs=runs,
            roster=roster,
            calendar=calendar,
            editor=editor,
            zone_changes=ZoneChanges(
                data / 'zones.json', events=event_store.events, data=status.timezone_data, bus=bus, log=log, now=now
            ),
            watches=watches,
            answers=Answers(
                event_store=event_store,
                ledger=ledger,
                history=plans,
                runs=runs,
                catalog=catalog,
                profiles=profiles,
                zone=here.name,
                now=now,
            ),
            auth=auth,
            tokens=tokens,
            preferences=preferences,
            choices=choices,
            history=store,
            recent_commands=tuple((preferences.get('palette') or {}).get('recent', ())),
            chosen=_saved_choice(preferences),
            retention=retention,
            import_rules=import_rules,
            subscriptions=subscriptions,
            notifications=notifications,
            restored=restored if restored is not None and not restored.is_settled else None,
            backups=Backups(
                data,
                documents=(events, identities, preferences, watched, channels, saved_alerts, given_tokens),
                inbox=inbox,
                log=log,
                bus=bus,
                least_free=settings.min_free_bytes,
                now=now,
            ),
            silence=SilenceWatch(
                alerts,
                bus,
                events=calendar.events,
                ledger=ledger,
                status=status,
                is_queue_paused=lambda: runs.is_queue_paused,
                zone=here.name,
                now=now,
            ),
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
            raise DiskIsFull(_('The number of workers could not be saved: {error}', error=error)) from error
        self.log.append(
            Level.INFO,
            _n(
                'Up to {count} run may work at the same time from now on',
                'Up to {count} runs may work at the same time from now on',
                count,
            ),
            source='synapse',
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

    async def choose_color(self, pipeline: str, color: str) -> None:
        """Let this colour stand for a pipeline, empty for its own; forgotten on restart if the disk refuses."""
        self.catalog.choose_color(pipeline, color)
        with contextlib.suppress(StorageError):
            await asyncio.to_thread(self.preferences.put, 'colors', dict(self.catalog.colors.chosen))

    async def start(self) -> None:
        """Start the parts: the log first, the queue last."""
        await self.log.start()
        self._handler = LogHandler(self.log)
        logging.getLogger().addHandler(self._handler)
        remove_leftovers(self.settings.data)
        await self.profiles.start()
        for notice in [
            *self.preferences.notices,
            *self.import_rules.notices,
            *self.subscriptions.notices,
            *self.alerts.notices,
            *self.profiles.notices,
            *self.calendar.notices,
            *self.watches.notices,
            *self.notifications.notices,
            *self.tokens.notices,
            *self.history.notices,
            *(damage.sentence for damage in self.auth.damages),
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
        self.notifications.start()
        loop = asyncio.get_running_loop()
        self.auth.on_sessions(lambda: loop.call_soon_threadsafe(self.bus.publish, SessionsChanged()))
        # Before anything is started: what carries a tag of ours now is from before.
        leftovers = await asyncio.to_thread(sweep, self.settings.data, self.boot)
        await self.engine.start()
        await self.roster.start()
        await self.catalog.start()
        await self.machine.start()
        self.damage.start()
        await self.runs.start(leftovers)
        await self.calendar.start()
        self.silence.start()
        await self.watches.start()
        await self._settle_restore()
        self.zone_changes.start()
        await self.retention.start()
        await self.subscriptions.start()
        await self.backups.start()
        if self.login is not None:
            self.login.ask_soon()
        self.log.append(Level.INFO, _('Synapse is up at {url}', url=self.settings.url), source='synapse')

    async def _settle_restore(self) -> None:
        """Note that what lies between the backup and this start is accounted for, and say what is missing."""
        restored, self.restored = self.restored, None
        if restored is not None:
            from synapse.language.formats import moment  # Babel, which a start does without

            made = moment('yMMMdHm', self.local(restored.made_at), own_language())
            self.bus.publish(DamageFound(_after_restore(restored, made)))
            text = _('Synapse was restored from {name}, made {made}', name=restored.backup, made=made)
            self.log.append(Level.WARNING, text, source='backup')
            await asyncio.to_thread(restored.changed(is_settled=True).write, self.settings.data)

    def local(self, moment: datetime) -> datetime:
        """The moment in the time zone of the calendar, which all pages use."""
        return moment.astimezone(zone_of(self.here.name))

    def _log_timezone(self) -> None:
        version, source = self.status.timezone_data['version'], filled(self.status.timezone_data['source'])
        data = (
            _('version {version}, {source}', version=version, source=source)
            if version
            else _('unknown version, {source}', source=source)
        )
        level = Level.INFO if self.here.is_known else Level.WARNING
        text = _(
            'The time zone is {name}. {why} Time-zone data: {data}.', name=self.here.name, why=self.here.why, data=data
        )
        self.log.append(level, text, source='synapse')

    async def stop_work(self, *, grace: float = 10.0) -> None:
        """Stop firing events and starting runs, and let running steps end within `grace` seconds."""
        await self.backups.stop()
        await self.subscriptions.stop()
        await self.retention.stop()
        await self.watches.stop()
        await self.calendar.stop()
        await self.runs.stop(grace=grace)

    async def stop(self, *, grace: float = 10.0) -> None:
        """Stop work as `stop_work` does, stop what is left, and save everything."""
        await self.stop_work(grace=grace)
        await self.zone_changes.stop()
        await self.machine.stop()
        await self.catalog.stop()
        await self.engine.close()
        await self.roster.close()
        if self.login is not None:
            await self.login.close()
        if self._watch is not None:
            await self._watch.stop()
        await self.silence.stop()
        await self.notifications.stop()
        await self.damage.stop()
        await self.alerts.stop()
        self.log.append(Level.INFO, _('Synapse has stopped'), source='synapse')
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
        await self.log.stop()
        self.calendar.close()
        self.watches.close()
        self.tokens.close()
        self.history.close()
        self.preferences.close()


async def _run_environment(settings: Settings, login: LoginEnvironment | None) -> Mapping[str, str | None]:
    """Return the variables for the programs of runs: as in a terminal, and where they find this control room."""
    as_in_terminal = await login.variables() if login is not None else {}
    return {**as_in_terminal, environment.URL: settings.url, environment.DATA: str(settings.data)}


def _rebuilt(store: RunStore, ledger: Ledger, logs: LogStore, data: Path) -> Damage | None:
    """Return what was found damaged of the history, after all was added to it that the rest of the folder tells."""
    damage = store.damage
    if damage is None:
        return None
    with contextlib.suppress(OSError):
        ledger.assume_accounted(datetime.fromtimestamp((data / 'alive').stat().st_mtime, UTC))
    more = rebuild(store, ledger, logs, data / 'runs')
    with store.reading() as connection:
        missing = missing_in(connection)
    damage = replace(damage, recovered=joined(damage.recovered, more), missing=missing)
    store.notices = [damage.sentence]
    return damage


def _after_restore(restored: Restored, made: str) -> Damage:
    """Return what a person has to know after a restore, for the card of damaged files.

    :param made: when the backup was made, in words
    """
    from synapse.language.formats import listed  # Babel, which a start does without

    is_without = restored.secrets == 'left out'
    text = _('This is how it was at {made}, in {name}.', made=made, name=restored.backup)
    sentences = [text, _('What fell due since then is missed, and did not fire.')]
    if restored.interrupted:
        sentences.append(
            _n(
                '{count} run had not ended then, and did not start again: retry it if it has not run elsewhere.',
                '{count} runs had not ended then, and did not start again: retry what has not run elsewhere.',
                restored.interrupted,
            )
        )
    missing = _('Its secrets were not opened, as no passphrase was given.') if is_without else ''
    if restored.left_out:
        missing = _('Not in it: {parts}.', parts=listed(list(map(translated, restored.left_out))))
    hint = _('Enter the secrets again on the pages Profiles and Settings.') if is_without else ''
    return Damage(RESTORED, '', own(joined(*sentences)), own(missing), own(hint))


def _show_damage(status: Status, message: DamageChanged, bus: Bus) -> None:
    status.damage = tuple(report.as_json() for report in message.left)
    bus.publish(StatusChanged())


def _zone(wanted: str | None, preferences: Documents) -> MachineZone:
    """Return the zone of the calendar: the one asked for, else the one chosen in Settings, else that of the machine."""
    if wanted is not None:
        return MachineZone(wanted, _('It was chosen at start.'))
    chosen = chosen_zone(preferences)
    return machine_zone() if chosen is None else MachineZone(chosen, _('It was chosen in Settings.'), is_chosen=True)


def _away(roster: Roster) -> dict[str, Amounts]:
    """Return what the machines have that are lost or cannot be reached, by name."""
    has = {name: lost.offer.has for name, lost in roster.lost.items()}
    return has | {name: unreached.offer.has for name, unreached in roster.unreached.items()}


def _load_others(
    room_tag: str,
    settings: Settings,
    catalog: Catalog,
    loads: MachineLoads,
    update: Callable[[Mapping[str, Offer], Collection[str], Mapping[str, UnreachedMachine]], object],
) -> 'Machines':
    """Return what carries out runs on other machines."""
    from synapse.cluster.identity import CODE_VARIABLE
    from synapse.cluster.machines import Machines  # with Dask, a second of imports
    from synapse.destinations.home import carry_out

    def read_by(job: Job) -> list[Path]:
        info = catalog.find(job['pipeline'])
        found = files_among(info.schema, job['parameters']) if info else ()
        own = Path(job['folder'])
        return [path for _, path in found if not path.is_relative_to(own) and path.exists()]

    def use(
        machines: 'Mapping[str, OtherMachine]', left: Collection[str], unreached: 'Mapping[str, OtherMachine]'
    ) -> None:
        offers = {name: machine.offer for name, machine in machines.items()}
        update(
            offers,
            left,
            {name: UnreachedMachine(machine.address, machine.offer) for name, machine in unreached.items()},
        )

    host = '127.0.0.1' if settings.cluster_port == 0 else '0.0.0.0'  # noqa: S104 - only who has the code gets in
    return Machines(
        room_tag=room_tag,
        address=settings.cluster or f'tls://{host}:{settings.cluster_port}',
        is_elsewhere=bool(settings.cluster),
        folder=settings.data / 'cluster',
        given_code=os.environ.get(CODE_VARIABLE, ''),
        paths_of=read_by,
        carry_out=carry_out,
        on_change=use,
        on_load=loads.report,
    )


def _saved_choice(preferences: Documents) -> tuple[str, str]:
    saved = preferences.get('chosen') or {}
    return str(saved.get('pipeline') or ''), str(saved.get('profile') or '')


def _saved_workers(preferences: Documents, settings: Settings) -> int:
    """The number set on the Settings page, else the default."""
    count = (preferences.get('workers') or {}).get('count')
    is_usable = isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= MOST_WORKERS
    return count if is_usable and isinstance(count, int) else settings.workers
