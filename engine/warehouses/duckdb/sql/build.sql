CREATE TABLE {{ staging }} AS
SELECT
{%- for column in columns %}
    CAST(built.{{ column.name | q }} AS {{ column.type.duckdb }}) AS {{ column.name | q }}{{ "," if not loop.last or ranked }}
{%- endfor %}
{%- if ranked %}
    built.__rank AS __rank
{%- endif %}
FROM (
{{ select }}
) AS built
{%- if empty %}
WHERE 1 = 0
{%- endif %}
