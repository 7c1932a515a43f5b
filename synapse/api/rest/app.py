"""The REST API under `/api/v1`, assembled from its parts."""

from collections import defaultdict

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from synapse import __version__
from synapse.api.limits import WriteLimits
from synapse.api.problems import add_problem_handlers
from synapse.control_room import ControlRoom

from .access import access_api
from .backup import backup_api
from .damage import damage_api
from .heads import HeadRequests
from .import_rules import import_rules_api
from .logs import logs_api
from .machines import machines_api
from .notifications import notifications_api
from .pipelines import pipelines_api
from .profiles import profiles_api
from .reading import StrictRoute
from .runs import runs_api
from .scheduler import scheduler_api
from .stop import stop_api
from .subscriptions import subscriptions_api
from .uploads import uploads_api
from .watches import watches_api


def build_api(room: ControlRoom) -> FastAPI:
    """Build the application to mount at `/api/v1`, behind the gate that authenticates its callers."""
    api = FastAPI(
        title='Synapse',
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url='/openapi.json',
        redirect_slashes=False,
    )
    api.router.route_class = StrictRoute
    api.openapi_version = '3.0.3'  # the newest that the bundled Swagger UI supports
    methods: defaultdict[str, set[str]] = defaultdict(set)
    # Those of `/scheduler/…` come before `/scheduler/{id}`, which would match them.
    scheduler = (import_rules_api, subscriptions_api, scheduler_api)
    for part in (
        pipelines_api,
        runs_api,
        logs_api,
        uploads_api,
        profiles_api,
        watches_api,
        notifications_api,
        access_api,
        backup_api,
        damage_api,
        machines_api,
        stop_api,
        *scheduler,
    ):
        calls = part(room)
        for route in calls.routes:
            methods[getattr(route, 'path', '')] |= getattr(route, 'methods', None) or set()
        api.include_router(calls)
    api.state.methods = methods
    _add_docs(api)
    add_problem_handlers(api)
    api.add_middleware(WriteLimits)
    api.add_middleware(HeadRequests)
    return api


def _add_docs(api: FastAPI) -> None:
    """Serve Swagger UI from our own files: a control room may not reach a CDN."""
    api.mount('/docs/assets', StaticFiles(directory=swagger_ui_path))

    @api.get('/docs', include_in_schema=False)
    async def docs(request: Request) -> Response:
        here = request.scope['root_path']
        return get_swagger_ui_html(
            openapi_url=f'{here}/openapi.json',
            title='Synapse API',
            swagger_js_url=f'{here}/docs/assets/swagger-ui-bundle.js',
            swagger_css_url=f'{here}/docs/assets/swagger-ui.css',
            swagger_favicon_url=f'{here.removesuffix("/api/v1")}/favicon.ico',
        )
