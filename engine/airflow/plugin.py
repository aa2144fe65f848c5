"""The project's Data Docs inside Airflow: a page in its navigation, for people who are logged in.

The pages show rows of the data, so they are served by Airflow's API server behind Airflow's own login, and from the
folder that the report task writes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/medallion"
PROJECT = "MEDALLION_PROJECT"
"""The environment variable that names the project folder; the folder above Airflow's DAGs otherwise."""
NOTHING_YET = """<!doctype html><meta charset="utf-8"><title>Data quality</title>
<body style="font-family: sans-serif; color: #444; padding: 3em">
<h1 style="font-size: 1.3em">No report yet</h1>
<p>The first run of a pipeline writes it: trigger one, and come back.</p>"""


def pages_folder() -> Path:
    """Where the Data Docs of the project lie."""
    from airflow.configuration import conf

    from engine.pages.quality import docs_path

    named = os.environ.get(PROJECT)
    return docs_path(Path(named) if named else Path(conf.get("core", "dags_folder")).parent).parent.resolve()


def _page(folder: Path, path: str) -> Path | None:
    """The file in ``folder`` that an address asks for, if there is one."""
    try:
        found = (folder / path).resolve()
        if found.is_dir():
            found /= "index.html"
        return found if found.is_relative_to(folder) and found.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def pages() -> Any:
    """The web application that serves them. Without a login of Airflow's it answers 401."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import FileResponse, HTMLResponse, Response

    app = FastAPI(
        title="Data quality", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None
    )

    def page(path: str) -> Response:
        if found := _page(pages_folder(), path):
            # A report changes with every run.
            return FileResponse(found, headers={"Cache-Control": "no-cache"})
        if path in ("", "index.html"):
            return HTMLResponse(NOTHING_YET)
        raise HTTPException(404, f"the report has no page {path}")

    app.add_api_route("/{path:path}", page, methods=["GET"])
    return app


class _Later:
    """The application, made when the first request comes: Airflow's tasks load plugins too, and serve nothing."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            self._app = pages()
        await self._app(scope, receive, send)


class MedallionPlugin(AirflowPlugin):
    """What Airflow finds by the entry point of this package."""

    name = "medallion"
    fastapi_apps = [{"app": _Later(), "url_prefix": PREFIX, "name": "Data quality"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {"name": "Data quality", "href": f"{PREFIX}/", "destination": "nav", "url_route": "data-quality"}
    ]
