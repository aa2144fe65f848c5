SELECT count(*) FROM (
    SELECT 1 FROM {{ staging }} GROUP BY {% for column in key %}{{ column | folded }}{{ ", " if not loop.last }}{% endfor %} HAVING count(*) > 1
)
