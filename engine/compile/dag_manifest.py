"""What a scheduler has to know of a project: its pipelines, their tables in order, what each reads; nothing more.

Working it out means binding every SELECT, which takes a second or two for a thousand tables, and Airflow reads DAG
files every few seconds. So what is right is kept in a file, with a digest of the names, sizes and times of everything
it was made from. What is wrong is never kept: it is looked at again until it is repaired.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine import __version__

FORMAT = 1


@dataclass(frozen=True)
class TableOutline:
    """A table: the tables it reads, and a page about it in Markdown."""

    inputs: list[str]
    description: str = ""
    doc: str = ""
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outline:
    """A project as far as it is right. ``pipelines`` are the settings of pipelines.yaml by name, with the names of the
    pipeline's tables in build order as ``order``; ``problem`` is everything that is wrong, in words."""

    project: str
    target: str
    embedded: bool
    pipelines: dict[str, dict[str, Any]]
    tables: dict[str, TableOutline]
    problem: str = ""


def outline(root: Path) -> Outline:
    """The outline of the project in ``root`` for the target that its environment chooses. Raises nothing for a wrong
    project: what cannot be used is not in it, and ``problem`` says why."""
    digest = _digest(root)
    kept = root / "data" / "outline.json"
    try:
        found = json.loads(kept.read_bytes())
        if found["digest"] == digest:
            return _restored(found["outline"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or of another version: it is made anew
    made = _made(root)
    if not made.problem:
        _keep(kept, {"digest": digest, "outline": asdict(made)})
    return made


def _digest(root: Path) -> str:
    seen = [f"{FORMAT} {__version__} {root} {os.environ.get('MEDALLION_TARGET', '')}"]
    seen += [f"{path} {size} {changed}" for path, size, changed in sorted(_files(root))]
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()


def _files(root: Path) -> Iterator[tuple[str, int, int]]:
    folders = [root / "templates", root / "expectations"]
    try:
        about = (root / "pipelines.yaml").stat()
        yield "pipelines.yaml", about.st_size, about.st_mtime_ns
    except OSError:
        pass  # reading the project says so
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir():
                folders.append(Path(entry.path))
            else:
                about = entry.stat()
                yield entry.path, about.st_size, about.st_mtime_ns


def _restored(kept: dict[str, Any]) -> Outline:
    return Outline(**{**kept, "tables": {name: TableOutline(**table) for name, table in kept["tables"].items()}})


def _keep(path: Path, content: dict[str, Any]) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(exist_ok=True)
        new.write_text(json.dumps(content), encoding="utf-8")
        new.replace(path)
    except OSError:
        pass  # a folder that cannot be written costs time, and nothing else


def _made(root: Path) -> Outline:
    import datetime as dt

    from engine.compile.partial import sound_model
    from engine.core.errors import ProjectError
    from engine.warehouses.kinds import kind_of

    try:
        sound = sound_model(root, None, dt.datetime.now(dt.UTC).date())
    except ProjectError as error:
        return Outline("", "", False, {}, {}, str(error))
    project, model = sound.model.project, sound.model
    pipelines = {
        name: {**project.pipelines[name].model_dump(mode="json", exclude={"tables"}), "order": tables}
        for name, tables in sound.pipelines().items()
    }
    used = {table for pipeline in pipelines.values() for table in pipeline["order"]}
    tables = {
        t.name: TableOutline(list(t.inputs), t.spec.description, _page(root, t), list(t.spec.tags))
        for t in model.tables.values()
        if t.name in used
    }
    embedded = kind_of(project.targets[model.target]).embedded
    return Outline(project.name, model.target, embedded, pipelines, tables, "\n".join(map(str, sound.problems)))


def _page(root: Path, table: Any) -> str:
    """What Airflow shows about a table: where its rows come from, its columns, its SELECT."""
    spec = table.spec
    reads = f"source `{spec.source}`" if table.landed else ", ".join(f"`{name}`" for name in table.inputs) or "nothing"
    lines = [f"**{table.name}**" + (f": {spec.description}" if spec.description else ""), ""]
    lines += [f"Reads {reads}. Key: {', '.join(f'`{k}`' for k in spec.key_columns) or 'none'}. Load: {spec.load}.", ""]
    lines += [f"[Quality report](/medallion/tables/{table.name}.html)", ""]
    lines += ["| column | type |", "| --- | --- |", *(f"| {c.name} | {c.type} |" for c in table.columns)]
    template = root / "templates" / (table.name.replace(".", "/") + ".sql")
    if table.rendered is not None:
        lines += ["", "```sql", template.read_text(encoding="utf-8").strip(), "```"]
    return "\n".join(lines)
