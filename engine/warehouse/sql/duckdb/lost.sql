SELECT count(*) AS lost FROM {{ name }} AS published
WHERE NOT EXISTS (
    SELECT 1 FROM {{ staging }} AS load
    WHERE {% for column in compared %}{{ column | folded("published") }} IS NOT DISTINCT FROM {{ column | folded("load") }}{{ " AND " if not loop.last }}{% endfor %}
)
