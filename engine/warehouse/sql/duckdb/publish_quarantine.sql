CREATE TABLE IF NOT EXISTS {{ quarantine }} (
{%- for column in held_columns %}
    {{ column.name | q }} {{ column.type.duckdb }}{{ "," if not loop.last }}
{%- endfor %}
)
;
{% if replaces -%}
UPDATE {{ quarantine }} SET state = 'superseded' WHERE state = 'held'
;
{% endif -%}
{% if holds -%}
INSERT INTO {{ quarantine }}
SELECT {{ load_id | text }} || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM {{ held }}
;
DROP TABLE {{ held }}
{%- endif %}
