{% if holds -%}
INSERT INTO {{ quarantine }} BY NAME
SELECT {{ load_id | text }} || '-' || row_number() OVER (ORDER BY source_file, source_row, row_data) AS quarantine_id, * EXCLUDE (quarantine_id)
FROM {{ held }}
;
DROP TABLE {{ held }}
{%- endif %}
