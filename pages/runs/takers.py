"""Which pipeline takes a file, and as which of its parameters."""

from collections.abc import Sequence

from synapse.catalog.catalog import Catalog
from synapse.catalog.info import PipelineInfo
from synapse.catalog.info import file_parameter as file_parameter


def suffixes_taken(catalog: Catalog) -> list[str] | None:
    """Return the suffixes of the files that any pipeline takes; None if one of them takes every file."""
    takers = [info.accepts for info in catalog.all() if info.is_runnable and file_parameter(info)]
    return sorted({suffix for accepts in takers for suffix in accepts}) if all(takers) else None


def taker_of(name: str, catalog: Catalog, wanted: str = '') -> PipelineInfo | None:
    """Return the pipeline for a file: one that names its suffix, or else one that takes any file.

    :param wanted: preferred to others that take the file equally well
    """
    named = catalog.accepting(name)
    any_file = [info for info in catalog.all() if info.is_runnable and not info.accepts]
    for able in (named, any_file):
        takers = [info for info in able if file_parameter(info) is not None]
        if takers:
            return next((info for info in takers if info.name == wanted), takers[0])
    return None


def pipeline_to_offer(infos: Sequence[PipelineInfo], wanted: str) -> PipelineInfo | None:
    """Return the wanted pipeline if it can run, else the first that takes files, else the first that can run."""
    runnable = (info for info in infos if info.is_runnable)
    return min(runnable, key=lambda info: (info.name != wanted, not info.accepts), default=None)
