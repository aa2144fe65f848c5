"""Files of a project that belong to no table."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from engine.config.project import PIPELINES, Project
from engine.core.errors import Problem, nearest
from engine.core.layers import LAYERS


def strays(project: Project, declared: Collection[str]) -> Iterator[Problem]:
    """Templates and suites that belong to no table: a misspelt file name would otherwise judge nothing."""
    templates, expectations = project.files
    sql = [
        path for layer in LAYERS for path in (templates / layer).glob("*.sql")
    ]  # others are there to be imported
    yaml = [path for path in expectations.rglob("*") if path.suffix in (".yaml", ".yml")]
    paths = {project.template_path(n) for n in declared} | {
        project.suite_path(n) for n in declared
    }
    for path in sorted({*sql, *yaml} - paths):
        what, folder = ("template", templates) if path.suffix == ".sql" else ("suite", expectations)
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        said, expected = f"a {what} without a table: {PIPELINES} declares no {name}", f"{name}: under tables"
        if name in declared:
            said, expected = f"a suite that is not read: it ends in {path.suffix}", f"{path.stem}.yaml"
        shown = path.relative_to(project.root).as_posix()
        yield Problem(said, shown, 1, 1, expected, nearest(name, project.tables))
