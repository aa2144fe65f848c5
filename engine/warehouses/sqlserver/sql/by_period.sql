{%- set first = stood | first_day(grain) -%}
SELECT CONVERT(char(10), [first], 23) AS [first], COUNT_BIG(*) AS [n]
FROM (
    SELECT {{ first }} AS [first] FROM {{ table }} AS [old]
    WHERE {{ "[old].[is_current] = 1" if current else "1 = 1" }}
{%- if within.periods is not none %}
        AND (1 = 0
{%- if within.days %}
            OR ({{ stood }} >= {{ within.days[0] | literal }} AND {{ first }} <= {{ within.days[-1] | literal }})
{%- endif %}
{%- if none in within.periods %}
            OR {{ stood }} IS NULL
{%- endif %})
{%- endif %}
) AS [dated]
GROUP BY [first];
