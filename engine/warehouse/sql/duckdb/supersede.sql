CREATE TABLE IF NOT EXISTS {{ quarantine }} (
{%- for column in held_columns %}
    {{ column.name | q }} {{ column.type.duckdb }}{{ "," if not loop.last }}
{%- endfor %}
)
;
{% macro said(column, of) -%} ({{ of }}.row_data ->> {{ ("$." ~ (column | q)) | text }}) {%- endmacro -%}
{% if load in ("replace", "view", "scd2") -%}
UPDATE {{ quarantine }} SET state = 'superseded' WHERE state = 'held'
{%- elif landed or load == "partition" or (load == "merge" and key) -%}
UPDATE {{ quarantine }} AS earlier SET state = 'superseded' WHERE state = 'held' AND (false
{%- if landed %}
    OR source_file IN (SELECT _source_file FROM {{ staging }}{% if holds %} UNION SELECT source_file FROM {{ held }}{% endif %})
{%- elif load == "merge" %}
    OR EXISTS (SELECT 1 FROM {{ staging }} AS load WHERE
        {%- for column in key %} TRY_CAST({{ said(column.name, "earlier") }} AS {{ column.type.duckdb }}) = load.{{ column.name | q }}{{ " AND" if not loop.last }}{% endfor %})
{%- if holds %}
    OR EXISTS (SELECT 1 FROM {{ held }} AS load WHERE
        {%- for column in key %} {{ said(column.name, "earlier") }} = {{ said(column.name, "load") }}{{ " AND" if not loop.last }}{% endfor %})
{%- endif %}
{%- endif %}
{%- if load == "partition" %}
    OR date_trunc('{{ partition_by.grain }}', TRY_CAST(left({{ said(partition_by.column, "earlier") }}, 10) AS DATE))
        IN (SELECT date_trunc('{{ partition_by.grain }}', CAST({{ partition_by.column | q }} AS DATE)) FROM {{ staging }})
{%- endif %})
{%- endif %}
