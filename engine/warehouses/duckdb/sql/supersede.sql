CREATE TABLE IF NOT EXISTS {{ quarantine }} (
{%- for column in held_columns %}
    {{ column.name | q }} {{ column.type.duckdb }}{{ "," if not loop.last }}
{%- endfor %}
)
;
{% if load in ("replace", "view", "scd2") -%}
UPDATE {{ quarantine }} SET state = 'superseded' WHERE state = 'held'
{%- elif brought.files or load == "partition" or again -%}
UPDATE {{ quarantine }} AS earlier SET state = 'superseded' WHERE state = 'held' AND (false
{%- if brought.files %}
    OR source_file IN ({% include "read_files.sql" %})
{%- elif again %}
    OR EXISTS (SELECT 1 FROM {{ staging }} AS load WHERE
        {%- for column in again %} TRY_CAST({{ column.name | said("earlier", column.type) }} AS {{ column.type.duckdb }}) = load.{{ column.name | q }}{{ " AND" if not loop.last }}{% endfor %})
{%- if holds %}
    OR EXISTS (SELECT 1 FROM {{ held }} AS load WHERE
        {%- for column in again %} {{ column.name | said("earlier", column.type) }} = {{ column.name | said("load", column.type) }}{{ " AND" if not loop.last }}{% endfor %})
{%- endif %}
{%- endif %}
{%- if load == "partition" %}
    OR date_trunc('{{ partition_by.grain }}', TRY_CAST(left({{ partition_by.column | said("earlier") }}, 10) AS DATE))
        IN ({% include "read_periods.sql" %})
{%- if none in brought.periods %}
    -- of a line that did not parse nobody knows the date
    OR (coalesce(trim({{ partition_by.column | said("earlier") }}), '') = '' AND earlier.row_data NOT LIKE '{"_raw":%')
{%- endif %}
{%- endif %})
{%- endif %}
