"""What OpenLineage is told of a published table: what it was made from, column by column, its rows and its verdicts.

Tables are named as OpenLineage's naming convention has it for SQL Server, ``mssql://host:port`` and
``database.schema.table`` (https://openlineage.io/docs/spec/naming/); an embedded warehouse and source files are files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.compile.manifest import Table
from engine.compile.partial import sound_model
from engine.config.project import Project
from engine.warehouses.kinds import kind_of

if TYPE_CHECKING:
    from engine.execution.tasks import Judged

FILES = "file"
"""OpenLineage's namespace of files."""


def facets(root: Path, target: str, name: str, judged: Judged | None) -> Any:
    """The lineage of one table as OpenLineage's provider takes it: its inputs, and the table with its facets."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset, schema_dataset

    model = sound_model(root, target, dt.datetime.now(dt.UTC).date()).model
    table = model.tables[name]
    namespace, prefix = _place(model.project, target)
    read = _files(model.project, target, table) if table.landed else [(namespace, prefix + i) for i in table.inputs]
    inputs = [InputDataset(namespace=n, name=f) for n, f in read]
    fields = [schema_dataset.SchemaDatasetFacetFields(name=c.name, type=str(c.type)) for c in table.shape.columns]
    about: dict[str, Any] = {
        "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
        "columnLineage": _columns(table, dict(_origins(table, read, namespace, prefix))),
    }
    counted: dict[str, Any] = {}
    if judged is not None:
        about["dataQualityAssertions"] = _assertions(judged)
        counted["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=judged.rows_published
        )
    output = OutputDataset(namespace=namespace, name=prefix + name, facets=about, outputFacets=counted)
    return OperatorLineage(inputs=inputs, outputs=[output])


def _place(project: Project, target: str) -> tuple[str, str]:
    """The namespace of the target's tables, and what stands before a table's name in it."""
    spec = project.target(target)
    return kind_of(spec).place(spec, project.root)


def _files(project: Project, target: str, table: Table) -> list[tuple[str, str]]:
    from engine.sources import open_source

    source = open_source(project.source(table.spec.source or "", target), project.root)
    return [(FILES, str(path.resolve())) for path in source.files()]


def _origins(
    table: Table, read: list[tuple[str, str]], namespace: str, prefix: str
) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """For each column the fields it is computed from, as (namespace, dataset, field)."""
    if table.landed:
        origin = {name: spec.origin or name for name, spec in table.spec.column_specs.items()}
        return [(c.name, [(n, f, origin.get(c.name, c.name)) for n, f in read]) for c in table.columns]
    return [(c.name, [(namespace, prefix + t, column) for t, column in sorted(c.lineage)]) for c in table.columns]


def _columns(table: Table, origins: Mapping[str, list[tuple[str, str, str]]]) -> Any:
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage

    return lineage.ColumnLineageDatasetFacet(
        fields={
            column: lineage.Fields(
                inputFields=[lineage.InputField(namespace=n, name=d, field=f) for n, d, f in fields],
                transformationType="IDENTITY" if table.landed else None,
                transformationDescription=None,
            )
            for column, fields in origins.items()
            if fields
        }
    )


def _assertions(judged: Judged) -> Any:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    return quality.DataQualityAssertionsDatasetFacet(
        assertions=[
            quality.Assertion(assertion=v.type, success=v.success, column=v.column or None) for v in judged.verdicts
        ]
    )
