"""What pywebview leaves out with Qt: downloads in Qt 6, and links that lead elsewhere in the same tab."""

import webbrowser
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def complete(window: Any, base: Callable[[], str]) -> None:
    """Save downloads where the person says, and open in the browser what does not belong to Synapse.

    Call it in the thread of the toolkit, before the window is shown.

    :param base: returns the address of Synapse
    """
    page = window.native.webview.page()
    page.profile().downloadRequested.connect(lambda download: _save(window.native, download))
    page.navigationRequested.connect(lambda request: _lead(request, urlsplit(base())[:2]))


def _lead(request: Any, origin: tuple[str, str]) -> None:
    address = request.url().toString()
    if request.isMainFrame() and address.startswith('http') and urlsplit(address)[:2] != origin:
        request.reject()
        webbrowser.open(address)


def _save(parent: Any, download: Any) -> None:
    toolkit: Any = import_module('webview.platforms.qt')
    paths = toolkit.QtCore.QStandardPaths
    folder = paths.writableLocation(paths.StandardLocation.DownloadLocation)
    proposed = str(Path(folder) / download.downloadFileName())
    chosen, _ = toolkit.QFileDialog.getSaveFileName(parent, '', proposed)
    if chosen:
        download.setDownloadDirectory(str(Path(chosen).parent))
        download.setDownloadFileName(Path(chosen).name)
        download.accept()
