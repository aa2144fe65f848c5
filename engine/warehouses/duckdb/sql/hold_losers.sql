INSERT INTO {{ held }} (quarantine_id, load_id, quarantined_at, source_file, source_row, reasons, row_data, state)
SELECT
    '', {{ load_id | text }}, CAST(now() AS TIMESTAMP), s._source_file, s._source_row,
    CAST(to_json([{{ reason | text }} || l.kept_row || ' of ' || l.kept_file]) AS VARCHAR),
    CAST(json_object({% for column in data %}{{ column.name | text }}, {{ column | all_digits("s") }}{{ ", " if not loop.last }}{% endfor %}) AS VARCHAR),
    'held'
FROM __losers AS l JOIN {{ staging }} AS s ON s.rowid = l.rid
WHERE NOT l.same
