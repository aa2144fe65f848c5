SELECT count(*) FROM {{ staging }} AS load
JOIN {{ name }} AS published ON {% for column in key %}{{ column | folded("published") }} = {{ column | folded("load") }}{{ " AND " if not loop.last }}{% endfor %}
{% if brought.files -%}
WHERE published._source_file NOT IN ({% include "read_files.sql" %})
{%- endif %}
