UPDATE {{ name }} AS published SET valid_to = TIMESTAMP {{ moment | text }}, is_current = false
WHERE published.is_current AND NOT EXISTS (
    SELECT 1 FROM {{ staging }} AS load
    WHERE {% for column in key %}{{ column | folded("published") }} = {{ column | folded("load") }} AND {% endfor -%}
    {% for column in compared %}load.{{ column.name | q }} {{ column | exact }} IS NOT DISTINCT FROM published.{{ column.name | q }} {{ column | exact }}{{ " AND " if not loop.last }}{% else %}true{% endfor %}
)
{%- if holds %} AND (
    EXISTS (SELECT 1 FROM {{ staging }} AS load WHERE
        {%- for column in key %} {{ column | folded("published") }} = {{ column | folded("load") }}{{ " AND" if not loop.last }}{% endfor %})
    -- a row in quarantine is not gone
    OR NOT EXISTS (SELECT 1 FROM {{ held }} AS quarantined WHERE
        {%- for column in key %} {{ column | folded("published") }} = {{ column | folded_said("quarantined") }}{{ " AND" if not loop.last }}{% endfor %})
)
{%- endif %}
;
INSERT INTO {{ name }} BY NAME
SELECT load.*, TIMESTAMP {{ moment | text }} AS valid_from, CAST(NULL AS TIMESTAMP) AS valid_to, true AS is_current
FROM {{ staging }} AS load
WHERE NOT EXISTS (
    SELECT 1 FROM {{ name }} AS published
    WHERE published.is_current AND {% for column in key %}{{ column | folded("published") }} = {{ column | folded("load") }}{{ " AND " if not loop.last }}{% endfor %}
)
;
DROP TABLE {{ staging }}
