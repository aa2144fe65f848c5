CREATE VIEW {{ staging }} AS
SELECT
{%- for column in columns %}
    CAST(built.{{ column.name | q }} AS {{ column.type.duckdb }}) AS {{ column.name | q }}{{ "," if not loop.last }}
{%- endfor %}
FROM (
{{ select }}
) AS built
