INSERT INTO {{ held }} (quarantine_id, load_id, quarantined_at, source_file, source_row, reasons, row_data, state)
SELECT
    '', {{ load_id | text }}, TIMESTAMP {{ moment | text }}, {{ "_source_file" if landed else "NULL" }}, {{ "_source_row" if landed else "NULL" }},
    CAST(to_json(list_filter([
{%- for condition, reason in reasons %}
        CASE WHEN {{ condition }} THEN {{ reason | text }} END{{ "," if not loop.last }}
{%- endfor %}
    ], lambda reason: reason IS NOT NULL)) AS VARCHAR),
    CAST(json_object({% for column in data %}{{ column.name | text }}, {{ column | all_digits }}{{ ", " if not loop.last }}{% endfor %}) AS VARCHAR),
    'held'
FROM {{ staging }}
WHERE {% for condition, _ in reasons %}({{ condition }}){{ " OR " if not loop.last }}{% endfor %}
