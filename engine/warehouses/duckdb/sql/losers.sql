WITH ranked AS (
    SELECT rowid AS loser, first_value(rowid) OVER same AS winner
    FROM {{ staging }}
    WINDOW same AS (
        PARTITION BY {% for column in key %}{{ column | folded }}{{ ", " if not loop.last }}{% endfor %}
        ORDER BY _source_file DESC, _source_row DESC
    )
)
SELECT ranked.loser AS rid, w._source_file AS kept_file, w._source_row AS kept_row,
    {% for column in compared %}l.{{ column.name | q }} {{ column | exact }} IS NOT DISTINCT FROM w.{{ column.name | q }} {{ column | exact }}{{ " AND " if not loop.last }}{% else %}true{% endfor %} AS same
FROM ranked
JOIN {{ staging }} AS l ON l.rowid = ranked.loser
JOIN {{ staging }} AS w ON w.rowid = ranked.winner
WHERE ranked.loser <> ranked.winner
