SELECT COALESCE(SUM([n]), 0) AS [lost]
FROM (
    SELECT SUM([side]) AS [n]
    FROM (
        SELECT {% if compared %}{{ compared | names("old") }}, {% endif %}CAST(1 AS bigint) AS [side]
        FROM {{ published }} AS [old]
        WHERE {{ "[old].[is_current] = 1" if current else "1 = 1" }}
{%- if within is not none %}
{%- if within %}
            AND EXISTS (
                SELECT 1
                FROM (VALUES {% for day in within %}(CAST({{ day | literal }} AS date)){{ ", " if not loop.last }}{% endfor %}) AS [present] ([first])
                WHERE [present].[first] = {{ stood | first_day(grain) }}
                    OR ([present].[first] IS NULL AND {{ stood }} IS NULL)
            )
{%- else %}
            AND 1 = 0
{%- endif %}
{%- endif %}
{%- if files %}
            AND EXISTS (
                SELECT 1
                FROM (VALUES {% for name in files %}({{ name | literal }}){{ ", " if not loop.last }}{% endfor %}) AS [again] ([name])
                WHERE [again].[name] = [old].[_source_file]
            )
{%- endif %}
{%- if compared %}
        UNION ALL
        SELECT {{ compared | names("new") }}, CAST(-1 AS bigint) FROM {{ staging }} AS [new]
{%- endif %}
    ) AS [either]
{%- if compared %}
    GROUP BY {{ compared | names }}
{%- endif %}
    HAVING SUM([side]) > 0
) AS [gone];
