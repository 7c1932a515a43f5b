"""All pages but the dashboard, imported together when the first of them is shown, or shortly after the start."""

from pages.help.page import help_page as help_page
from pages.logs.page import Asked as Asked
from pages.logs.page import logs_page as logs_page
from pages.pipelines.page import pipelines_page as pipelines_page
from pages.pipelines.pipeline_page import pipeline_page as pipeline_page
from pages.profiles.page import profiles_page as profiles_page
from pages.runs.page import runs_page as runs_page
from pages.runs.run_filters import RunsAsked as RunsAsked
from pages.runs.run_page import run_page as run_page
from pages.scheduler.page import scheduler_page as scheduler_page
from pages.settings.page import settings_page as settings_page
