CREATE TABLE IF NOT EXISTS {{ name }} (
{%- for column in columns %}
    {{ column.name | q }} {{ column.type.duckdb }}{{ "" if column.nullable else " NOT NULL" }}{{ "," if not loop.last }}
{%- endfor %}
)
