SELECT count(*) FROM {{ staging }} AS load
JOIN {{ name }} AS published ON {% for column in key %}{{ column | folded("published") }} = {{ column | folded("load") }}{{ " AND " if not loop.last }}{% endfor %}
WHERE published.is_current
{%- for column in compared %} AND load.{{ column.name | q }} {{ column | exact }} IS NOT DISTINCT FROM published.{{ column.name | q }} {{ column | exact }}{% endfor %}
