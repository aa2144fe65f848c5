CREATE OR REPLACE VIEW {{ name }} AS
SELECT
{%- for column in columns %}
    CAST(built.{{ column.name | q }} AS {{ column.type.duckdb }}) AS {{ column.name | q }}{{ "," if not loop.last }}
{%- endfor %}
FROM (
{{ select }}
) AS built
;
DROP VIEW {{ staging }}
