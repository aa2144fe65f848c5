SELECT coalesce(sum(n), 0) AS lost FROM (
    SELECT sum(side) AS n FROM (
        SELECT {% for column in compared %}{{ column | folded("published") }} AS c{{ loop.index }}, {% endfor %}1 AS side
        FROM {{ name }} AS published
        WHERE {{ "published.is_current" if current else "true" }}
{%- if within is not none %}
            AND EXISTS (
                SELECT 1 FROM (SELECT unnest(CAST({{ within | list }} AS DATE[])) AS first) AS present
                WHERE present.first IS NOT DISTINCT FROM date_trunc('{{ partition_by.grain }}', {{ stood }})
            )
{%- endif %}
{%- if files is not none %}
            AND published._source_file IN (SELECT unnest(CAST({{ files | list }} AS VARCHAR[])))
{%- endif %}
{%- if compared %}
        UNION ALL
        SELECT {% for column in compared %}{{ column | folded("load") }}, {% endfor %}-1 FROM {{ staging }} AS load
{%- endif %}
    ) AS either
{%- if compared %}
    GROUP BY {% for column in compared %}c{{ loop.index }}{{ ", " if not loop.last }}{% endfor %}
{%- endif %}
    HAVING sum(side) > 0
) AS gone
