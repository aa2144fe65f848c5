CREATE TABLE {{ whole }} AS
SELECT
{%- for column in columns %}
    {% if column.name | lower in there %}published.{{ column.name | q }}{% else %}CAST(NULL AS {{ column.type.duckdb }}){% endif %} AS {{ column.name | q }}{{ "," if not loop.last }}
{%- endfor %}
FROM {{ name }} AS published
{% if load == "merge" -%}
WHERE NOT EXISTS (
    SELECT 1 FROM {{ staging }} AS load
    WHERE {% for column in key %}{{ column | folded("published") }} = {{ column | folded("load") }}{{ " AND " if not loop.last }}{% endfor %}
)
{%- elif load == "partition" -%}
{% set period = "date_trunc('" ~ partition_by.grain ~ "', " -%}
WHERE NOT EXISTS (
    SELECT 1 FROM ({% include "read_periods.sql" %}) AS present
    WHERE present.first IS NOT DISTINCT FROM {{ period }}published.{{ partition_by.column | q }})
)
{%- elif brought.files -%}
WHERE published._source_file NOT IN ({% include "read_files.sql" %})
{%- endif %}
UNION ALL
SELECT {% for column in columns %}{{ column.name | q }}{{ ", " if not loop.last }}{% endfor %} FROM {{ staging }}
