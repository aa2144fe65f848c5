CREATE TABLE IF NOT EXISTS {{ held }} (
{%- for column in held_columns %}
    {{ column.name | q }} {{ column.type.duckdb }}{{ "," if not loop.last }}
{%- endfor %}
)
