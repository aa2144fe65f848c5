{% set period = "date_trunc('" ~ partition_by.grain ~ "', " -%}
SELECT count(*) FROM {{ staging }} AS load
JOIN {{ name }} AS published ON {% for column in key %}{{ column | folded("published") }} = {{ column | folded("load") }}{{ " AND " if not loop.last }}{% endfor %}
WHERE NOT EXISTS (
    SELECT 1 FROM ({% include "read_periods.sql" %}) AS present
    WHERE present.first IS NOT DISTINCT FROM {{ period }}published.{{ partition_by.column | q }})
)
